"""Every colour model that a picture file may have, brought to 8-bit RGB or grey."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

WHOLE_DEPTH: Final = 16
"""Bits that values of 16 bits use where nobody says that they use fewer."""

_WHITE: Final = (255, 255, 255)
"""What shows through transparency: cut-outs are made for a white page, and dark outlines, which
black would swallow, are commoner in them than white ones."""

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0


def has_deep_colours(picture: Image.Image) -> bool:
    """Whether a picture in colour has 16 bits a channel, of which Pillow reads the upper 8.

    Args:
        picture: Not loaded yet: afterwards nothing tells.
    """
    tiles = getattr(picture, "tile", ())
    return picture.mode in ("RGB", "RGBA") and any(";16" in str(tile) for tile in tiles)


def highest_value(picture: Image.Image, *, is_deep: bool) -> int:
    """The highest value in a picture of 16 bits; 0 of another one.

    Args:
        picture: Loaded.
        is_deep: See `has_deep_colours`.
    """
    if is_deep:
        brightest = max(high for _, high in _extremes(picture.convert("RGB")))
        return brightest << 8 | 255
    if _own_depth(picture) != WHOLE_DEPTH:
        return 0
    return max(0, int(np.asarray(picture).max()))


def _extremes(picture: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in picture.split()]  # type: ignore[misc]


def _own_depth(picture: Image.Image) -> int | None:
    """The bits that a deep greyscale picture says it has, if it doesn't leave them open."""
    if picture.format == "PPM" or not picture.mode.startswith("I;16"):
        return None
    depth: int = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (WHOLE_DEPTH,))[0]
    return depth


def to_rgb(
    picture: Image.Image, bit_depth: int = WHOLE_DEPTH, *, is_deep: bool = False
) -> Image.Image:
    """The picture as RGB, or as L, which is resized at a third of the cost.

    Args:
        picture: Loaded.
        bit_depth: How many bits the values of a picture of 16 bits use.
        is_deep: See `has_deep_colours`.
    """
    if is_deep and bit_depth < WHOLE_DEPTH:
        picture = _brightened(picture, bit_depth)
    if picture.mode.startswith(("I", "F")):
        return _to_8_bits(picture, bit_depth)
    if picture.has_transparency_data:
        key = picture.info.get("transparency")
        if isinstance(key, tuple) and max(key) > 255:  # of a 16-bit PNG, whose pixels are 8-bit now
            picture.info["transparency"] = tuple(value >> 8 for value in key)
        clear = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        opaque = Image.new("RGB", clear.size, _WHITE)
        opaque.paste(clear, mask=clear.getchannel("A"))
        return opaque
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _brightened(picture: Image.Image, bit_depth: int) -> Image.Image:
    """Of the upper 8 bits those that are used, as 8 bits; coarse, for the others are gone."""
    white = max(1, (1 << max(0, bit_depth - 8)) - 1)
    table = [min(255, value * 255 // white) for value in range(256)]
    bands = [
        band if name == "A" else band.point(table)
        for name, band in zip(picture.getbands(), picture.split(), strict=True)
    ]
    return Image.merge(picture.mode, bands)


def _to_8_bits(picture: Image.Image, bit_depth: int) -> Image.Image:
    """Scales deep greyscale by its depth, where `Image.convert` would clip it at 255.

    For 32 bits and floating point no white is agreed on: it is taken to be the least of 1, 255,
    65,535 and 2,147,483,647 that no pixel exceeds.
    """
    values = np.asarray(picture)
    tags = getattr(picture, "tag_v2", {})
    if picture.mode.startswith("I;16") or (picture.format == "PPM" and picture.mode == "I"):
        own = tags.get(_BITS_PER_SAMPLE, (WHOLE_DEPTH,))[0]
        is_open = own == WHOLE_DEPTH and picture.format != "PPM"  # which Pillow has scaled
        white = (1 << (bit_depth if is_open else own)) - 1
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
