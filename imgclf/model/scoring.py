"""Accuracy from probabilities and true labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import Probabilities
from imgclf.model.manifest import Scores


def accuracy_scores(
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    part: Literal["validation", "test"] = "validation",
) -> Scores:
    """Accuracy overall and of each class (its recall).

    Args:
        probabilities: Shape (pictures, classes).
        labels: True class indices, shape (pictures,).
        class_names: In output order; a class without pictures is left out of the result.
        part: What the pictures are; kept in the result.
    """
    right = probabilities.argmax(axis=1) == labels
    per_class = {
        name: float(right[labels == label].mean())
        for label, name in enumerate(class_names)
        if (labels == label).any()
    }
    accuracy = float(right.mean())
    return Scores(accuracy=accuracy, per_class=per_class, pictures=len(labels), part=part)
