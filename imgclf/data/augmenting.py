"""Augmentation where batches are made: beside the step, by OpenCV, on bytes.

In the step, Keras computes it in float32 with the processor that trains, and of `RandAugment` all
eleven operations to choose two of. Here the layers that can be done alike are done, from the first
of the list to one that can't; that and what follows stays in the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from imgclf.data.decoder import Pixels
from imgclf.data.pixel_changes import PixelChange, changes_alike
from imgclf.data.resampling import leading_resampling

Drawn: TypeAlias = Sequence[tuple[Any, ...]]


class _Step(Protocol):
    """What one layer does, or several that are one resampling."""

    @property
    def layers(self) -> tuple[Any, ...]:
        """Those it stands for."""

    def draw(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> Sequence[Any]:
        """Something for each of so many pictures."""

    def change(self, picture: Pixels, drawn: Any) -> Pixels:
        """The picture, uint8 of shape (height, width, 3), with what was drawn done to it."""


@dataclass(frozen=True)
class Augmenting:
    """What the first layers of an augmentation do while training.

    Parameters are drawn from the distributions that the layers draw from, for each picture by
    itself. A picture is rounded to bytes between one step and the next.

    Args:
        steps: One after another.
    """

    steps: tuple[_Step, ...]

    @property
    def layers(self) -> tuple[Any, ...]:
        """The Keras layers that it stands for."""
        return tuple(chain.from_iterable(step.layers for step in self.steps))

    def draw(self, random: np.random.Generator, count: int, height: int, width: int) -> Drawn:
        """Draws what happens to so many pictures: for each, something for each step."""
        drawn = [step.draw(random, count, height, width) for step in self.steps]
        return list(zip(*drawn, strict=True))

    def apply(self, pictures: Pixels, drawn: Drawn) -> Pixels:
        """Pictures with this done to them.

        Args:
            pictures: uint8, shape (pictures, height, width, 3).
            drawn: For each of them.

        Returns:
            Of the same shape.
        """
        augmented = np.empty_like(pictures)
        for index, (picture, of_steps) in enumerate(zip(pictures, drawn, strict=True)):
            for step, one in zip(self.steps, of_steps, strict=True):
                picture = step.change(picture, one)
            augmented[index] = picture
        return augmented


@dataclass(frozen=True)
class _RandAugment:
    """So many changes in a row, each picture's own ones.

    Cubuk et al. 2019, RandAugment: Practical automated data augmentation with a reduced search
    space. Keras draws which ones for a batch as a whole, and equalizes it as a whole.

    Args:
        layer: Keras's `RandAugment`.
        choices: What its parts do.
    """

    layer: Any
    choices: tuple[_Step, ...]

    @property
    def layers(self) -> tuple[Any, ...]:
        return (self.layer,)

    def draw(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> Sequence[Any]:
        rounds = []
        for _ in range(self.layer.num_ops):
            chosen = random.integers(len(self.choices), size=count).tolist()
            drawn = [step.draw(random, count, height, width) for step in self.choices]
            rounds.append([(self.choices[one], drawn[one][at]) for at, one in enumerate(chosen)])
        return list(zip(*rounds, strict=True)) if rounds else [()] * count

    def change(self, picture: Pixels, drawn: Sequence[tuple[_Step, Any]]) -> Pixels:
        for step, one in drawn:
            picture = step.change(picture, one)
        return picture


def leading_augmenting(layers: Sequence[Any], pixels: bool = True) -> Augmenting | None:
    """What the longest run at the front does that can be done here; None if the first can't.

    Args:
        layers: Keras layers.
        pixels: All that can be; else one resampling, and none that shears, as in runs of earlier
            versions.
    """
    if not pixels:
        early = list(takewhile(lambda layer: type(layer).__name__ != "RandomShear", layers))
        resampling = leading_resampling(early)
        return Augmenting((resampling,)) if resampling else None
    steps: list[_Step] = []
    rest = list(layers)
    while rest:
        step = leading_resampling(rest) or _changing(rest[0])
        if step is None:
            break
        steps.append(step)
        rest = rest[len(step.layers) :]
    return Augmenting(tuple(steps)) if steps else None


def _changing(layer: Any) -> _Step | None:
    if type(layer).__name__ != "RandAugment":
        return PixelChange(layer) if changes_alike(layer) else None
    parts = [getattr(layer, name) for name in _PARTS]
    choices = [leading_resampling([part]) or _changing(part) for part in parts]
    known = tuple(step for step in choices if step is not None)
    return _RandAugment(layer, known) if len(known) == len(_PARTS) else None


_PARTS: Final = (
    "random_shear",
    "random_translation",
    "random_rotation",
    "random_brightness",
    "random_color_degeneration",
    "random_contrast",
    "random_sharpness",
    "random_posterization",
    "solarization",
    "auto_contrast",
    "equalization",
)
