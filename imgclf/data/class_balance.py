"""What makes up for classes of different sizes, in what is trained on and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import BALANCED
from imgclf.data.source import Examples

_Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Balance:
    """What a config says of it.

    Attributes:
        class_weight: "balanced", or how much a picture of each of these classes counts in the
            loss, those not named 1; None for 1 each.
        oversample: Each class is drawn as often as the largest.
    """

    class_weight: Literal["balanced"] | Mapping[str, float] | None = None
    oversample: bool = False

    def of(self, examples: Examples, labels: _Labels, class_names: Sequence[str]) -> Examples:
        """What is trained on, made up for.

        Args:
            examples: All of them.
            labels: Class indices, shape (examples,).
            class_names: In output order.
        """
        weights = self._weights(labels, class_names)
        return replace(
            examples,
            weights=None if weights is None else weights[labels].astype(np.float32),
            drawn_evenly=labels if self.oversample else None,
        )

    def counts_in_all(
        self, labels: _Labels, class_names: Sequence[str]
    ) -> NDArray[np.float64] | None:
        """How much examples count in all, drawn as often and weighed as they are.

        Args:
            labels: Class indices, shape (examples,).
            class_names: In output order.

        Returns:
            1 on average, shape (examples,); None if all count the same.
        """
        weights = self._weights(labels, class_names)
        if self.oversample:
            drawn = balanced_weights(labels, len(class_names))
            weights = drawn if weights is None else drawn * weights
        if weights is None:
            return None
        of_examples: NDArray[np.float64] = weights[labels] / weights[labels].mean()
        return of_examples

    def _weights(self, labels: _Labels, class_names: Sequence[str]) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        if self.class_weight == BALANCED:
            return balanced_weights(labels, len(class_names))
        return np.array([self.class_weight.get(name, 1.0) for name in class_names])


def balance_of(config: Mapping[str, Any]) -> Balance:
    """What the config in a model's manifest says; nothing of what it can't mean.

    Args:
        config: As `Config.written()` gave it, a logit adjustment being taken for even draws; what
            is read from a file may be anything.
    """
    training, data = (config.get(section) for section in ("training", "data"))
    training = training if isinstance(training, Mapping) else {}
    given = training.get("class_weight")
    if isinstance(given, Mapping):
        given = {name: weight for name, weight in given.items() if _is_weight(weight)}
    elif given != BALANCED:
        given = None
    oversample = isinstance(data, Mapping) and data.get("oversample") is True
    return Balance(given, oversample or _is_weight(training.get("logit_adjustment")))


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < float("inf")


def balanced_weights(labels: _Labels, num_classes: int) -> NDArray[np.float64]:
    """How much an example of each class counts if all classes are to count the same in all.

    As scikit-learn's "balanced": examples / (classes * examples of the class), by which the
    examples weigh 1 on average (King and Zeng 2001, Logistic Regression in Rare Events Data).

    Args:
        labels: Class indices, shape (examples,).
        num_classes: How many there are; one without examples weighs 1 and counts for none.

    Returns:
        Shape (classes,).
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    even = len(labels) / present.sum() / np.maximum(counts, 1)
    weights: NDArray[np.float64] = np.where(present, even, 1.0)
    return weights
