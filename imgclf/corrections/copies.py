"""Light copies of a corrected picture, so that it is not only its very pixels that are learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgclf.data.cache import Pixels

COPIES = 12
_DEGREES, _CROP, _BRIGHTNESS = 8.0, 0.15, 0.2


def light_copies(picture: Pixels, count: int = COPIES, seed: int = 0) -> Pixels:
    """The picture itself and copies of it, changed as little as another photo might differ.

    Every second copy is mirrored; each is turned by up to 8 degrees, cropped by up to 15 % and
    made brighter or darker by up to 20 %, in one bilinear resampling.

    Args:
        picture: uint8, shape (height, width, 3).
        count: How many copies.
        seed: Of the changes.

    Returns:
        uint8, shape (count + 1, height, width, 3); the picture itself comes first.
    """
    generator = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    copies = [picture]
    for index in range(count):
        angle = np.deg2rad(generator.uniform(-_DEGREES, _DEGREES))
        zoom = 1 - generator.uniform(0, _CROP)
        shift = generator.uniform(-1, 1, 2) * (1 - zoom) / 2 * (width, height)
        across = -x if index % 2 == 0 else x
        source_x = zoom * (np.cos(angle) * across - np.sin(angle) * y) + (width - 1) / 2 + shift[0]
        source_y = zoom * (np.sin(angle) * across + np.cos(angle) * y) + (height - 1) / 2 + shift[1]
        brightness = generator.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS)
        copy = _sample(picture, source_y, source_x) * brightness
        copies.append(np.clip(np.rint(copy), 0, 255).astype(np.uint8))
    return np.stack(copies)


def _sample(picture: Pixels, y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture at fractional coordinates, bilinear; beyond its edge, its edge."""
    height, width = picture.shape[:2]
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top = np.minimum(y.astype(np.int64), height - 2)
    left = np.minimum(x.astype(np.int64), width - 2)
    down, right = (y - top)[..., np.newaxis], (x - left)[..., np.newaxis]
    source = picture.astype(np.float32)
    above = source[top, left] * (1 - right) + source[top, left + 1] * right
    below = source[top + 1, left] * (1 - right) + source[top + 1, left + 1] * right
    result: NDArray[np.float32] = above * (1 - down) + below * down
    return result
