"""Multinomial logistic regression with an L2 penalty: a linear head solved, rather than trained.

The problem is convex, so that there is one answer, and L-BFGS comes to it in some dozen passes over
all examples. It is not SciPy's, which takes half a second to import and brings a second BLAS, whose
threads and NumPy's wait for each other (measured in docs/suspects.md). And here a line can be
searched at no cost, for logits along a line are a line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgclf.model.probabilities import Probabilities, to_probabilities

Floats = NDArray[np.float32] | NDArray[np.float64]
Doubles = NDArray[np.float64]

L2 = 0.1
"""Measured in docs/suspects.md, on standardized features."""

# As `BatchNormalization` has it: a feature that hardly varies is not blown up.
_EPSILON = 1e-3

_REMEMBERED = 10  # steps, from which the curvature is known
_MOST_TRIALS = 60  # halves of any interval, to the last bit
_TINY = np.finfo(np.float64).tiny

# Multiplications below which OpenBLAS takes one thread. Several wait for each other at every
# product, for as long as other programs have the processor: it took ten times as long. Of fewer
# rows than these, products are slower than the waiting.
_OF_ONE_THREAD = 4 * 65536
_FEWEST_ROWS = 16


def standardized(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Each feature less its mean, by its deviation, over all examples: no label has a part in it.

    Args:
        features: Shape (examples, features).
    """
    result = features.astype(np.float32)
    result -= result.mean(axis=0, dtype=np.float64).astype(np.float32)
    result /= np.sqrt(result.var(axis=0, dtype=np.float64) + _EPSILON).astype(np.float32)
    return result


@dataclass(frozen=True)
class LinearHead:
    """From features to classes.

    Attributes:
        weights: Shape (features, classes).
        biases: Shape (classes,).
    """

    weights: Floats
    biases: Floats

    def logits(self, features: Floats) -> Floats:
        """Shape (examples, classes), for features of shape (examples, features)."""
        result: Floats = features @ self.weights + self.biases
        return result

    def probabilities(self, features: Floats) -> Probabilities:
        """Of each class, float64, shape (examples, classes), rows adding up to 1."""
        return to_probabilities(self.logits(features), "softmax_logits")


def fit_logistic_regression(
    features: Floats,
    labels: NDArray[np.int64],
    num_classes: int,
    *,
    l2: float = L2,
    example_weights: NDArray[np.floating] | None = None,
    towards: LinearHead | None = None,
    start: LinearHead | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 1000,
) -> LinearHead:
    """The linear head that makes the labels likeliest, less a penalty.

    With x_n the features of example n, t_n its label as one of K, s_n its weight and S their sum,
    this is what becomes smallest (Bishop 2006, Pattern Recognition and Machine Learning, 4.3.4,
    its equations 4.104, 4.108 and 4.109, as a mean and with the penalty of its 5.5):

        p_n = softmax(W' x_n + b)
        E(W, b) = -1/S sum_n s_n sum_k t_nk ln p_nk + l2/2 |W - V|^2
        dE/dW = 1/S sum_n s_n x_n (p_n - t_n)' + l2 (W - V)
        dE/db = 1/S sum_n s_n (p_n - t_n)

    V is zero, or the weights of `towards`; then its biases c pull as well, by l2/2 |b - c|^2, so
    that a large `l2` leaves that head as it is. Without them a number added to all biases changes
    no probability; the sum that they start with is kept, which is zero where nothing is given.

    Args:
        features: float32 or float64, shape (examples, features), in which the sums are computed.
            The penalty means the same to each feature if they are standardized.
        labels: From 0, shape (examples,). A class without examples becomes unlikely.
        num_classes: How many there are, from 2 on.
        l2: How much the penalty counts beside the mean over the examples, whatever their number.
        example_weights: How much each example counts, shape (examples,), from 0 on.
        towards: The head that is pulled towards, rather than towards zero.
        start: Where to begin, for the answer to come sooner; `towards` if nothing is given.
        tolerance: What the largest number of the gradient comes down to.
        max_iterations: The most steps.

    Returns:
        In the type of `features`.
    """
    shares = np.ones(len(labels)) if example_weights is None else example_weights.astype(np.float64)
    examples = _Examples(features, labels, shares[:, None] / shares.sum())
    shape = (features.shape[1] + 1, num_classes)
    pulled = np.zeros(shape) if towards is None else _stacked(towards)
    penalties = np.full((shape[0], 1), l2)
    if towards is None:
        penalties[-1] = 0.0
    first = start or towards
    numbers = np.zeros(shape) if first is None else _stacked(first)
    logits = examples.logits(numbers)
    steps: deque[_Step] = deque(maxlen=_REMEMBERED)
    before: tuple[Doubles, Doubles] | None = None
    for _ in range(max_iterations):
        gradient = examples.slopes(logits) + penalties * (numbers - pulled)
        if np.abs(gradient).max() <= tolerance:
            break
        if before is not None:
            latest = _Step(before[0], gradient - before[1])
            if latest.product > 0:  # as it always is, but for rounding
                steps.append(latest)
        direction = -_times_inverse_curvature(gradient, steps)
        along = examples.logits(direction)
        penalty_slope = float((penalties * direction * (numbers - pulled)).sum())
        penalty_curvature = float((penalties * direction**2).sum())
        length = examples.length(logits, along, penalty_slope, penalty_curvature)
        if length is None:  # what is left to gain is lost in rounding
            break
        before = (length * direction, gradient)
        numbers = numbers + length * direction
        logits += length * along
    found = _rounded(numbers, features)
    return LinearHead(found[:-1], found[-1])


