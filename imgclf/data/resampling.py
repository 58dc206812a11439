"""Random flips, rotations, zooms and shifts of pictures, all in one resampling.

Keras resamples a picture once for each such layer, in float32 and inside the training step; for
a small network on a processor that is up to half of the step. Affine maps compose, so one
resampling of the uint8 picture, beside the step, does for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels

Matrices: TypeAlias = NDArray[np.float64]
_Draw: TypeAlias = Callable[[Any, np.random.Generator, int, int, int], Matrices]


@dataclass(frozen=True)
class Resampling:
    """What a run of geometric Keras layers does while training.

    The parameters are drawn from the distributions that the layers draw from. The result differs
    from theirs where several are in a row: they smooth at every step, and fill what comes in from
    outside by what the step before made of it.

    Args:
        layers: Keras layers that `resamples_alike` accepts.
    """

    layers: tuple[Any, ...]

    def draw(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> list[NDArray[np.float64]]:
        """Draws what happens to so many pictures.

        Returns:
            For each an affine map from pixels (x, y, 1) of the result to pixels of the picture,
            float64 of shape (2, 3).
        """
        whole = _identity(count)
        for layer in self.layers:
            whole = whole @ _DRAWS[type(layer).__name__](layer, random, count, height, width)
        return list(whole[:, :2])

    def change(self, picture: Pixels, drawn: NDArray[np.float64]) -> Pixels:
        """The picture, uint8 of shape (height, width, 3), as this map makes it."""
        import cv2  # 0.1 s, which whoever trains without augmentation need not pay

        fill_mode, interpolation, fill_value = self._manner()
        resampled = cv2.warpAffine(
            picture,
            drawn,
            (picture.shape[1], picture.shape[0]),
            flags=getattr(cv2, _FLAGS[interpolation]) | cv2.WARP_INVERSE_MAP,
            borderMode=getattr(cv2, _BORDERS[fill_mode]),
            borderValue=(fill_value,) * 3,
        )
        return np.asarray(resampled, np.uint8)

    def _manner(self) -> tuple[str, str, float]:
        return next((_manner_of(one) for one in self.layers if not _flips(one)), _EXACT)


def leading_resampling(layers: Sequence[Any]) -> Resampling | None:
    """The longest run at the front that can be one resampling; None if the first layer can't.

    A layer can if it is a RandomFlip, RandomRotation, RandomZoom, RandomTranslation or RandomShear,
    fills and interpolates like those before it, doesn't fill by wrapping around (of which
    TensorFlow and OpenCV have other ideas) or with what is no byte, and has no seed or dtype of its
    own.

    Args:
        layers: Keras layers.
    """
    run: list[Any] = []
    for layer in layers:
        if not _is_plain(layer):
            break
        if len({_manner_of(one) for one in (*run, layer) if not _flips(one)}) > 1:
            break
        run.append(layer)
    return Resampling(tuple(run)) if run else None


def _is_plain(layer: Any) -> bool:
    return (
        type(layer).__name__ in _DRAWS
        and layer.seed is None
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
        and (_flips(layer) or (layer.fill_mode in _BORDERS and _is_a_byte(layer.fill_value)))
    )


def _flips(layer: Any) -> bool:
    """Whether it moves whole pixels only, so that nothing is filled in or interpolated."""
    return type(layer).__name__ == "RandomFlip"


def _is_a_byte(value: float) -> bool:
    return 0 <= value <= 255 and value == int(value)


def _manner_of(layer: Any) -> tuple[str, str, float]:
    return layer.fill_mode, layer.interpolation, float(layer.fill_value)


def _identity(count: int) -> Matrices:
    return np.tile(np.eye(3), (count, 1, 1))


def _about_centre(matrices: Matrices, height: int, width: int) -> Matrices:
    """Has the upper left 2 x 2 of each map leave the middle of the picture where it is."""
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrices[:, :2, 2] = centre - matrices[:, :2, :2] @ centre
    return matrices


def _flip(layer: Any, random: np.random.Generator, count: int, height: int, width: int) -> Matrices:
    matrices = _identity(count)
    flipped = random.random(count) <= 0.5  # both ways or neither, as Keras has it
    if layer.mode != "vertical":
        matrices[flipped, 0, 0] = -1
    if layer.mode != "horizontal":
        matrices[flipped, 1, 1] = -1
    return _about_centre(matrices, height, width)


def _rotate(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Matrices:
    lower, upper = layer.factor
    angles = 2 * np.pi * random.uniform(lower, upper, count)
    matrices = _identity(count)
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angles)
    matrices[:, 1, 0] = np.sin(angles)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    return _about_centre(matrices, height, width)


def _zoom(layer: Any, random: np.random.Generator, count: int, height: int, width: int) -> Matrices:
    matrices = _identity(count)
    matrices[:, 1, 1] = 1 + random.uniform(layer.height_lower, layer.height_upper, count)
    if layer.width_factor is None:
        matrices[:, 0, 0] = matrices[:, 1, 1]
    else:
        matrices[:, 0, 0] = 1 + random.uniform(layer.width_lower, layer.width_upper, count)
    return _about_centre(matrices, height, width)


def _translate(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Matrices:
    matrices = _identity(count)
    matrices[:, 1, 2] = -height * random.uniform(layer.height_lower, layer.height_upper, count)
    matrices[:, 0, 2] = -width * random.uniform(layer.width_lower, layer.width_upper, count)
    return matrices


def _shear(
    layer: Any, random: np.random.Generator, count: int, height: int, width: int
) -> Matrices:
    signs = np.where(random.random(count) > 0.5, -1, 1)
    matrices = _identity(count)
    (lower_y, upper_y), (lower_x, upper_x) = layer.y_factor, layer.x_factor
    matrices[:, 1, 0] = signs * random.uniform(lower_y, upper_y, count)
    matrices[:, 0, 1] = signs * random.uniform(lower_x, upper_x, count)
    return matrices


_DRAWS: Final[dict[str, _Draw]] = {
    "RandomFlip": _flip,
    "RandomRotation": _rotate,
    "RandomZoom": _zoom,
    "RandomTranslation": _translate,
    "RandomShear": _shear,
}
_BORDERS: Final = {
    "reflect": "BORDER_REFLECT",
    "nearest": "BORDER_REPLICATE",
    "constant": "BORDER_CONSTANT",
}
_FLAGS: Final = {"bilinear": "INTER_LINEAR", "nearest": "INTER_NEAREST"}
_EXACT: Final = ("reflect", "nearest", 0.0)  # flips alone
