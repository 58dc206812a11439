"""What a picture looks like in a few pixels, by which it is known again in another size or quality.

A perceptual hash of the usual kind (64 bits of which pixel is lighter than its neighbour, as in
`imagehash`, which also takes SciPy along) can't tell apart pictures with little in them, such as
digits or one product after another before one wall. These few pixels can, and take no longer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 16
"""Pixels across and down. Measured against 8 and 12, which tell photos of clothes apart less well:
see `near_copies`."""

_ENOUGH: Final = 128
"""A picture whose sides are both twice as long is first made smaller in whole steps: faster."""

DTYPE: Final = np.dtype([("pixels", np.uint8, (SIDE, SIDE, 3)), ("highest", np.uint32)])
"""Of the looks of several pictures."""

Looks = NDArray[np.void]


class Look(Struct, frozen=True):
    """What was noticed of a picture while it was decoded.

    Attributes:
        pixels: All of it, upright and out of proportion; uint8, shape (SIDE, SIDE, 3), in RGB.
        highest: The highest value of a picture that has more than 8 bits; 0 of one that hasn't.
    """

    pixels: NDArray[np.uint8]
    highest: int


def look_pixels(picture: Image.Image, turn: Image.Transpose | None) -> NDArray[np.uint8]:
    """A picture's few pixels.

    Args:
        picture: In L or RGB, whole, in any size.
        turn: What sets it upright.
    """
    step = max(1, min(picture.size) // _ENOUGH)
    box = (0, 0, picture.width / step, picture.height / step)
    if step > 1:
        picture = picture.reduce(step)
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box).convert("RGB")
    return np.asarray(small if turn is None else small.transpose(turn))
