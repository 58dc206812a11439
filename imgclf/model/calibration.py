"""Making confidence mean what it says: a temperature for the logits, and how far off it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import Probabilities

# Fewer pictures say too little about confidence, and a temperature outside of these bounds comes
# from a validation set that is all right or all wrong, not from the model.
FEWEST_PICTURES = 20
COLDEST, HOTTEST = 0.5, 10.0

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


def expected_calibration_error(
    probabilities: Probabilities, labels: NDArray[np.int64], bins: int = 15
) -> float:
    """By how much confidence and accuracy differ on average; 0 is perfect.

    Naeini et al. 2015, with equally wide bins of confidence.

    Args:
        probabilities: Shape (pictures, classes).
        labels: True class indices, shape (pictures,).
        bins: How many.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
