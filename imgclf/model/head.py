"""The head of a network in NumPy: what comes after the features, as `imgclf/head.msgpack` keeps it.

    features of the picture -> Dense layers -> logits, grown by classes that were learned later
                                                 |
    last feature map -> pooled, flattened, ----> + the corrections' neurons -> activation
                        scaled to unit length

Standardization and whatever else is affine is in the first Dense layer already; dropout and
augmentation are nothing in prediction. The neurons and classes are those of `imgclf.corrections`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from imgclf.model.activations import ActivationFunction
from imgclf.model.familiar import Familiar
from imgclf.model.numbers import Array, Size
from imgclf.model.numbers import Numbers as Numbers

_SHORTEST = 1e-12  # of a vector that is scaled to unit length, as in Keras


class HeadLayer(Struct, frozen=True):
    """One Dense layer.

    Attributes:
        kernel: Shape (inputs, outputs).
        bias: Shape (outputs,).
    """

    kernel: Numbers
    bias: Numbers
    activation: ActivationFunction = ActivationFunction()

    def __post_init__(self) -> None:
        if len(self.kernel.shape) != 2 or self.bias.shape != self.kernel.shape[1:]:
            raise ValueError(f"a kernel of {self.kernel.shape}, a bias of {self.bias.shape}")

    def run(self, values: Array) -> Array:
        """Of values of shape (pictures, inputs)."""
        # In float64, so that a picture gets the same answer whatever else is in its batch.
        outputs = values.astype(np.float64) @ self.kernel.array + self.bias.array
        return self.activation(outputs.astype(np.float32))


class HeadNeurons(Struct, frozen=True):
    """The corrections' neurons: each adds relu(unit features . key + bias) * strength.

    Attributes:
        keys: Shape (unit features, neurons).
        bias: Shape (neurons,).
        strengths: Shape (neurons, units).
    """

    keys: Numbers
    bias: Numbers
    strengths: Numbers

    def __post_init__(self) -> None:
        keys, strengths = self.keys.shape, self.strengths.shape
        if len(keys) != 2 or len(strengths) != 2 or keys[1:] != strengths[:1]:
            raise ValueError(f"keys of {keys}, strengths of {strengths}")
        if self.bias.shape != keys[1:]:
            raise ValueError(f"keys of {keys}, a bias of {self.bias.shape}")

    def run(self, unit_features: Array) -> Array:
        """What they add to the logits, for features of shape (pictures, unit features)."""
        firing = np.maximum(unit_features @ self.keys.array + self.bias.array, 0)
        added: Array = firing @ self.strengths.array
        return added


class HeadClass(Struct, frozen=True):
    """A class that was learned later: its logit is the largest before + features . key + bias.

    Attributes:
        key: Shape (unit features,).
    """

    key: Numbers
    bias: float

    def __post_init__(self) -> None:
        if len(self.key.shape) != 1 or not math.isfinite(self.bias):
            raise ValueError(f"a key of {self.key.shape}, a bias of {self.bias}")

    def run(self, logits: Array, unit_features: Array) -> Array:
        """The logits with its own as the last, shape (pictures, units + 1)."""
        own = logits.max(axis=1) + unit_features @ self.key.array + np.float32(self.bias)
        return np.concatenate([logits, own[:, np.newaxis]], axis=1)


class NumpyHead(Struct, frozen=True, kw_only=True):
    """A head that NumPy can run.

    Attributes:
        map_shape: Of the last feature map of a picture, (height, width, channels).
        layers: From the features to the logits.
        pool: Side of the squares over which the feature map is averaged for `classes` and
            `neurons`.
        classes: Those that were learned later, in the order in which they were.
        neurons: None if there are none.
        activation: From the logits to the outputs.
        trained: The last layer as it was trained, if corrections have changed it since.
        familiar: Which features are like those that it was trained on; None if that isn't known.
    """

    map_shape: tuple[Size, Size, Size]
    layers: Annotated[tuple[HeadLayer, ...], Meta(min_length=1, max_length=100)]
    pool: Size = 1
    classes: Annotated[tuple[HeadClass, ...], Meta(max_length=10_000)] = ()
    neurons: HeadNeurons | None = None
    activation: ActivationFunction = ActivationFunction()
    trained: HeadLayer | None = None
    familiar: Familiar | None = None

    def __post_init__(self) -> None:
        if self.familiar is not None and self.familiar.width != self.features:
            raise ValueError(
                f"it takes {self.features} features, and knows those of {self.familiar.width}"
            )
        if self.trained is not None and self.trained.kernel.shape != self.layers[-1].kernel.shape:
            raise ValueError(f"a last layer that was trained of {self.trained.kernel.shape}")
        sizes = [one.kernel.shape for one in self.layers]
        for (_, given), (taken, _) in pairwise(sizes):
            if given != taken:
                raise ValueError(f"a layer takes {taken} numbers, and gets {given}")
        height, width, channels = self.map_shape
        unit_features = -(-height // self.pool) * -(-width // self.pool) * channels
        wrong = [one for one in self.classes if one.key.shape != (unit_features,)]
        if wrong:
            raise ValueError(f"a class has a key of {wrong[0].key.shape} for {unit_features}")
        if self.neurons is not None:
            keys, strengths = self.neurons.keys.shape, self.neurons.strengths.shape
            if keys[0] != unit_features or strengths[1] != self.units:
                raise ValueError(
                    f"neurons take {keys[0]} numbers and give {strengths[1]}, where there are "
                    f"{unit_features} and {self.units}"
                )

    @classmethod
    def from_bytes(cls, content: bytes) -> NumpyHead:
        """Reads what `to_bytes` gave.

        Raises:
            ValueError: It is something else, or its parts don't fit together.
        """
        try:
            return msgspec.msgpack.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"its head can't be read: {error}") from error

    def to_bytes(self) -> bytes:
        """For a model file."""
        return msgspec.msgpack.encode(self)

    def corrected_by(
        self, digests: Sequence[str], features: Mapping[str, NDArray[np.floating]]
    ) -> NumpyHead:
        """The same of a model that is corrected by just these pictures; see `Familiar`.

        Args:
            digests: SHA-256 of their files, in hexadecimal, oldest first.
            features: Of each that is new, shape (features,).
        """
        if self.familiar is None:
            return self
        familiar = self.familiar.corrected_by(digests, features)
        return msgspec.structs.replace(self, familiar=familiar)

    @property
    def features(self) -> int:
        """How many features of a picture it takes."""
        return self.layers[0].kernel.shape[0]

    @property
    def units(self) -> int:
        """How many numbers it puts out for a picture."""
        return self.layers[-1].kernel.shape[1] + len(self.classes)

    def run(self, features: Array, feature_map: Array) -> Array:
        """The network's outputs, float32, shape (pictures, units).

        Args:
            features: Float32, shape (pictures, features).
            feature_map: Float32, shape (pictures, *map_shape).
        """
        # Overflow ends in infinite outputs, as in Keras, and without a word.
        with np.errstate(over="ignore", invalid="ignore"):
            if not self.classes and self.neurons is None:
                return self.activation(self._trained_logits(features))
            unit_features = self.unit_features(feature_map)
            logits = self.logits(features, unit_features)
            if self.neurons is not None:
                logits = logits + self.neurons.run(unit_features)
            return self.activation(logits)

    def logits(self, features: Array, unit_features: Array) -> Array:
        """What the neurons add to, shape (pictures, units).

        Args:
            features: Float32, shape (pictures, features).
            unit_features: From `unit_features`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._trained_logits(features)
            for later in self.classes:
                logits = later.run(logits, unit_features)
        return logits

    def unit_features(self, feature_map: Array) -> Array:
        """What classes and neurons look at, each row of length 1, shape (pictures, numbers).

        Args:
            feature_map: Float32, shape (pictures, *map_shape).
        """
        rows = _pooled(feature_map, self.pool).reshape(len(feature_map), -1)
        length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        unit: Array = rows / np.maximum(length, _SHORTEST)
        return unit

    def _trained_logits(self, features: Array) -> Array:
        logits = features
        for layer in self.layers:
            logits = layer.run(logits)
        return logits


def _pooled(feature_map: Array, side: int) -> Array:
    """Averages over squares, as Keras's AveragePooling2D with padding "same" takes them.

    Squares at the edges may be smaller: what lies outside of the map is not counted.
    """
    if side == 1:
        return feature_map
    values = feature_map
    for axis in (1, 2):
        size = values.shape[axis]
        starts = np.arange(0, size, side) - (-size % side) // 2
        starts[0] = 0
        counts = np.diff([*starts, size]).astype(np.float32)
        summed = np.add.reduceat(values, starts, axis=axis)
        values = np.divide(summed, counts.reshape(-1, *[1] * (3 - axis)), dtype=np.float32)
    return values
