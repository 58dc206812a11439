"""Scores from probabilities and true labels, by scikit-learn's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.averaged_scores import averaged_scores
from imgclf.model.calibration import error_by_chance, expected_calibration_error
from imgclf.model.intervals import Interval, f1_interval, wilson
from imgclf.model.probabilities import Probabilities
from imgclf.model.scores import Scores
from imgclf.model.selective import Selective

Part = Literal["training", "validation", "test"]
"""What pictures are to a model: trained on, held out meanwhile, or seen by nobody."""


Judged = Part | Literal["mixed", "cross-validation"]
"""Of several parts; or each by a model that was trained without it."""


class ClassScores(Struct, frozen=True):
    """How well one class is told from the others, each between 0 and 1.

    Attributes:
        precision: Of the pictures given this label, the share that are it; 0 if none was given.
        recall: Of the pictures that are it, the share given this label; 0 if there are none.
        f1_score: The harmonic mean of both.
        support: How many pictures are it.
        precision_interval: Between which it lies with 95 % confidence, as do the other two.
    """

    precision: float
    recall: float
    f1_score: float
    support: int
    precision_interval: Interval
    recall_interval: Interval
    f1_score_interval: Interval


class Evaluation(Struct, frozen=True):
    """How a model did on labelled pictures.

    Attributes:
        part: What the pictures are.
        trained_on: How many of them the model was trained on; None if that can't be told, since
            its file doesn't say and the data set is not there.
        corrected: How many more there were that it was corrected by, which are no evidence.
        pictures: How many could be read and are judged.
        unreadable: How many could not; they are in no other figure.
        classes: By class name, in the model's order.
        confusion_matrix: Rows are true classes, columns given labels.
        expected_calibration_error: By how much confidence and accuracy differ on average.
        temperature: By which the model's confidence is calibrated.
        accuracy_interval: Between which it lies with 95 % confidence.
        balanced_accuracy: See `AveragedScores`, as of the next three.
        calibration_error_by_chance: What of it a model shows whose confidence is exactly right.
        calibration_error: What is left then, at least 0.
        scored_before: How often a version of the model was scored on these test pictures before.
        selective: How it does where it answers only what it is sure enough of; None if that wasn't
            asked for.
    """

    part: Judged
    trained_on: int | None
    corrected: int
    pictures: int
    unreadable: int
    accuracy: float
    classes: dict[str, ClassScores]
    confusion_matrix: list[list[int]]
    expected_calibration_error: float
    temperature: float
    accuracy_interval: Interval
    balanced_accuracy: float
    balanced_accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    calibration_error_by_chance: float
    calibration_error: float
    scored_before: int = 0
    selective: Selective | None = None


def evaluate_probabilities(
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    part: Judged,
    trained_on: int | None = 0,
    corrected: int = 0,
    unreadable: int = 0,
    temperature: float = 1.0,
) -> Evaluation:
    """All scores of a model on labelled pictures.

    Args:
        probabilities: Calibrated, shape (pictures, classes).
        labels: True class indices, shape (pictures,); at least one.
        class_names: In output order.
        part: What the pictures are; kept in the result, as are the next four.
        trained_on: How many of them were trained on.
        corrected: How many more it was corrected by.
        unreadable: How many more there were.
        temperature: Of the calibration.
    """
    confusion = _confusion(probabilities, labels)
    averaged = averaged_scores(confusion)
    error = expected_calibration_error(probabilities, labels)
    by_chance = error_by_chance(probabilities, labels)
    return Evaluation(
        part=part,
        trained_on=trained_on,
        corrected=corrected,
        pictures=len(labels),
        unreadable=unreadable,
        accuracy=float(np.trace(confusion) / len(labels)),
        classes={name: _class_scores(confusion, index) for index, name in enumerate(class_names)},
        confusion_matrix=confusion.tolist(),
        expected_calibration_error=error,
        temperature=temperature,
        accuracy_interval=wilson(int(np.trace(confusion)), len(labels)),
        balanced_accuracy=averaged.balanced_accuracy,
        balanced_accuracy_interval=averaged.balanced_accuracy_interval,
        macro_f1=averaged.macro_f1,
        macro_f1_interval=averaged.macro_f1_interval,
        calibration_error_by_chance=by_chance,
        calibration_error=max(0.0, error - by_chance),
    )


def accuracy_scores(
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    part: Literal["validation", "test"] = "validation",
) -> Scores:
    """Accuracy overall, of each class (its recall) and averaged, as a model file keeps them.

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
    averaged = averaged_scores(_confusion(probabilities, labels))
    return Scores(
        accuracy=float(right.mean()),
        per_class=per_class,
        pictures=len(labels),
        part=part,
        balanced_accuracy=averaged.balanced_accuracy,
        balanced_accuracy_interval=averaged.balanced_accuracy_interval,
        macro_f1=averaged.macro_f1,
        macro_f1_interval=averaged.macro_f1_interval,
    )


def _confusion(probabilities: Probabilities, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pictures by true class (rows) and by the likeliest one (columns)."""
    size = probabilities.shape[1]
    cells = labels * size + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=size * size).reshape(size, size)


def _class_scores(confusion: NDArray[np.int64], index: int) -> ClassScores:
    right = int(confusion[index, index])
    given, support = int(confusion[:, index].sum()), int(confusion[index].sum())
    return ClassScores(
        precision=right / given if given else 0.0,
        recall=right / support if support else 0.0,
        f1_score=2 * right / (given + support) if given + support else 0.0,
        support=support,
        precision_interval=wilson(right, given),
        recall_interval=wilson(right, support),
        f1_score_interval=f1_interval(right, given, support),
    )
