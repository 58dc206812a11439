"""A Keras classifier seen as fixed features and logits, with the corrections' neurons beside."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.corrections.neurons import THRESHOLD, Neurons, Responses, pool_side
from imgclf.corrections.new_class import SLOPE
from imgclf.data.decoder import Pixels
from imgclf.model.layer_names import ANSWER, FLAT, NEURONS, POOL, STRENGTH, SUM, TWO, UNIT
from imgclf.model_file.dense_end import require_dense_end
from imgclf.model_file.keras_parts import last_map

_CLASS = "corrections_class"


class CorrectableNetwork:
    """Reads the parts of a model, and builds it again with other neurons.

    Args:
        model: A classifier whose last layer is Dense, or one that `with_neurons` returned.

    Raises:
        ModelFileError: Its last layer is something else, or a model is inside of it.

    Attributes:
        neurons: Those of the corrections that the model has; none at first.
    """

    def __init__(self, model: keras.Model) -> None:
        self._inputs = model.inputs
        if any(layer.name == ANSWER for layer in model.layers):
            self._features = model.get_layer(UNIT).output
            self._logits = model.get_layer(SUM).input[0]
            self._activation = model.get_layer(ANSWER).activation
            self.neurons = Neurons(
                model.get_layer(NEURONS).get_weights()[0],
                model.get_layer(STRENGTH).get_weights()[0],
            )
        else:
            require_dense_end(model)
            self._features = _unit_features(model)
            self._logits, self._activation = _logits(model)
            features, units = self._features.shape[-1], self._logits.shape[-1]
            self.neurons = Neurons(
                np.zeros((features, 0), np.float32), np.zeros((0, units), np.float32)
            )
        self._responses = keras.Model(self._inputs, [self._features, self._logits])

    def with_class(self, key: NDArray[np.float32], threshold: float) -> CorrectableNetwork:
        """With one more class; the old ones keep their logits.

        Args:
            key: Of the class, shape (features,).
            threshold: It comes first where features and key have a larger product.
        """
        units = self._logits.shape[-1]
        old, strengths = self._logits, self.neurons.strengths
        if units == 1:  # sigmoid(z) is softmax([0, z])
            two = keras.layers.Dense(2, use_bias=False, name=TWO)
            old = two(old)
            two.set_weights([np.array([[0, 1]], np.float32)])
            strengths = np.concatenate([np.zeros_like(strengths), strengths], axis=1)
        class_layer = keras.layers.Dense(1, name=f"{_CLASS}_{old.shape[-1]}")
        largest = keras.ops.max(old, axis=-1, keepdims=True)
        new = keras.layers.Add()([largest, class_layer(self._features)])
        class_layer.set_weights(
            [SLOPE * key[:, np.newaxis], np.full(1, -SLOPE * threshold, np.float32)]
        )
        result = copy.copy(self)
        result._logits = keras.layers.Concatenate()([old, new])
        if self._activation is keras.activations.sigmoid:
            result._activation = keras.activations.softmax
        result.neurons = Neurons(
            self.neurons.keys, np.pad(strengths, ((0, 0), (0, 1))).astype(np.float32)
        )
        result._responses = keras.Model(self._inputs, [self._features, result._logits])
        return result

    def responses(self, pixels: Pixels) -> Responses:
        """What the trained network makes of pictures, without any neurons.

        It never changes while the trained network stays.

        Args:
            pixels: uint8, shape (pictures, height, width, 3).

        Returns:
            Features, shape (pictures, features), and logits, shape (pictures, units).
        """
        if not len(pixels):
            features, units = self.neurons.keys.shape[0], self.neurons.strengths.shape[1]
            return Responses(np.zeros((0, features), np.float32), np.zeros((0, units), np.float32))
        return Responses(*self._responses.predict(pixels, batch_size=32, verbose=0))

    def fingerprint(self) -> str:
        """Of the trained weights, which corrections leave as they are; SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for weight in self._responses.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        return digest.hexdigest()

    def with_neurons(self, neurons: Neurons) -> keras.Model:
        """A plain Keras model with these neurons in it, which saves and loads like any other."""
        count, units = neurons.strengths.shape
        dense = keras.layers.Dense(count, activation="relu", name=NEURONS)
        strength = keras.layers.Dense(units, use_bias=False, name=STRENGTH)
        added = strength(dense(self._features))
        total = keras.layers.Add(name=SUM)([self._logits, added])
        answer = keras.layers.Activation(self._activation, name=ANSWER)(total)
        dense.set_weights([neurons.keys, np.full(count, -THRESHOLD, np.float32)])
        strength.set_weights([neurons.strengths])
        return keras.Model(self._inputs, answer)


def _unit_features(model: keras.Model) -> Any:
    """The last tensor that still has height and width, as one row of unit length."""
    last = last_map(model)
    if last is None:
        return keras.layers.UnitNormalization(name=UNIT)(model.layers[-1].input)
    side = pool_side(*last.shape[1:])
    if side > 1:
        last = keras.layers.AveragePooling2D(side, padding="same", name=POOL)(last)
    flat = keras.layers.Flatten(name=FLAT)(last)
    return keras.layers.UnitNormalization(name=UNIT)(flat)


def _logits(model: keras.Model) -> tuple[Any, Any]:
    """What the last Dense layer gives before its activation, and the activation."""
    last = model.layers[-1]
    linear = keras.layers.Dense(last.units, use_bias=last.use_bias, name=last.name)
    logits = linear(last.input)
    linear.set_weights(last.get_weights())
    return logits, last.activation
