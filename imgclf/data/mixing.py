"""MixUp and CutMix: two pictures of a batch become one, and so do their labels.

They act where batches are made, on whole bytes, for a layer of Keras's never sees labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels

_Positions = NDArray[np.int64]


class Mixture(NamedTuple):
    """What becomes of the pictures of a batch.

    Attributes:
        partners: With which other one of the batch each is mixed, shape (pictures,).
        weights: How much of it stays, from 0 to 1, float32 of shape (pictures,).
        boxes: Where the other one is put in, as (top, bottom, left, right) of shape (pictures, 4);
            None where the two are blended.
    """

    partners: _Positions
    weights: NDArray[np.float32]
    boxes: _Positions | None

    def of(self, chosen: _Positions) -> Mixture:
        """Of some of the pictures."""
        boxes = None if self.boxes is None else self.boxes[chosen]
        return Mixture(self.partners[chosen], self.weights[chosen], boxes)

    def pictures(self, own: Pixels, others: Pixels) -> Pixels:
        """The mixed pictures.

        Args:
            own: uint8, shape (pictures, height, width, 3).
            others: The partner of each.
        """
        mixed = own.copy()
        if self.boxes is not None:
            for target, other, (top, bottom, left, right) in zip(
                mixed, others, self.boxes, strict=True
            ):
                target[top:bottom, left:right] = other[top:bottom, left:right]
            return mixed
        import cv2  # 0.1 s, which whoever trains without it need not pay

        for target, other, weight in zip(mixed, others, self.weights.tolist(), strict=True):
            cv2.addWeighted(target, weight, other, 1 - weight, 0, dst=target)
        return mixed

    def numbers(self, own: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
        """Labels, or weights, as much of each as there is of its picture.

        Args:
            own: Floats, shape (pictures, ...).
            others: Those of the partner of each.
        """
        weights = self.weights.reshape(-1, *(1,) * (own.ndim - 1))
        return np.asarray(weights * own + (1 - weights) * others, np.float32)


@dataclass(frozen=True)
class Mixing:
    """What MixUp and CutMix do while training; of both, each batch gets one, by lot.

    Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization; Yun et al. 2019, CutMix:
    Regularization Strategy to Train Strong Classifiers with Localizable Features. What is drawn is
    what Keras draws.

    Args:
        layers: Keras layers MixUp and CutMix, at least one.
    """

    layers: tuple[Any, ...]

    def draw(self, random: np.random.Generator, count: int, height: int, width: int) -> Mixture:
        """Draws what happens to a batch of so many pictures of this size."""
        layer = self.layers[int(random.integers(len(self.layers)))]
        partners = random.permutation(count)
        if type(layer).__name__ == "MixUp":
            weights = random.beta(layer.alpha, layer.alpha, count)
            return Mixture(partners, weights.astype(np.float32), None)
        strength = random.uniform(*layer.factor) + _LEAST
        ratios = np.sqrt(1 - random.beta(strength, strength, count))
        top, bottom = _span(random, ratios, height)
        left, right = _span(random, ratios, width)
        weights = 1 - (bottom - top) * (right - left) / (height * width)
        boxes = np.stack([top, bottom, left, right], axis=1)
        return Mixture(partners, weights.astype(np.float32), boxes)


_LEAST: Final = 1e-6  # as Keras has it: there is no beta distribution of 0


def _span(
    random: np.random.Generator, ratios: NDArray[np.float64], length: int
) -> tuple[_Positions, _Positions]:
    """Where a part of a side begins and ends, in whole pixels."""
    parts = ratios * length
    starts = random.random(len(ratios)) * (length - parts)
    return np.rint(starts).astype(np.int64), np.rint(starts + parts).astype(np.int64)


def mixing_of(layers: Sequence[Any]) -> Mixing | None:
    """What these layers do together; None if there are none."""
    return Mixing(tuple(layers)) if layers else None
