"""Light copies of a corrected picture, so that it is not only its very pixels that are learned."""

from __future__ import annotations

import numpy as np
from PIL import Image

from imgclf.data.decoder import Pixels

COPIES = 12
_DEGREES, _CROP, _BRIGHTNESS = 8.0, 0.15, 0.2


def light_copies(picture: Pixels, count: int = COPIES, seed: int = 0) -> Pixels:
    """The picture itself and copies of it, changed as little as another photo might differ.

    Every second copy is mirrored; each is turned by up to 8 degrees, cropped by up to 15 % and
    made brighter or darker by up to 20 %, in one bilinear resampling. What a turn brings in from
    outside is the repeated edge in the first half of them and black in the second.

    Args:
        picture: uint8, shape (height, width, 3).
        count: How many copies.
        seed: Of the changes.

    Returns:
        uint8, shape (count + 1, height, width, 3); the picture itself comes first.
    """
    generator = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    border = max(height, width) // 4  # more than a turn by 8 degrees brings in
    around = ((border, border), (border, border), (0, 0))
    with_edge = Image.fromarray(np.pad(picture, around, mode="edge"))
    with_black = Image.fromarray(np.pad(picture, around, mode="constant"))
    copies = [picture]
    for index in range(count):
        angle = np.deg2rad(generator.uniform(-_DEGREES, _DEGREES))
        zoom = 1 - generator.uniform(0, _CROP)
        slack_x, slack_y = generator.uniform(-1, 1, 2) * (1 - zoom) / 2
        brightness = generator.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS)
        mirror = -1 if index % 2 == 0 else 1
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        # The matrix takes a place in the copy to its place in the padded picture.
        x = border + width * (0.5 + slack_x) - mirror * cos * width / 2 + sin * height / 2
        y = border + height * (0.5 + slack_y) - mirror * sin * width / 2 - cos * height / 2
        copy = (with_edge if index < count // 2 else with_black).transform(
            (width, height),
            Image.Transform.AFFINE,
            (mirror * cos, -sin, x, mirror * sin, cos, y),
            Image.Resampling.BILINEAR,
        )
        copies.append(
            np.clip(np.rint(np.asarray(copy, np.float32) * brightness), 0, 255).astype(np.uint8)
        )
    return np.stack(copies)
