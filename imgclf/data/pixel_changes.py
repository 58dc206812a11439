"""Random changes of a picture that stays in place: brightness, contrast, colour, erased pieces.

Each does to bytes what a Keras layer does to floats, and rounds. Most of them make of each value
another one, which takes one look-up in a table for each byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels

_Draw: TypeAlias = Callable[[Any, np.random.Generator, int, int, int], Sequence[Any]]
_Change: TypeAlias = Callable[[Any, Pixels, Any], Pixels]


@dataclass(frozen=True)
class PixelChange:
    """What one Keras layer does while training, to each picture by itself.

    Args:
        layer: One that `changes_alike` accepts.
    """

    layer: Any

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layer."""
        return (self.layer,)

    def draw(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> Sequence[Any]:
        """Draws what happens to so many pictures: something for each, from Keras's distribution."""
        return _KINDS[type(self.layer).__name__].draw(self.layer, random, count, height, width)

    def change(self, picture: Pixels, drawn: Any) -> Pixels:
        """The picture, uint8 of shape (height, width, 3), with what was drawn done to it."""
        return _KINDS[type(self.layer).__name__].change(self.layer, picture, drawn)


def changes_alike(layer: Any) -> bool:
    """Whether it is known here and takes bytes as they are, without a seed or dtype of its own."""
    return (
        type(layer).__name__ in _KINDS
        and getattr(layer, "seed", None) is None
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
        and tuple(layer.value_range) == (0, 255)
        and getattr(layer, "bins", 256) == 256
    )


def _factors(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[Any]:
    lower, upper = layer.factor
    return list(random.uniform(lower, upper, count))


def _nothing(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[Any]:
    return [None] * count


def _by_table(picture: Pixels, values: NDArray[np.float64]) -> Pixels:
    """Each byte becomes the value at its place, rounded; one for each channel, or for all."""
    import cv2  # 0.1 s, which whoever trains without augmentation need not pay

    table = np.rint(values).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table.reshape(1, 256, -1)), np.uint8)


def _brighten(layer: Any, picture: Pixels, factor: float) -> Pixels:
    return _by_table(picture, _BYTES + 255 * factor)


def _contrasts(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[Any]:
    lower, upper = layer.factor
    return list(random.uniform(1 - lower, 1 + upper, count))


def _contrast(layer: Any, picture: Pixels, factor: float) -> Pixels:
    import cv2

    means = np.array(cv2.mean(picture)[:3])
    return _by_table(picture, (_BYTES[:, np.newaxis] - means) * factor + means)


def _take_colour(layer: Any, picture: Pixels, factor: float) -> Pixels:
    import cv2

    mixed = (1 - factor) * np.eye(3) + factor * _GREY
    return np.asarray(cv2.transform(picture, mixed), np.uint8)


def _sharpen(layer: Any, picture: Pixels, factor: float) -> Pixels:
    import cv2

    kernel = (1 - 2 * factor) * _SMOOTHING
    kernel[1, 1] += 2 * factor
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.uint8)


def _bits(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[Any]:
    lower, upper = map(int, layer.factor)
    return [lower] * count if lower == upper else list(random.integers(lower, upper, count))


def _posterize(layer: Any, picture: Pixels, bits: int) -> Pixels:
    return picture & np.uint8(256 - (1 << (8 - bits)))


def _solarizations(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[Any]:
    ranges = (layer.addition_factor, layer.threshold_factor)
    drawn = [random.uniform(lower, 255 * upper, count) for lower, upper in ranges]
    return list(zip(*drawn, strict=True))


def _solarize(layer: Any, picture: Pixels, drawn: tuple[float, float]) -> Pixels:
    addition, threshold = drawn
    brighter = (_BYTES + addition).clip(0, 255)
    return _by_table(picture, np.where(brighter < threshold, brighter, 255 - brighter))


def _stretch(layer: Any, picture: Pixels, drawn: None) -> Pixels:
    low = picture.min((0, 1)).astype(np.float64)
    high = picture.max((0, 1)).astype(np.float64)
    spread = np.where(high > low, high - low, 255)
    stretched = (_BYTES[:, np.newaxis] - low) * 255 / spread
    return _by_table(picture, np.where(high > low, stretched, _BYTES[:, np.newaxis]))


def _equalize(layer: Any, picture: Pixels, drawn: None) -> Pixels:
    import cv2

    return np.dstack([cv2.equalizeHist(channel) for channel in cv2.split(picture)])


class _Piece(NamedTuple):
    """What is erased of a picture, in pixels, and the seed of the noise in its place."""

    top: int
    bottom: int
    left: int
    right: int
    seed: int


def _pieces(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Sequence[_Piece | None]:
    (least, most), (rarest, likeliest) = layer.scale, layer.factor
    ratios = np.sqrt(random.uniform(least, most, (2, count)))
    sides = np.array([width, height])[:, np.newaxis]
    starts = random.random((2, count)) * (1 - ratios) * sides
    # Pixels whose own place lies in it, of which that of the end is none.
    (left, top), (right, bottom) = (
        np.ceil(edges).astype(np.int64) for edges in (starts, starts + ratios * sides)
    )
    erased = random.random(count) < random.uniform(rarest, likeliest, count)
    seeds = random.integers(2**32, size=count)
    every = np.stack([top, bottom, left, right, seeds], axis=1).tolist()
    return [
        _Piece(*one) if is_erased else None for one, is_erased in zip(every, erased, strict=True)
    ]


def _erase(layer: Any, picture: Pixels, piece: _Piece | None) -> Pixels:
    if piece is None:
        return picture
    erased = picture.copy()
    inside = erased[piece.top : piece.bottom, piece.left : piece.right]
    fill: Any = layer.fill_value
    if fill is None:
        fill = 255 * np.random.default_rng(piece.seed).standard_normal(inside.shape, np.float32)
    inside[:] = np.rint(np.clip(fill, 0, 255))
    return erased


class _Kind(NamedTuple):
    """How a layer draws for each picture, and what it makes of the picture then."""

    draw: _Draw
    change: _Change


_BYTES: Final = np.arange(256, dtype=np.float64)
_GREY: Final = np.tile([0.2989, 0.587, 0.114], (3, 1))  # as Keras weighs the channels
_SMOOTHING: Final = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
_KINDS: Final = {
    "AutoContrast": _Kind(_nothing, _stretch),
    "Equalization": _Kind(_nothing, _equalize),
    "RandomBrightness": _Kind(_factors, _brighten),
    "RandomColorDegeneration": _Kind(_factors, _take_colour),
    "RandomContrast": _Kind(_contrasts, _contrast),
    "RandomErasing": _Kind(_pieces, _erase),
    "RandomPosterization": _Kind(_bits, _posterize),
    "RandomSharpness": _Kind(_factors, _sharpen),
    "Solarization": _Kind(_solarizations, _solarize),
}
