"""How probable a label must be to be given, where a picture may have several."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from imgclf.model.probabilities import Probabilities

FEWEST_PICTURES: Final = 10
"""A class that fewer have, or fewer lack, takes the threshold of all classes together."""

MIDDLE: Final = 0.5


def choose_thresholds(probabilities: Probabilities, labels: NDArray[np.int64]) -> tuple[float, ...]:
    """For each class the threshold by which its F1 score is highest on held-out pictures.

    Lipton et al. 2014, Thresholding Classifiers to Maximize F1 Score. Of a rare class that says
    more of the few pictures than of the class, as they warn: it takes the threshold that is best
    for the answers of all classes together.

    Args:
        probabilities: Calibrated, shape (pictures, classes).
        labels: 0 or 1, shape (pictures, classes).

    Returns:
        Between 0 and 1, in the order of the classes; a label is given from there on.
    """
    shared = _best(probabilities.ravel(), labels.ravel())
    return tuple(
        _best(said, truth) if _enough(truth) else shared
        for said, truth in zip(probabilities.T, labels.T, strict=True)
    )


def _enough(truth: NDArray[np.int64]) -> bool:
    have = int(truth.sum())
    return min(have, len(truth) - have) >= FEWEST_PICTURES


def _best(said: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Between two of the probabilities, and the nearest to 0.5 of those that are as good."""
    if not _enough(truth):
        return MIDDLE
    order = np.argsort(-said, kind="stable")
    ranked, right = said[order], np.cumsum(truth[order])
    given = np.arange(1, len(ranked) + 1)
    f1_scores = 2 * right / (given + truth.sum())
    following = np.append(ranked[1:], 0.0)
    # Equal probabilities are given together.
    ends = np.flatnonzero(ranked > following)
    best = ends[f1_scores[ends] == f1_scores[ends].max()]
    between = (ranked[best] + following[best]) / 2
    # Anything above the next one and up to this one gives the same labels.
    middle_fits = (following[best] < MIDDLE) & (ranked[best] >= MIDDLE)
    choices = np.where(middle_fits, MIDDLE, between)
    return float(choices[np.abs(choices - MIDDLE).argmin()])
