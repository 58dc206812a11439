"""What two models say of the same pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.averaged_scores import AveragedScores, averaged_scores
from imgclf.model.intervals import Interval, wilson
from imgclf.model.paired_test import CHANCE, either_way

Labels = NDArray[np.int64]


class OneOfTwo(Struct, frozen=True):
    """How one of them does.

    Attributes:
        model: Its file.
        only_right: Pictures that it has right and the other hasn't.
    """

    model: str
    version: int
    accuracy: float
    accuracy_interval: Interval
    averaged: AveragedScores
    only_right: int


class TwoModels(Struct, frozen=True):
    """Two models compared on the same pictures.

    Attributes:
        pictures: How many; neither was trained on one of them or corrected by it.
        left_out: How many more there were, that one of them was.
        unreadable: How many could not be read.
        both_right: Pictures that both have right.
        both_wrong: That neither has right.
        p_value: How likely so large a difference is if both are equally good.
    """

    one: OneOfTwo
    other: OneOfTwo
    pictures: int
    left_out: int
    unreadable: int
    both_right: int
    both_wrong: int
    p_value: float

    @property
    def in_words(self) -> str:
        """What to make of it."""
        one, other = self.one, self.other
        chance = f"p = {self.p_value:.2g}"
        if one.only_right == other.only_right:
            return f"no difference: both have as many of these pictures right ({chance})"
        better, worse = (one, other) if one.only_right > other.only_right else (other, one)
        more = better.only_right - worse.only_right
        if self.p_value < CHANCE:
            return (
                f"{better.model} is better: {more} more right is more than chance explains "
                f"({chance})"
            )
        return (
            f"which is better can't be told: that {better.model} has {more} more right may be "
            f"chance ({chance})"
        )


class Answers(Struct, frozen=True):
    """What one of them says.

    Attributes:
        model: Its file.
        said: Class indices, those of the labels; shape (pictures,).
    """

    model: str
    version: int
    said: Labels


def compare(
    labels: Labels,
    class_names: Sequence[str],
    one: Answers,
    other: Answers,
    *,
    left_out: int = 0,
    unreadable: int = 0,
) -> TwoModels:
    """Both scores, and whether they differ, by McNemar's exact test.

    Args:
        labels: True class indices, shape (pictures,); at least one.
        class_names: Of all classes that a label or an answer may be.
        one: What the one says.
        other: What the other says.
        left_out: Kept in the result, as is the next.
        unreadable: Likewise.
    """
    right, also_right = one.said == labels, other.said == labels
    only_one, only_other = int((right & ~also_right).sum()), int((also_right & ~right).sum())
    size = len(class_names)

    def score(answers: Answers, only_right: int) -> OneOfTwo:
        cells = np.bincount(labels * size + answers.said, minlength=size * size)
        correct = int((answers.said == labels).sum())
        return OneOfTwo(
            answers.model,
            answers.version,
            correct / len(labels),
            wilson(correct, len(labels)),
            averaged_scores(cells.reshape(size, size)),
            only_right,
        )

    return TwoModels(
        score(one, only_one),
        score(other, only_other),
        pictures=len(labels),
        left_out=left_out,
        unreadable=unreadable,
        both_right=int((right & also_right).sum()),
        both_wrong=int((~right & ~also_right).sum()),
        p_value=either_way(only_one, only_other),
    )
