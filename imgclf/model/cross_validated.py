"""What models came to that were each trained without the pictures that they were judged by."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.probabilities import Probabilities
from imgclf.model.scores import Scores
from imgclf.model.scoring import Evaluation, evaluate_probabilities


class Fold(Struct, frozen=True):
    """One model.

    Attributes:
        trained_on: How many pictures it learned.
        epoch: Whose weights were judged, counted from 1; it was chosen by pictures of the rest
            that were held out once more, and not by those that it is judged by.
        scores: On the pictures of its fold.
    """

    trained_on: int
    epoch: int
    scores: Scores


class CrossValidated(Struct, frozen=True):
    """All of them.

    Attributes:
        folds: In their order.
        mean_accuracy: Of the folds, each counted the same.
        standard_deviation: Of their accuracies, about as much as one training's may be off.
        evaluation: Of all pictures, each judged by the model that was trained without it. Its
            intervals take the answers for one model's: how much the models differ is not in them.
    """

    folds: list[Fold]
    mean_accuracy: float
    standard_deviation: float
    evaluation: Evaluation


def pool(
    folds: Sequence[Fold],
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    unreadable: int,
) -> CrossValidated:
    """Their answers together.

    Args:
        folds: At least two.
        probabilities: Of each picture, by the model that was trained without it, calibrated, shape
            (pictures, classes).
        labels: True class indices, shape (pictures,).
        class_names: In output order.
        unreadable: How many more pictures there were.
    """
    accuracies = [one.scores.accuracy for one in folds]
    evaluation = evaluate_probabilities(
        probabilities, labels, class_names, part="cross-validation", unreadable=unreadable
    )
    return CrossValidated(list(folds), mean(accuracies), stdev(accuracies), evaluation)
