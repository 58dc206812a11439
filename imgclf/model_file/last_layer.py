"""The last layer of a model whose features have a graph of their own, changed without Keras.

It is in the file twice: in Keras's weights, where it takes features that are standardized, and in
the head for NumPy, which has the standardization in it. Both are written anew; the graph of the
features and the network's config are copied as they are. Keras's import alone takes longer than
a correction may.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import HeadLayer, Numbers, NumpyHead
from imgclf.model.layer_names import FEATURES, STANDARDIZATION
from imgclf.model_file.archive import CONFIG, HEAD, HELD_OUT, MANIFEST, WEIGHTS, ModelArchive
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.weights_screening import count_numbers
from imgclf.system.files import atomic_path

_Floats = NDArray[np.float64]

# Of float32 numbers that were multiplied once more: what is off by more is another layer.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class LastLayer:
    """A Dense layer that is all between the features and the outputs.

    Attributes:
        head: Of the file, with that one layer in it.
        kernel: For features as the graph gives them, shape (features, units).
        bias: Shape (units,).
        trained: Kernel and bias as they were trained, before any correction.
    """

    head: NumpyHead
    kernel: _Floats
    bias: _Floats
    trained: tuple[_Floats, _Floats]
    _in_keras: _InKeras


@dataclass(frozen=True)
class _InKeras:
    """Where Keras has it, and what it takes: (features - mean) / deviation."""

    path: str
    mean: _Floats
    deviation: _Floats

    def kernel(self, kernel: _Floats) -> _Floats:
        return kernel * self.deviation[:, np.newaxis]

    def bias(self, kernel: _Floats, bias: _Floats) -> _Floats:
        return bias + self.mean @ kernel


def read_last_layer(archive: ModelArchive, manifest: Manifest) -> LastLayer | None:
    """The last layer, or None if this isn't all that the head is, or isn't found in Keras's part.

    Args:
        archive: The model file.
        manifest: Its manifest.

    Raises:
        ModelFileError: It is damaged, or not to be trusted.
    """
    if None in (manifest.features_sha256, manifest.head_sha256):
        return None
    try:
        head = NumpyHead.from_bytes(archive.read(HEAD))
    except ValueError:
        return None
    if len(head.layers) > 1 or head.classes or head.neurons is not None:
        return None
    archive.verify_weights(manifest)
    weights = archive.read(WEIGHTS)
    count_numbers(weights, archive.path)  # which refuses what is no plain number
    kernel, bias = _arrays(head.layers[0])
    in_keras = _find_in_keras(archive.read(CONFIG), weights, kernel, bias)
    if in_keras is None:
        return None
    trained = (kernel, bias) if head.trained is None else _arrays(head.trained)
    return LastLayer(head, kernel, bias, trained, in_keras)


def write_last_layer(
    archive: ModelArchive,
    manifest: Manifest,
    layer: LastLayer,
    kernel: _Floats,
    bias: _Floats,
    held_out: HeldOut | None = None,
) -> Manifest:
    """Writes the model with another last layer; it replaces the file, which is closed.

    Args:
        archive: The model file as it is.
        manifest: What the new one is to say; its checksums are filled in here.
        layer: From `read_last_layer`.
        kernel: For features as the graph gives them, shape (features, units).
        bias: Shape (units,).
        held_out: Which held-out pictures the new one has right; None if that isn't known.

    Returns:
        The manifest as written.

    Raises:
        WriteError: There is no room for it.
    """
    head = with_last_layer(layer, kernel, bias).to_bytes()
    weights = _with_layer(archive.read(WEIGHTS), layer._in_keras, kernel, bias)
    archive.verify_graphs(manifest)
    judged = None if held_out is None else held_out.to_bytes()
    written = msgspec.structs.replace(
        manifest,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        head_sha256=hashlib.sha256(head).hexdigest(),
        held_out_sha256=None if judged is None else hashlib.sha256(judged).hexdigest(),
    )
    changed = {
        WEIGHTS: weights,
        HEAD: head,
        MANIFEST: msgspec.json.format(msgspec.json.encode(written)),
    }
    names = [name for name in archive.members() if name != HELD_OUT]
    members = {name: changed.get(name) or archive.read(name) for name in names}
    if judged is not None:
        members[HELD_OUT] = judged
    archive.close()  # for where a file that is open can't be replaced
    with (
        atomic_path(archive.path, sum(map(len, members.values()))) as temporary,
        zipfile.ZipFile(temporary, "w") as file,
    ):
        for name, content in members.items():
            file.writestr(name, content)
    return written


def with_last_layer(layer: LastLayer, kernel: _Floats, bias: _Floats) -> NumpyHead:
    """The head with other numbers; it remembers those that were trained."""
    kernel_, bias_ = (Numbers.of(array) for array in layer.trained)
    return msgspec.structs.replace(
        layer.head,
        layers=(HeadLayer(Numbers.of(kernel), Numbers.of(bias)),),
        trained=HeadLayer(kernel_, bias_),
    )


def _arrays(layer: HeadLayer) -> tuple[_Floats, _Floats]:
    return layer.kernel.array.astype(np.float64), layer.bias.array.astype(np.float64)


def _find_in_keras(
    config: bytes, weights: bytes, kernel: _Floats, bias: _Floats
) -> _InKeras | None:
    """Where Keras keeps this layer, if it is the last, on standardized features."""
    import h5py

    try:
        layers = _named_layers(msgspec.json.decode(config)["config"]["layers"])
        names = [layer["name"] for _, layer in layers]
        (standardization, normalizes), (last, _) = layers[names.index(STANDARDIZATION)], layers[-1]
        if FEATURES not in names:
            return None
        epsilon = float(normalizes["config"]["epsilon"])
        with h5py.File(io.BytesIO(weights), "r") as file:
            statistics = file[f"layers/{standardization}/vars"]
            mean, variance = (np.asarray(statistics[key], np.float64) for key in "01")
            variables = file[f"layers/{last}/vars"]
            found = [np.asarray(variables[key], np.float64) for key in "01"]
    except (KeyError, TypeError, ValueError, IndexError, OSError, msgspec.DecodeError):
        return None
    in_keras = _InKeras(f"layers/{last}/vars", mean, np.sqrt(variance + epsilon))
    shapes = [mean.shape, variance.shape, *(array.shape for array in found)]
    if shapes != [kernel.shape[:1], kernel.shape[:1], kernel.shape, bias.shape]:
        return None
    expected = in_keras.kernel(kernel), in_keras.bias(kernel, bias)
    # A layer in between, or another order of layers, would show here.
    same = all(
        np.abs(one - other).max() <= _ROUNDING * max(1.0, np.abs(other).max())
        for one, other in zip(found, expected, strict=True)
    )
    return in_keras if same else None


def _named_layers(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Layers with the names that Keras's weight files have for them: by class, counted."""
    counts: dict[str, Any] = {}
    return [(_counted(_in_snake_case(layer["class_name"]), counts), layer) for layer in layers]


def _counted(name: str, counts: dict[str, Any]) -> str:
    number = next(counts.setdefault(name, count()))
    return f"{name}_{number}" if number else name


def _in_snake_case(name: str) -> str:
    """As Keras does it (`keras.src.utils.naming.to_snake_case`)."""
    import re

    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _with_layer(weights: bytes, in_keras: _InKeras, kernel: _Floats, bias: _Floats) -> bytes:
    import h5py

    content = io.BytesIO(weights)
    with h5py.File(content, "r+") as file:
        variables = file[in_keras.path]
        variables["0"][...] = in_keras.kernel(kernel).astype(np.float32)
        variables["1"][...] = in_keras.bias(kernel, bias).astype(np.float32)
    return content.getvalue()
