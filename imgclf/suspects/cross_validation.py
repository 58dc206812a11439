"""What linear heads say of pictures that they were fitted without, by cross-validation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import Part
from imgclf.errors import UsageError
from imgclf.model.logistic_regression import fit_logistic_regression, standardized
from imgclf.model.probabilities import Probabilities
from imgclf.suspects.confident_learning import no_better_than_guessing, rank_suspects
from imgclf.suspects.folds import divide
from imgclf.system import console
from imgclf.system.console import Advance

_MOST_LEFT_OUT = 1 / 3
"""Measured in docs/suspects.md."""


def out_of_fold_probabilities(
    features: NDArray[np.floating],
    part: Part,
    num_classes: int,
    *,
    folds: int,
    repeats: int = 1,
    seed: int = 0,
    group_of: Mapping[str, str] | None = None,
) -> tuple[Probabilities, Probabilities]:
    """Fits a linear head to all folds but one and judges that one, in turn; then all of it again.

    The second time without the labels that the first time contradicts, for a wrong label speaks
    for other wrong ones: learning from what confident learning leaves (Northcutt, Jiang and
    Chuang 2021). Who was no better than guessing, or contradicts a third of the labels, isn't
    asked to choose; then the second is the first.

    A label has a part in which others are left the second time, so how often judges agree with the
    labels is to be taken from the first: of labels at random it is a half for two classes then, as
    it should be, and two thirds the second time.

    Args:
        features: By a network that knows nothing of these labels, shape (pictures, features).
        part: All pictures, with their labels.
        num_classes: Of the labels.
        folds: How many; each class must have pictures in two at least.
        repeats: All of it with so many different divisions into folds; the mean counts.
        seed: Of the first of these.
        group_of: By digest, pictures that must not be divided; see `divide`.

    Returns:
        Of each picture of `part`, shape (pictures, classes), by all other labels; and the same by
        those that are left.

    Raises:
        UsageError: A class has too few pictures.
    """
    divisions = [
        divide(part.pictures, folds, (seed + repeat) % 2**32, group_of) for repeat in range(repeats)
    ]
    judges = _Judges(standardized(features), part, num_classes, folds, divisions)
    everything = np.ones(len(part), np.bool_)
    with console.track("judging each picture by the others", 2 * folds * repeats) as advance:
        by_all = judges.say(everything, advance)
        contradicted, _ = rank_suspects(by_all, part.labels)
        guessing = no_better_than_guessing(by_all, part.labels)
        if guessing or len(contradicted) > _MOST_LEFT_OUT * len(part):
            return by_all, by_all
        trusted = everything.copy()
        trusted[contradicted] = False
        return by_all, judges.say(trusted, advance)


class _Judges:
    """Linear heads, each of which judges what it was fitted without."""

    def __init__(
        self,
        features: NDArray[np.float32],
        part: Part,
        num_classes: int,
        folds: int,
        divisions: Sequence[NDArray[np.int64]],
    ) -> None:
        self._features, self._labels = features, part.labels
        self._num_classes, self._folds = num_classes, folds
        self._divisions = divisions
        for division, fold in itertools.product(self._divisions, range(folds)):
            self._require_enough(division == fold)

    def say(self, trusted: NDArray[np.bool_], advance: Advance) -> Probabilities:
        """Of each picture, by the mean of those that were fitted to the trusted ones without it."""
        result = np.zeros((len(self._labels), self._num_classes))
        for division, fold in itertools.product(self._divisions, range(self._folds)):
            judged = division == fold
            others = ~judged & trusted
            # A class of which nothing would be left is learned as it stands.
            lost = np.setdiff1d(self._labels, self._labels[others])
            others |= ~judged & np.isin(self._labels, lost)
            head = fit_logistic_regression(
                self._features[others], self._labels[others], self._num_classes
            )
            result[judged] += head.probabilities(self._features[judged]) / len(self._divisions)
            advance(1)
        return result

    def _require_enough(self, judged: NDArray[np.bool_]) -> None:
        if len(np.unique(self._labels[~judged])) < self._num_classes or not judged.any():
            raise UsageError(
                f"too few pictures for {self._folds} folds: each must leave pictures of every "
                "class to learn from, and get some itself"
            )
