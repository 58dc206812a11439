"""Making confidence mean what it says: a temperature for the logits, and how far off it is."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.probabilities import Probabilities

# Fewer pictures say too little about confidence, and a temperature outside of these bounds comes
# from a validation set that is all right or all wrong, not from the model.
FEWEST_PICTURES = 20
COLDEST, HOTTEST = 0.5, 10.0

BINS = 15

_TINY = np.finfo(np.float32).tiny


def fit_temperature(probabilities: Probabilities, labels: NDArray[np.int64]) -> float:
    """The temperature at which held-out labels are likeliest.

    Guo et al. 2017, On Calibration of Modern Neural Networks. It never changes which class
    comes first.

    Args:
        probabilities: Uncalibrated, shape (pictures, classes).
        labels: True class indices, shape (pictures,).

    Returns:
        Between 0.5 and 10; 1 if there are too few pictures to tell.
    """
    if len(labels) < FEWEST_PICTURES:
        return 1.0
    logits = np.log(np.maximum(probabilities, _TINY))
    right = logits[np.arange(len(labels)), labels]

    def slope(sharpness: float) -> float:
        """Of the mean negative log likelihood, which is convex in 1 / temperature."""
        scaled = np.exp(sharpness * (logits - logits.max(axis=1, keepdims=True)))
        expected = (scaled * logits).sum(axis=1) / scaled.sum(axis=1)
        return float((expected - right).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(40):  # halves of an interval of 1.9: exact to 2e-12
        middle = (low + high) / 2
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return 2 / (low + high)


class Bin(Struct, frozen=True):
    """Pictures of about the same confidence.

    Attributes:
        low: The least confidence that belongs here.
        high: Above the largest, except in the last one.
        pictures: How many; the two others are 0 if there are none.
        confidence: Their mean.
        accuracy: The share of them that are right.
    """

    low: float
    high: float
    pictures: int
    confidence: float
    accuracy: float


def reliability(
    probabilities: Probabilities, labels: NDArray[np.int64], bins: int = BINS
) -> list[Bin]:
    """Confidence and accuracy in equally wide bins of confidence.

    Args:
        probabilities: Shape (pictures, classes).
        labels: True class indices, shape (pictures,).
        bins: How many.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    pictures = np.bincount(bin_of, minlength=bins)
    means = [
        np.bincount(bin_of, weights=values, minlength=bins) / np.maximum(pictures, 1)
        for values in (confidence, right)
    ]
    return [
        Bin(index / bins, (index + 1) / bins, *numbers)
        for index, numbers in enumerate(
            zip(pictures.tolist(), *(mean.tolist() for mean in means), strict=True)
        )
    ]


def expected_calibration_error(
    probabilities: Probabilities, labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """By how much confidence and accuracy differ on average; 0 is perfect.

    Naeini et al. 2015, with equally wide bins of confidence. Chance alone makes it larger the
    fewer pictures there are; see `error_by_chance`.

    Args:
        probabilities: Shape (pictures, classes).
        labels: True class indices, shape (pictures,).
        bins: How many.
    """
    gaps = (
        one.pictures * abs(one.confidence - one.accuracy)
        for one in reliability(probabilities, labels, bins)
    )
    return sum(gaps) / len(labels)


def error_by_chance(
    probabilities: Probabilities, labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """The expected calibration error that a model shows whose confidence is exactly right.

    In each bin as many are right then as coins that fall so with its confidence, which is off by
    the mean absolute deviation of a binomial on average (De Moivre 1730; Diaconis and Zabell 1991,
    Closed Form Summation for Classical Distributions). What is left of an error, less this, is
    the model's; where that is small it is more than is left, for chance hides it.

    Args:
        probabilities: Shape (pictures, classes).
        labels: True class indices, shape (pictures,).
        bins: How many.
    """
    of_bins = (
        _mean_deviation(one.pictures, one.confidence)
        for one in reliability(probabilities, labels, bins)
    )
    return sum(of_bins) / len(labels)


def _mean_deviation(coins: int, share: float) -> float:
    """Of how many of so many coins fall on the side that has this probability."""
    share = min(share, 1.0)
    if not coins or share in (0.0, 1.0):
        return 0.0
    above = min(math.floor(coins * share) + 1, coins)
    choices = math.lgamma(coins + 1) - math.lgamma(above + 1) - math.lgamma(coins - above + 1)
    log = choices + above * math.log(share) + (coins - above + 1) * math.log1p(-share)
    return 2 * above * math.exp(log)
