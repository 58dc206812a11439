"""Dense layers of Keras, and the affine layers between them, as Dense layers for NumPy."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.model.activations import ACTIVATIONS, ActivationFunction, ActivationName
from imgclf.model.head import HeadLayer, Numbers

_Floats = NDArray[np.float64]


class UnreadableError(Exception):
    """NumPy can't do this, or it isn't known here."""


def unreadable(what: Any) -> NoReturn:
    """Says that something is none of what NumPy can do here.

    Raises:
        UnreadableError: Always.
    """
    raise UnreadableError(type(what).__name__)


class DenseChain:
    """Dense layers, added one after the other, with what is affine between them.

    What is affine goes into the Dense layer before it, if that has no activation, else into the
    one after it.

    Args:
        features: How many numbers the first layer takes.
    """

    def __init__(self, features: int) -> None:
        self._found: list[tuple[_Floats, _Floats, ActivationFunction]] = []
        # What is to be done to the outputs of the last.
        self._scale, self._shift = np.ones(features), np.zeros(features)

    def add(self, layer: Any) -> None:
        """The layer that comes next.

        Raises:
            UnreadableError: NumPy can't do it, or not here.
        """
        if isinstance(layer, keras.layers.Dense):
            kernel, bias = dense(layer)
            bias = bias + self._shift @ kernel
            kernel = self._scale[:, np.newaxis] * kernel
            self._append(kernel, bias, activation_function(layer.activation))
        elif isinstance(layer, keras.layers.BatchNormalization | keras.layers.Rescaling):
            scale, shift = _affine(layer)
            self._scale, self._shift = self._scale * scale, self._shift * scale + shift
            if self._ends_linearly():
                kernel, bias, linear = self._found.pop()
                self._append(kernel * self._scale, bias * self._scale + self._shift, linear)
        # There is one row for each picture already, so to flatten it is nothing.
        elif not isinstance(layer, keras.layers.Flatten):
            self._activate(activation_function(layer))

    def layers(self) -> list[HeadLayer]:
        """All of them.

        Raises:
            UnreadableError: There are none, or what is affine comes last and can't go into them.
        """
        if not self._found or self._waiting():
            unreadable(self)
        return [
            HeadLayer(Numbers.of(kernel), Numbers.of(bias), activation)
            for kernel, bias, activation in self._found
        ]

    def _append(self, kernel: _Floats, bias: _Floats, activation: ActivationFunction) -> None:
        self._found.append((kernel, bias, activation))
        self._scale, self._shift = np.ones(len(bias)), np.zeros(len(bias))

    def _activate(self, activation: ActivationFunction) -> None:
        if activation.name == "linear":
            return
        if self._waiting() or not self._ends_linearly():
            unreadable(activation)
        kernel, bias, _ = self._found.pop()
        self._append(kernel, bias, activation)

    def _ends_linearly(self) -> bool:
        return bool(self._found) and self._found[-1][2].name == "linear"

    def _waiting(self) -> bool:
        return bool((self._scale != 1).any() or self._shift.any())


def activation_function(given: Any) -> ActivationFunction:
    """An activation layer, or the function that a layer has for its activation.

    Raises:
        UnreadableError: It is none that NumPy can do here.
    """
    layers = keras.layers
    if isinstance(given, layers.Activation):
        return activation_function(given.activation)
    if isinstance(given, layers.LeakyReLU):
        return ActivationFunction("leaky_relu", float(given.negative_slope))
    if isinstance(given, layers.ELU):
        return ActivationFunction("elu", float(given.alpha))
    if isinstance(given, layers.ReLU):
        if given.negative_slope or given.threshold or given.max_value not in (None, 6):
            unreadable(given)
        return ActivationFunction("relu" if given.max_value is None else "relu6")
    if isinstance(given, layers.Softmax) and given.axis == -1:
        return ActivationFunction("softmax")
    name: Any = getattr(given, "__name__", "")
    if given is not getattr(keras.activations, name, None):
        unreadable(given)
    if name not in ACTIVATIONS:
        unreadable(given)
    # Of the functions, too, these two have a parameter, which only a layer can set.
    return ActivationFunction(name, 0.2 if name == "leaky_relu" else 1.0)


def is_dense(layer: Any, activation: ActivationName) -> bool:
    """Whether it is a Dense layer with this activation."""
    return (
        isinstance(layer, keras.layers.Dense)
        and activation_function(layer.activation).name == activation
    )


def dense(layer: Any) -> tuple[_Floats, _Floats]:
    """The kernel, shape (inputs, outputs), and the bias of a Dense layer.

    Raises:
        UnreadableError: It is one of a special kind.
    """
    if type(layer) is not keras.layers.Dense or layer.quantization_mode is not None:
        unreadable(layer)
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[1])
    return kernel, bias


def _affine(layer: Any) -> tuple[_Floats, _Floats]:
    """What a layer multiplies each feature by, and what it adds then."""
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
    if layer.axis not in (-1, 1):
        unreadable(layer)
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    shift = -np.asarray(layer.moving_mean, np.float64) * scale
    if layer.center:
        shift = shift + np.asarray(layer.beta, np.float64)
    return scale, shift
