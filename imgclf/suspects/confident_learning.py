"""Confident learning: which labels the probabilities of a model contradict.

Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels,
Journal of Artificial Intelligence Research 70. The probabilities must come from a model that was
trained without the pictures: one that has learned a wrong label agrees with it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.probabilities import Probabilities

Labels = NDArray[np.int64]


class Suspect(Struct, frozen=True):
    """A picture whose label is contradicted with confidence.

    Attributes:
        given: Its label in the data set.
        suggested: What it more likely is.
        confidence: The probability of that, between 0 and 1.
        confidence_in_given: The probability of its label.
    """

    path: str
    given: str
    suggested: str
    confidence: float
    confidence_in_given: float


class Suspects(Struct, frozen=True):
    """The pictures whose labels are worth a look.

    Attributes:
        judged_by: New models, each trained without the pictures that it judged; or the model
            itself, on pictures that it was not trained on.
        folds: How many new models judged in turn; 0 if there were none.
        repeats: How many such rounds there were.
        classes: What a picture can be.
        pictures: How many were judged.
        unreadable: How many more could not be.
        agreement: The share of them whose label is the likeliest class.
        estimated_label_errors: Far too many if the agreement is low.
        contradicted: How many labels are contradicted with confidence.
        guessing: Whether the agreement is no better than chance: then nothing is listed.
        suspects: The first of these, most suspicious first.
    """

    judged_by: Literal["cross-validation", "the model"]
    folds: int
    repeats: int
    classes: tuple[str, ...]
    pictures: int
    unreadable: int
    agreement: float
    estimated_label_errors: int
    contradicted: int
    guessing: bool
    suspects: list[Suspect]


def class_thresholds(probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """How sure the model is of each class on average, of the pictures that have its label.

    Args:
        probabilities: Out of sample, shape (pictures, classes).
        labels: As given, shape (pictures,).

    Returns:
        Shape (classes,); infinite for a class that no picture has, which none then reaches.
    """
    own = probabilities[np.arange(len(labels)), labels]
    classes = probabilities.shape[1]
    count = np.bincount(labels, minlength=classes)
    total = np.bincount(labels, weights=own, minlength=classes)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def confident_classes(probabilities: Probabilities, labels: Labels) -> Labels:
    """The likeliest of the classes whose threshold a picture reaches; -1 where it reaches none.

    Args:
        probabilities: Out of sample, shape (pictures, classes).
        labels: As given, shape (pictures,).
    """
    reached = probabilities >= class_thresholds(probabilities, labels)
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), likeliest, -1)


def confident_joint(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Pictures by given label (rows) and by the class that they reach with confidence (columns).

    Those that reach none are not counted.

    Args:
        probabilities: Out of sample, shape (pictures, classes).
        labels: As given, shape (pictures,).
    """
    classes = probabilities.shape[1]
    confident = confident_classes(probabilities, labels)
    counted = confident >= 0
    cells = labels[counted] * classes + confident[counted]
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def estimated_label_errors(probabilities: Probabilities, labels: Labels) -> int:
    """How many labels are wrong, if the model's confident answers are right.

    The confident joint, scaled so that each row counts all pictures of its label, off the
    diagonal. A model that is often wrong makes this far too many.

    Args:
        probabilities: Out of sample, shape (pictures, classes).
        labels: As given, shape (pictures,).
    """
    joint = confident_joint(probabilities, labels)
    counted = joint.sum(axis=1)
    all_of_label = np.bincount(labels, minlength=len(joint))
    wrong = (counted - np.diag(joint)) * all_of_label / np.maximum(counted, 1)
    return round(float(wrong.sum()))


def rank_suspects(probabilities: Probabilities, labels: Labels) -> tuple[Labels, Labels]:
    """The pictures that reach another class with confidence, and more so than their label.

    Most suspicious first, which is by the margin by which the other class is likelier; of equal
    ones the earlier first.

    Args:
        probabilities: Out of sample, shape (pictures, classes).
        labels: As given, shape (pictures,).

    Returns:
        Their positions, and the class that each reaches; both of shape (suspects,).
    """
    confident = confident_classes(probabilities, labels)
    every = np.arange(len(labels))
    margin = probabilities[every, confident] - probabilities[every, labels]
    suspects = np.flatnonzero((confident >= 0) & (margin > 0))
    ranked = suspects[np.argsort(-margin[suspects], kind="stable")]
    return ranked, confident[ranked]


def no_better_than_guessing(probabilities: Probabilities, labels: Labels) -> bool:
    """Whether always saying the commonest label agrees as often, to two standard errors."""
    share = np.bincount(labels).max() / len(labels)
    agreement = (probabilities.argmax(axis=1) == labels).mean()
    return bool(agreement <= share + 2 * np.sqrt(share * (1 - share) / len(labels)))
