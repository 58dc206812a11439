"""Keras's activations in NumPy, by Keras's names; floats stay as precise as they come."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Float = TypeVar("Float", bound=np.floating)
_Values = NDArray[np.floating]

ActivationName = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "tanh",
    "softplus",
    "softsign",
    "exponential",
    "softmax",
    "log_softmax",
]
"""Those that there are here; all take one row of numbers for each picture."""


class ActivationFunction(Struct, frozen=True):
    """One activation.

    Attributes:
        alpha: The slope below 0, for `leaky_relu`; the value far below 0, negated, for `elu`. The
            others ignore it.
    """

    name: ActivationName = "linear"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.alpha):
            raise ValueError(f"alpha is {self.alpha}")

    def __call__(self, values: NDArray[Float]) -> NDArray[Float]:
        """Of values of shape (pictures, numbers), in the same shape and precision."""
        # What overflows here overflows in Keras, which says nothing either.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.name == "leaky_relu":
                found = np.where(values > 0, values, self.alpha * values)
            elif self.name == "elu":
                found = _elu(values, self.alpha)
            else:
                found = _FUNCTIONS[self.name](values)
        return found.astype(values.dtype, copy=False)


def sigmoid(values: NDArray[Float]) -> NDArray[Float]:
    """1 / (1 + exp(-values)), precise for small ones too."""
    found: NDArray[Float] = np.exp(-np.logaddexp(values.dtype.type(0), -values))
    return found


def softmax(values: NDArray[Float]) -> NDArray[Float]:
    """Of each row: positive numbers that add up to 1."""
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    found: NDArray[Float] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return found


def _log_softmax(values: _Values) -> _Values:
    shifted = values - values.max(axis=1, keepdims=True)
    found: _Values = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def _relu6(values: _Values) -> _Values:
    return np.clip(values, 0, 6)


def _elu(values: _Values, alpha: float = 1.0) -> _Values:
    return np.where(values > 0, values, alpha * np.expm1(np.minimum(values, 0)))


def _selu(values: _Values) -> _Values:
    return 1.0507009873554805 * _elu(values, 1.6732632423543772)


def _gelu(values: _Values) -> _Values:
    # NumPy has no error function, and SciPy's import costs a prediction too much.
    errors = np.array([math.erf(value / math.sqrt(2)) for value in values.ravel().tolist()])
    found: _Values = values * (1 + errors.reshape(values.shape)) / 2
    return found


def _silu(values: _Values) -> _Values:
    found: _Values = values * np.exp(-np.logaddexp(0, -values))
    return found


def _softplus(values: _Values) -> _Values:
    found: _Values = np.logaddexp(values.dtype.type(0), values)
    return found


def _mish(values: _Values) -> _Values:
    found: _Values = values * np.tanh(_softplus(values))
    return found


def _softsign(values: _Values) -> _Values:
    found: _Values = values / (1 + np.abs(values))
    return found


_FUNCTIONS: Mapping[str, Callable[[_Values], _Values]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "relu6": _relu6,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda values: _relu6(values + 3) / 6,
    "hard_silu": lambda values: values * _relu6(values + 3) / 6,
    "tanh": np.tanh,
    "softplus": _softplus,
    "softsign": _softsign,
    "exponential": np.exp,
    "softmax": softmax,
    "log_softmax": _log_softmax,
}

ACTIVATIONS = frozenset(get_args(ActivationName))
