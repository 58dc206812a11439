"""Scores in which each class counts the same, however few pictures it has."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.intervals import Interval, wilson

_DRAWS = 1000
_AT_ONCE = 1 << 22  # numbers: 32 MiB


class AveragedScores(Struct, frozen=True):
    """Both between 0 and 1, as scikit-learn has them.

    Attributes:
        balanced_accuracy: The mean of the recalls of the classes that have pictures.
        macro_f1: The mean of the F1 scores of the classes that have pictures or were answered.
    """

    balanced_accuracy: float
    balanced_accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval


def averaged_scores(confusion: NDArray[np.int64], seed: int = 0) -> AveragedScores:
    """Both with their intervals.

    How far they spread is found by drawing as many pictures from these, again and again (Efron
    1979, Bootstrap Methods). The quantiles of that would not do: where a class has all of its few
    pictures right, so it has in each draw. So the spread says how many pictures would make a plain
    share spread as far, and the interval is Wilson's for so many, as surveys have it (Korn and
    Graubard 1998, Confidence Intervals for Proportions with Small Expected Number of Positive
    Counts). They are taken to be no more than if all classes had the same recall. That of macro F1
    reaches from its own to the one around what is left of it without its bias. It is wider for few
    pictures of each class: draws from so few spread less than other pictures would, by the degrees
    of freedom that the classes take.

    Args:
        confusion: Pictures by true class and given label, shape (classes, classes); at least one.
        seed: Of the draws.
    """
    cells = _Cells(confusion)
    balanced, macro = (float(values[0]) for values in cells.scores(cells.counts[np.newaxis]))
    of_balanced, of_macro = cells.drawn(np.random.default_rng(seed))
    # Of few pictures a class, F1 comes out too low on average, and in the draws as much again.
    corrected = min(1.0, max(0.0, 2 * macro - float(of_macro.mean())))
    wider = cells.pictures / max(1, cells.pictures - cells.classes)
    either = [
        spread_interval(score, wider * float(of_macro.var()), cells.effective / wider)
        for score in (macro, corrected)
    ]
    return AveragedScores(
        balanced,
        spread_interval(balanced, float(of_balanced.var()), cells.effective),
        macro,
        Interval(min(one.low for one in either), max(one.high for one in either)),
    )


def spread_interval(score: float, variance: float, most: float) -> Interval:
    """Wilson's, for as many pictures as would make a plain share spread as far.

    Args:
        score: Between 0 and 1.
        variance: Of the score in draws of as many pictures.
        most: Pictures that they are at most taken for.
    """
    pictures = most if variance == 0 else min(most, max(1.0, score * (1 - score) / variance))
    return wilson(score * pictures, pictures)


class _Cells:
    """The cells of a confusion matrix that aren't empty: of a thousand classes, few are not."""

    def __init__(self, confusion: NDArray[np.int64]) -> None:
        truth, said = np.nonzero(confusion)
        self.counts = confusion[truth, said]
        self._truth, self._said, self._classes = truth, said, len(confusion)
        support = confusion.sum(axis=1)
        support = support[support > 0]
        self.pictures, self.classes = int(support.sum()), len(support)
        # Of a mean of shares, each of another number of pictures.
        self.effective = float(len(support) ** 2 / (1 / support).sum())

    def scores(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Balanced accuracy and macro F1 of each row of counts, shape (draws, cells)."""
        right = self._sums(np.where(self._truth == self._said, counts, 0), self._truth)
        support, given = self._sums(counts, self._truth), self._sums(counts, self._said)
        return _mean(right, support), _mean(2 * right, support + given)

    def drawn(self, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both, of as many pictures drawn again and again, shape (draws,) each."""
        draws: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        step = max(1, _AT_ONCE // max(len(self.counts), self._classes))
        for start in range(0, _DRAWS, step):
            size = min(step, _DRAWS - start)
            drawn = random.multinomial(self.pictures, self.counts / self.pictures, size)
            draws.append(self.scores(drawn))
        balanced, macro = (np.concatenate(one) for one in zip(*draws, strict=True))
        return balanced, macro

    def _sums(self, counts: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Over the cells of each class, shape (draws, classes)."""
        order = np.argsort(classes, kind="stable")
        there, starts = np.unique(classes[order], return_index=True)
        sums = np.zeros((len(counts), self._classes), np.int64)
        sums[:, there] = np.add.reduceat(counts[:, order], starts, axis=1)
        return sums


def _mean(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the shares of each row that are shares of something."""
    there = wholes > 0
    shares = np.divide(parts, wholes, out=np.zeros(parts.shape), where=there)
    means: NDArray[np.float64] = shares.sum(axis=1) / there.sum(axis=1)
    return means
