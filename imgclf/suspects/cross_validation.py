"""What linear heads say of pictures that they were fitted without, by cross-validation."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import Part
from imgclf.errors import UsageError
from imgclf.model.logistic_regression import fit_logistic_regression
from imgclf.model.probabilities import Probabilities
from imgclf.suspects.confident_learning import no_better_than_guessing, rank_suspects
from imgclf.suspects.folds import divide
from imgclf.system import console
from imgclf.system.console import Advance

# As `BatchNormalization` has it: a feature that hardly varies is not blown up.
_EPSILON = 1e-3


def out_of_fold_probabilities(
    features: NDArray[np.floating],
    part: Part,
    num_classes: int,
    *,
    folds: int,
    repeats: int = 1,
    seed: int = 0,
) -> Probabilities:
    """Fits a linear head to all folds but one and judges that one, in turn; then all of it again.

    The second time without the labels that the first time contradicts, for a wrong label speaks
    for other wrong ones: learning from what confident learning leaves (Northcutt, Jiang and
    Chuang 2021, 3.3). It is left out where the first time was no better than guessing.

    Args:
        features: By a network that knows nothing of these labels, shape (pictures, features).
        part: All pictures, with their labels.
        num_classes: Of the labels.
        folds: How many; each class must have pictures in two at least.
        repeats: All of it with so many different divisions into folds; the mean counts.
        seed: Of the first of these.

    Returns:
        Of each picture of `part`, shape (pictures, classes).

    Raises:
        UsageError: A class has too few pictures.
    """
    judges = _Judges(_standardized(features), part, num_classes, folds, repeats, seed)
    everything = np.ones(len(part), np.bool_)
    with console.track("judging each picture by the others", 2 * folds * repeats) as advance:
        found = judges.say(everything, advance)
        if not no_better_than_guessing(found, part.labels):
            contradicted, _ = rank_suspects(found, part.labels)
            trusted = everything.copy()
            trusted[contradicted] = False
            found = judges.say(trusted, advance)
    return found


class _Judges:
    """Linear heads, each of which judges what it was fitted without."""

    def __init__(
        self,
        features: NDArray[np.float32],
        part: Part,
        num_classes: int,
        folds: int,
        repeats: int,
        seed: int,
    ) -> None:
        self._features, self._labels = features, part.labels
        self._num_classes, self._folds = num_classes, folds
        self._divisions = [
            divide(part.pictures, folds, (seed + repeat) % 2**32) for repeat in range(repeats)
        ]
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


def _standardized(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Over all pictures, which says nothing of their labels."""
    result = features.astype(np.float32)
    result -= result.mean(axis=0, dtype=np.float64).astype(np.float32)
    result /= np.sqrt(result.var(axis=0, dtype=np.float64) + _EPSILON).astype(np.float32)
    return result
