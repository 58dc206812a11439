"""Every colour model that a picture file may have, brought to 8-bit RGB or grey."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

_WHITE: Final = (255, 255, 255)
"""What shows through transparency: cut-outs are made for a white page, and dark outlines, which
black would swallow, are commoner in them than white ones."""

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0


def highest_value(picture: Image.Image) -> int:
    """The highest value in a picture of whole numbers of more than 8 bits; 0 of another one."""
    if picture.mode != "I" and not picture.mode.startswith("I;16"):
        return 0
    return max(0, int(np.asarray(picture).max()))


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture as RGB, or as L, which is resized at a third of the cost."""
    if picture.mode.startswith(("I", "F")):
        return _to_8_bits(picture)
    if picture.has_transparency_data:
        key = picture.info.get("transparency")
        if isinstance(key, tuple) and max(key) > 255:  # of a 16-bit PNG, whose pixels are 8-bit now
            picture.info["transparency"] = tuple(value >> 8 for value in key)
        clear = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        opaque = Image.new("RGB", clear.size, _WHITE)
        opaque.paste(clear, mask=clear.getchannel("A"))
        return opaque
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Scales deep greyscale by its depth, where `Image.convert` would clip it at 255.

    For 32 bits and floating point no white is agreed on: it is taken to be the least of 1, 255,
    65,535 and 2,147,483,647 that no pixel exceeds.
    """
    values = np.asarray(picture)
    tags = getattr(picture, "tag_v2", {})
    if picture.mode.startswith("I;16") or (picture.format == "PPM" and picture.mode == "I"):
        white = (1 << tags.get(_BITS_PER_SAMPLE, (16,))[0]) - 1
        deep = values.astype(np.uint32)
        deep *= 255  # in place: a scan of 80 megapixels is large enough once
        deep += white // 2
        deep //= white
        grey = np.minimum(deep, 255).astype(np.uint8)
    else:
        real = np.where(np.isfinite(values), values, 0)
        most = real.max()
        level = next((level for level in (1, 255, 65_535, 2_147_483_647) if most <= level), most)
        grey = np.clip(real * (255 / level) + 0.5, 0, 255).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    if isinstance(key := picture.info.get("transparency"), int):
        grey[values == key] = 255
    return Image.fromarray(grey)
