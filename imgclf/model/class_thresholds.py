"""A threshold for each class, so that of all answers given enough are right.

Each class has a threshold of its own, and a test of its own (`imgclf.model.precision_threshold`),
if there are enough held-out answers with its label for the test to be passed in all likelihood; the
others share one. The risk is divided among the tests (Bonferroni), so that all of them keep the
precision together, and so do all answers whatever the mixture of labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.precision_threshold import (
    RISK,
    Threshold,
    Trial,
    fewest_answers,
    precision_threshold,
    trials,
)

_LIKELY = 0.9
"""By its own confidence, for a class to be tested by itself."""

_PRECISIONS = range(99, 49, -1)
_PLACES = 40
_MOST_MISTAKES = 2_000


class HeldOutAnswers(NamedTuple):
    """What a model says of held-out pictures, shape (pictures,) each.

    Attributes:
        labels: What they are, as positions in the class names.
        said: What it says.
        confidence: How sure it is, between 0 and 1.
    """

    labels: NDArray[np.int64]
    said: NDArray[np.int64]
    confidence: NDArray[np.float64]


class ClassThreshold(Struct, frozen=True):
    """From which confidence on a label is given.

    Attributes:
        least: Answers with this confidence or more are given; None if none is.
        pictures: Held-out answers with this label.
        given: Those of them from there on.
        right: How many of these are right.
        shared: Whether others have the same threshold, tested together.
    """

    least: float | None
    pictures: int
    given: int
    right: int
    shared: bool


class ClassThresholds(Struct, frozen=True):
    """What a precision takes.

    Attributes:
        min_precision: That is kept, with a confidence of 1 - risk.
        risk: Of not keeping it.
        classes: By name, in the model's order.
        unseen: Classes of which no picture was held out, so that nothing can be said of them.
    """

    min_precision: float
    risk: float
    classes: dict[str, ClassThreshold]
    unseen: tuple[str, ...]

    @property
    def limits(self) -> dict[str, float]:
        """The least confidence of each label; infinite for one that is never given."""
        return {
            name: math.inf if one.least is None else one.least for name, one in self.classes.items()
        }

    @property
    def pictures(self) -> int:
        """The held-out answers that were tested."""
        return sum(one.pictures for one in self.classes.values())

    @property
    def given(self) -> int:
        """How many of these would be given."""
        return sum(one.given for one in self.classes.values())

    @property
    def never(self) -> list[str]:
        """The labels that are never given."""
        return [name for name, one in self.classes.items() if one.least is None]


def class_thresholds(
    answers: HeldOutAnswers,
    class_names: Sequence[str],
    min_precision: float,
    risk: float = RISK,
) -> ClassThresholds:
    """The thresholds by which answers are right as often as is asked for.

    Args:
        answers: To pictures like those to come, that the model was not trained on.
        class_names: In output order.
        min_precision: The share of the answers given that are to be right, above 0 and below 1.
        risk: Of fewer being right.
    """
    right = answers.labels == answers.said
    seen = [place for place in range(len(class_names)) if (answers.labels == place).any()]
    mine = {place: np.flatnonzero(answers.said == place) for place in seen}
    found: dict[int, ClassThreshold] = {}
    groups = _groups(
        {place: answers.confidence[rows] for place, rows in mine.items()}, min_precision, risk
    )
    for group in groups:
        rows = np.concatenate([mine[place] for place in group])
        confidence = answers.confidence[rows]
        threshold = precision_threshold(confidence, right[rows], min_precision, risk / len(groups))
        for place in group:
            found[place] = _of_class(
                threshold, answers.confidence[mine[place]], right[mine[place]], len(group) > 1
            )
    none = ClassThreshold(None, 0, 0, 0, shared=False)
    return ClassThresholds(
        min_precision,
        risk,
        {name: found.get(place, none) for place, name in enumerate(class_names)},
        tuple(name for place, name in enumerate(class_names) if place not in seen),
    )


def most_precise(answers: HeldOutAnswers, class_names: Sequence[str]) -> float | None:
    """The highest precision, in whole per cents from 50 to 99, that any answer can be given at.

    For a hint: it is looked for, which a promise must not be.
    """
    for percent in _PRECISIONS:
        if class_thresholds(answers, class_names, percent / 100).given:
            return percent / 100
    return None


def pictures_wanted(
    answers: HeldOutAnswers, min_precision: float, risk: float = RISK
) -> int | None:
    """About how many held-out pictures it would take at least to give answers at this precision.

    If the model goes on as it does on those that there are, all classes together.

    Args:
        answers: As there are.
        min_precision: Of the answers given.
        risk: Of it not being kept.

    Returns:
        None if the surest answers are not right often enough, however many there are.
    """
    order = np.argsort(-answers.confidence, kind="stable")
    wrong = np.cumsum((answers.labels != answers.said)[order])
    best = math.inf
    for given in range(1, len(order) + 1, max(1, len(order) // _PLACES)):
        share = float(wrong[given - 1]) / given
        best = min(best, _answers_for(share, min_precision, risk) * len(order) / given)
    return None if math.isinf(best) else math.ceil(best)


def _answers_for(share: float, min_precision: float, risk: float) -> float:
    """How many answers it takes to promise a precision, if this share of them is wrong."""
    mistakes = 0
    while mistakes <= _MOST_MISTAKES:
        answers = fewest_answers(min_precision, mistakes, risk)
        if mistakes >= share * answers:
            return answers
        mistakes = max(mistakes + 1, mistakes * 5 // 4)
    return math.inf


def _groups(
    confidence: Mapping[int, NDArray[np.float64]], min_precision: float, risk: float
) -> list[list[int]]:
    """The classes by test: those that have one each, and then the others; labels play no part.

    Args:
        confidence: Of the held-out answers with each label.
        min_precision: Of the answers given.
        risk: Of it not being kept, by any of the tests.
    """
    alone = list(confidence)
    while True:
        others = [place for place in confidence if place not in alone]
        each = risk / (len(alone) + bool(others))
        likely = [
            place for place in alone if _is_likely(trials(confidence[place], min_precision, each))
        ]
        if likely == alone:
            return [[place] for place in alone] + ([others] if others else [])
        alone = likely


def _is_likely(sequence: Sequence[Trial]) -> bool:
    return bool(sequence) and sequence[0].expected >= _LIKELY


def _of_class(
    threshold: Threshold | None,
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    shared: bool,
) -> ClassThreshold:
    if threshold is None:
        return ClassThreshold(None, len(right), 0, 0, shared)
    given = confidence >= threshold.least
    return ClassThreshold(
        threshold.least, len(right), int(given.sum()), int(right[given].sum()), shared
    )
