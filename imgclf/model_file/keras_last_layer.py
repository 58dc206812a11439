"""Keras's last layer in a model file, found and changed in its config and weights without Keras.

Keras's import alone takes longer than a correction may. What stands after the layer, neurons of
corrections among it, goes where the layer is written anew: its activation is in the layer then.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import NumpyHead
from imgclf.model.layer_names import FEATURES, NEURONS, STANDARDIZATION
from imgclf.model_file.saved_graph import Layer, names_in_weights, tensors_in
from imgclf.model_file.weights_screening import read_numbers

_Floats = NDArray[np.float64]

# Of float32 numbers that were multiplied once more: what is off by more is another layer.
_ROUNDING = 1e-5

# What a config that says something else, or weights without these layers, end in.
_DAMAGED = (
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    OSError,
    RecursionError,
    msgspec.DecodeError,
)

_ACTIVATIONS = ("linear", "sigmoid", "softmax")


@dataclass(frozen=True)
class KerasLastLayer:
    """The layer, which takes (features - mean) / deviation.

    Attributes:
        mean: Shape (features,); zero where hidden layers stand between.
        deviation: Likewise; one.
        path: Of its variables among the weights.
    """

    mean: _Floats
    deviation: _Floats
    path: str
    _config: Mapping[str, Any]
    _name: str
    _kept: frozenset[str]  # what the layer is computed from, and itself

    def rewritten(
        self, config: bytes, weights: bytes, kernel: _Floats, bias: _Floats, activation: str
    ) -> tuple[bytes, bytes]:
        """Config and weights with other numbers in the layer, which comes last then.

        Args:
            config: As it is in the file.
            weights: Likewise.
            kernel: For features that are not standardized, shape (features, units).
            bias: Shape (units,).
            activation: Of the model.
        """
        bias, kernel = bias + self.mean @ kernel, kernel * self.deviation[:, np.newaxis]
        layers = self._config["config"]["layers"]
        mine = next(one for one in layers if one["name"] == self._name)
        units = len(bias)
        if mine["config"]["units"] == units and len(self._kept) == len(layers):
            return config, _with_numbers(weights, {}, self.path, kernel, bias)
        before, after = names_in_weights(layers), names_in_weights(_only(layers, self._kept))
        moved = {before[name]: group for name, group in after.items()}
        changed = copy.deepcopy(dict(self._config))
        changed["config"]["layers"] = _only(changed["config"]["layers"], self._kept)
        output: list[Any] = [self._name, 0, 0]
        several = isinstance(changed["config"]["output_layers"][0], list)
        changed["config"]["output_layers"] = [output] if several else output
        mine = next(one for one in changed["config"]["layers"] if one["name"] == self._name)
        was_one = mine["config"]["units"] == 1
        mine["config"] |= {"units": units, "activation": activation}
        if was_one and units > 1 and changed.get("compile_config"):
            changed["compile_config"] |= {"loss": _loss(activation), "metrics": ["accuracy"]}
        return msgspec.json.encode(changed), _with_numbers(weights, moved, self.path, kernel, bias)


def find_in_keras(
    config: bytes, weights: bytes, head: NumpyHead, file: Path
) -> KerasLastLayer | None:
    """Where Keras keeps the last layer of a head; None if it isn't found, or can't be changed.

    Args:
        config: Of a model file.
        weights: Likewise.
        head: The same layers, for NumPy.
        file: What a message names.

    Raises:
        ModelFileError: The weights are not to be trusted.
    """
    import h5py

    if head.activation.name not in _ACTIVATIONS:
        return None
    kernel, bias = (
        one.array.astype(np.float64) for one in (head.layers[-1].kernel, head.layers[-1].bias)
    )
    width = len(kernel)
    try:
        decoded = msgspec.json.decode(config)
        layers = decoded["config"]["layers"]
        groups = names_in_weights(layers)
        by_name = {one["name"]: one for one in layers}
        ours = [
            one["name"]
            for one in layers
            if one["class_name"] == "Dense" and not one["name"].startswith(NEURONS)
        ]
        last = ours[-1]
        if FEATURES not in by_name:
            return None
        path = f"layers/{groups[last]}/vars"
        with h5py.File(io.BytesIO(weights), "r") as arrays:
            mean, deviation = np.zeros(width), np.ones(width)
            # An adopted model may take the features as they are.
            if len(head.layers) == 1 and STANDARDIZATION in by_name:
                epsilon = float(by_name[STANDARDIZATION]["config"]["epsilon"])
                statistics = f"layers/{groups[STANDARDIZATION]}/vars"
                mean, variance = (
                    read_numbers(arrays, f"{statistics}/{key}", file).astype(np.float64)
                    for key in "01"
                )
                deviation = np.sqrt(variance + epsilon)
            found = [read_numbers(arrays, f"{path}/{key}", file).astype(np.float64) for key in "01"]
        kept = _ancestors(layers, last)
    except _DAMAGED:
        return None
    shapes = [mean.shape, deviation.shape, *(array.shape for array in found)]
    if shapes != [(width,), (width,), kernel.shape, bias.shape]:
        return None
    expected = kernel * deviation[:, np.newaxis], bias + mean @ kernel
    # A layer in between, or another order of layers, would show here.
    same = all(
        np.abs(one - other).max() <= _ROUNDING * max(1.0, np.abs(other).max())
        for one, other in zip(found, expected, strict=True)
    )
    return KerasLastLayer(mean, deviation, path, decoded, last, kept) if same else None


def _only(layers: Sequence[Layer], names: frozenset[str]) -> list[Layer]:
    return [one for one in layers if one["name"] in names]


def _ancestors(layers: Sequence[Layer], name: str) -> frozenset[str]:
    """A layer and all that it is computed from, by their names."""
    by_name = {one["name"]: one for one in layers}
    found: set[str] = set()
    to_visit = [name]
    while to_visit:
        one = to_visit.pop()
        if one not in found:
            found.add(one)
            to_visit += (
                tensor["keras_history"][0] for tensor in tensors_in(by_name[one]["inbound_nodes"])
            )
    return frozenset(found)


def _loss(activation: str) -> dict[str, Any] | str:
    """What a model of several classes is compiled with."""
    if activation == "softmax":
        return "sparse_categorical_crossentropy"
    return {
        "module": "keras.losses",
        "class_name": "SparseCategoricalCrossentropy",
        "config": {"from_logits": True},
        "registered_name": None,
    }


def _with_numbers(
    weights: bytes, moved: Mapping[str, str], path: str, kernel: _Floats, bias: _Floats
) -> bytes:
    """Weights with another kernel and bias.

    Args:
        weights: A file of Keras's.
        moved: The layers that stay, by their groups, and the groups that they go to; empty if
            all stay as they are.
        path: Of the layer's variables, as they lie in `weights`.
        kernel: New; it may have another shape.
        bias: Likewise.
    """
    import h5py

    content = io.BytesIO(weights)
    with h5py.File(content, "r+") as file:
        variables = file[path]
        if variables["1"].shape == bias.shape:
            variables["0"][...], variables["1"][...] = kernel, bias
        else:
            for key, value in zip("01", (kernel, bias), strict=True):
                del variables[key]
                variables[key] = value.astype(np.float32)
        if not moved:
            file.flush()
            return content.getvalue()
        # Into a new file, for what is deleted from one leaves its room behind.
        result = io.BytesIO()
        with h5py.File(result, "w") as smaller:
            for name in file:
                if name != "layers":
                    file.copy(name, smaller)
            layers = smaller.create_group("layers")
            for before, after in moved.items():
                file.copy(f"layers/{before}", layers, after)
    return result.getvalue()
