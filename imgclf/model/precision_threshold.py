"""From which score on answers are right as often as somebody asks, found on held-out pictures.

The plain share of right ones among the held-out answers won't do: the best of many thresholds is
the one that chance favours most, and on other pictures it keeps less than it showed. So a
threshold counts only if an exact binomial test says, at the risk that is allowed, that the answers
from it on are right often enough (Clopper and Pearson 1934), and thresholds are tested one after
another, from a strict one to more generous ones, until the first that fails: so that the
last one that passed is wrong no more often than a single test (fixed sequence testing: Angelopoulos
et al. 2021, Learn then Test; of answers that are withheld: Geifman and El-Yaniv 2017, Selective
Classification for Deep Neural Networks).

Where the sequence begins, and which thresholds are in it, depends on the scores alone, never on
what is right. It begins where, if confidence means what it says, the test is likeliest to be
passed: at the top there are too few pictures, and one mistake among them would end it at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

RISK = 0.1
"""Of promising what isn't kept: once in ten times."""

_EVERY_MISTAKE = 20
_COARSER = 1.1  # so that a hundred thousand pictures are a hundred tests

_Floats: TypeAlias = NDArray[np.float64]


class Threshold(NamedTuple):
    """From which score on answers are given.

    Attributes:
        least: Answers with this score or more; 0 for all of them.
        given: Held-out answers from there on.
        right: How many of these are right.
    """

    least: float
    given: int
    right: int


class Trial(NamedTuple):
    """A test of the sequence.

    Attributes:
        given: How many answers it is about, the surest so many.
        mistakes: How many of them may be wrong.
        expected: How likely it is to be passed, if confidence means what it says.
    """

    given: int
    mistakes: int
    expected: float


def precision_threshold(
    scores: _Floats, right: NDArray[np.bool_], precision: float, risk: float = RISK
) -> Threshold | None:
    """The lowest threshold from which on answers keep a precision, with a confidence of 1 - risk.

    Of one column: all answers, those with one label, or how likely one label of several is.

    Args:
        scores: How sure the model is of each answer, between 0 and 1, shape (answers,).
        right: Which of them are right, shape (answers,).
        precision: The share of the answers given that are to be right, above 0 and below 1.
        risk: Of the threshold keeping less.

    Returns:
        None if there is none: too few answers, or too many wrong ones among the surest.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, wrong = scores[order], np.cumsum(~right[order])
    passed = None
    for trial in trials(scores, precision, risk):
        if wrong[trial.given - 1] > trial.mistakes:
            break
        passed = trial.given
    if passed is None:
        return None
    # Between two answers: another machine's last digits of the same picture don't matter then.
    least = 0.0 if passed == len(scores) else float(ranked[passed - 1] + ranked[passed]) / 2
    return Threshold(least, passed, passed - int(wrong[passed - 1]))


def trials(scores: _Floats, precision: float, risk: float = RISK) -> list[Trial]:
    """The tests in their order, the first of which is the likeliest to be passed; maybe none.

    Args:
        scores: As in `precision_threshold`, as are the next two.
        precision: Likewise.
        risk: Likewise.
    """
    if not len(scores):
        return []
    ranked = -np.sort(-scores)
    doubts = np.cumsum(1 - ranked)
    ends = np.append(np.flatnonzero(ranked[1:] < ranked[:-1]) + 1, len(scores))  # equal ones: all
    wanted = _ladder(precision, risk, len(scores))
    places = {int(ends[np.searchsorted(ends, least)]) for least in wanted}
    sequence = []
    for given in sorted(places | {len(scores)} if places else places):
        mistakes = _affordable(given, precision, risk)
        doubt = float(doubts[given - 1]) / given
        sequence.append(Trial(given, mistakes, _at_most(mistakes, given, doubt)))
    first = max(range(len(sequence)), key=lambda place: sequence[place].expected, default=0)
    return sequence[first:]


@lru_cache(maxsize=4096)
def fewest_answers(precision: float, mistakes: int = 0, risk: float = RISK) -> int:
    """How many answers it takes at least to promise a precision, if so many of them are wrong.

    Args:
        precision: Above 0 and below 1.
        mistakes: How many may be wrong.
        risk: Of the promise not being kept.
    """
    low, high = mistakes, max(1, mistakes)
    while _at_most(mistakes, high, 1 - precision) > risk:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _at_most(mistakes, middle, 1 - precision) > risk:
            low = middle
        else:
            high = middle
    return high


def _ladder(precision: float, risk: float, most: int) -> Iterator[int]:
    """How many answers it takes for one mistake more to be affordable, up to so many answers."""
    mistakes = 0
    while (given := fewest_answers(precision, mistakes, risk)) <= most:
        yield given
        more = math.ceil(mistakes * _COARSER) if mistakes >= _EVERY_MISTAKE else 0
        mistakes = max(mistakes + 1, more)


def _affordable(answers: int, precision: float, risk: float) -> int:
    """How many of these answers may be wrong for a precision to be promised; it takes enough."""
    if 1 - precision == 1:  # of the smallest precisions, of which one right answer is enough
        return answers - 1
    likely = np.cumsum(_chances(answers, answers, 1 - precision))
    return int(np.searchsorted(likely, risk, side="right")) - 1


def _at_most(mistakes: int, answers: int, chance: float) -> float:
    """The probability of so many mistakes or fewer, if each answer is one by this chance."""
    if mistakes >= answers or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    return min(1.0, float(_chances(mistakes, answers, chance).sum()))


def _chances(mistakes: int, answers: int, chance: float) -> _Floats:
    """The probability of each number of mistakes up to this one, by the binomial distribution."""
    one_more = np.arange(1, mistakes + 1)
    odds = math.log(chance) - math.log1p(-chance)
    logs = np.cumsum(np.log((answers + 1 - one_more) / one_more) + odds)
    chances: _Floats = np.exp(answers * math.log1p(-chance) + np.concatenate([[0.0], logs]))
    return chances
