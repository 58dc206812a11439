"""How a model does that answers only where it is sure enough (selective classification)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.class_thresholds import ClassThresholds
from imgclf.model.intervals import Interval, wilson
from imgclf.model.probabilities import Probabilities


class Precision(Struct, frozen=True):
    """Of the answers given.

    Attributes:
        given: How many pictures get an answer.
        right: How many of them the right one.
        precision: Their share; None if none gets any.
        precision_interval: Between which it lies with 95 % confidence.
    """

    given: int
    right: int
    precision: float | None
    precision_interval: Interval

    @classmethod
    def of(cls, right: NDArray[np.bool_]) -> Precision:
        """From which of the answers given are right, shape (answers,)."""
        count, given = int(right.sum()), len(right)
        return cls(given, count, count / given if given else None, wilson(count, given))


class Selective(Struct, frozen=True):
    """Answers and their precision on labelled pictures.

    Attributes:
        thresholds: From which confidence on answers are given.
        pictures: How many were asked about.
        share_answered: Of which so many get an answer.
        overall: How good these answers are.
        classes: Likewise, of those with each label.
    """

    thresholds: ClassThresholds
    pictures: int
    share_answered: float
    overall: Precision
    classes: dict[str, Precision]


def score_selective(
    thresholds: ClassThresholds,
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    unlike: NDArray[np.bool_] | None,
) -> Selective:
    """Which pictures get an answer, and how good these are.

    Args:
        thresholds: Of each class, in output order.
        probabilities: Calibrated, shape (pictures, classes).
        labels: True class indices, shape (pictures,); at least one.
        unlike: Which pictures are unlike what the model knows, and so get no answer; None if that
            isn't known.
    """
    said = probabilities.argmax(axis=1)
    limits = np.array(list(thresholds.limits.values()))
    given = probabilities.max(axis=1) >= limits[said]
    if unlike is not None:
        given &= ~unlike
    right = said == labels
    return Selective(
        thresholds,
        len(labels),
        float(given.mean()),
        Precision.of(right[given]),
        {
            name: Precision.of(right[given & (said == place)])
            for place, name in enumerate(thresholds.classes)
        },
    )