@dataclass(frozen=True)
class _Examples:
    """What the labels say, without the penalty.

    Attributes:
        features: Shape (examples, features).
        labels: Shape (examples,).
        shares: How much each counts, shape (examples, 1), adding up to 1.
    """

    features: Floats
    labels: NDArray[np.int64]
    shares: Doubles

    def logits(self, numbers: Doubles) -> Doubles:
        """Of weights with the biases below them."""
        weights = _rounded(numbers[:-1], self.features)
        products = np.empty((len(self.features), weights.shape[1]), weights.dtype)
        for rows in self._blocks(weights.shape[1]):
            np.matmul(self.features[rows], weights, out=products[rows])
        result: Doubles = products.astype(np.float64) + numbers[-1]
        return result

    def slopes(self, logits: Doubles) -> Doubles:
        """The gradient by weights, and by the biases below them."""
        errors = self.shares * self._errors(_softmax(logits))
        rounded = _rounded(errors, self.features)
        by_weights = np.zeros((self.features.shape[1], errors.shape[1]))
        for rows in self._blocks(errors.shape[1]):
            by_weights += np.matmul(self.features[rows].T, rounded[rows])
        return np.concatenate([by_weights, errors.sum(axis=0, keepdims=True)])

    def _blocks(self, classes: int) -> list[slice]:
        """So many examples at once that OpenBLAS stays in one thread, where that is enough work."""
        examples, features = self.features.shape
        size = _OF_ONE_THREAD // (features * classes)
        if size < _FEWEST_ROWS:
            return [slice(None)]
        return [slice(start, start + size) for start in range(0, examples, size)]

    def length(
        self, logits: Doubles, along: Doubles, penalty_slope: float, penalty_curvature: float
    ) -> float | None:
        """How far to go along a line: to where less than half of its slope is left.

        By Newton's method in one dimension, kept between what is too short and what is too long.

        Args:
            logits: Where the line begins.
            along: What they change by in a step of length 1.
            penalty_slope: Of the penalty, where the line begins.
            penalty_curvature: Of the penalty, anywhere.

        Returns:
            None if it doesn't go down, or there is nothing to be seen of it.
        """
        too_short, too_long, length, first_slope = 0.0, np.inf, 0.0, 0.0
        for trial in range(_MOST_TRIALS):
            probabilities = _softmax(logits + length * along)
            spread = (probabilities * along**2).sum(axis=1) - (probabilities * along).sum(
                axis=1
            ) ** 2
            curvature = float(self.shares[:, 0] @ spread) + penalty_curvature
            slope = float((self.shares * self._errors(probabilities) * along).sum())
            slope += penalty_slope + length * penalty_curvature
            if trial == 0:
                if slope >= 0 or curvature <= 0:
                    return None
                first_slope = slope
            elif abs(slope) <= -first_slope / 2:
                return length
            elif slope < 0:
                too_short = length
            else:
                too_long = length
            length -= slope / max(curvature, _TINY)
            if not too_short < length < too_long:
                length = 2 * too_short if too_long == np.inf else (too_short + too_long) / 2
        return too_short or None

    def _errors(self, probabilities: Doubles) -> Doubles:
        errors = probabilities.copy()
        errors[np.arange(len(self.labels)), self.labels] -= 1
        return errors


class _Step:
    """A step, and what the gradient became by it."""

    def __init__(self, step: Doubles, change: Doubles) -> None:
        self.step, self.change = step, change
        self.product = _dot(step, change)


def _times_inverse_curvature(gradient: Doubles, steps: Iterable[_Step]) -> Doubles:
    """Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4: L-BFGS in two loops."""
    remembered = list(steps)
    result = gradient.copy()
    factors = []
    for one in reversed(remembered):
        factors.append(_dot(one.step, result) / one.product)
        result -= factors[-1] * one.change
    if remembered:
        last = remembered[-1]
        result *= last.product / _dot(last.change, last.change)
    for one, factor in zip(remembered, reversed(factors), strict=True):
        result += (factor - _dot(one.change, result) / one.product) * one.step
    return result


def _softmax(logits: Doubles) -> Doubles:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Doubles = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def _rounded(numbers: Doubles, features: Floats) -> Floats:
    return numbers.astype(np.float32) if features.dtype == np.float32 else numbers


def _stacked(head: LinearHead) -> Doubles:
    return np.concatenate([head.weights, head.biases[None]]).astype(np.float64)


def _dot(one: Doubles, other: Doubles) -> float:
    # Not by BLAS, whose threads wait for each other longer than this takes.
    return float(np.einsum("ij,ij->", one, other))
