"""The last layer of a model whose features have a graph of their own, changed without Keras.

It is in the file twice: in Keras's weights, where it takes features that are standardized, and in
the head for NumPy, which has the standardization in it. Both are written anew; the graph of the
features is copied as it is. Neurons that were beside it go: whoever writes it has learned what
they had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.model.activations import ActivationFunction
from imgclf.model.head import HeadLayer, Numbers, NumpyHead
from imgclf.model_file.archive import CONFIG, HEAD, WEIGHTS, ModelArchive
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.keras_last_layer import KerasLastLayer, find_in_keras
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.rewriting import rewrite

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LastLayer:
    """The Dense layer that a model's logits come from, neurons of corrections left aside.

    Attributes:
        kernel: For what `inputs` gives, shape (inputs, units).
        bias: Shape (units,).
        trained: Kernel and bias as they were trained, before any correction.
    """

    kernel: _Floats
    bias: _Floats
    trained: tuple[_Floats, _Floats]
    _head: NumpyHead
    _in_keras: KerasLastLayer

    @property
    def units(self) -> int:
        """One is a sigmoid's, between two classes."""
        return len(self.bias)

    def inputs(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """What it takes: the features as the graph gives them, or what hidden layers make of them.

        Args:
            features: Shape (..., features).
        """
        values = features.astype(np.float32)
        for layer in self._head.layers[:-1]:
            values = layer.run(values)
        return values

    def corrected_by(
        self, digests: Sequence[str], features: Mapping[str, NDArray[np.floating]]
    ) -> LastLayer:
        """The same in a file that knows what these corrected pictures are like.

        Args:
            digests: SHA-256 of their files, in hexadecimal, oldest first.
            features: Of each that is new, shape (features,).
        """
        return replace(self, _head=self._head.corrected_by(digests, features))

    def head(self, kernel: _Floats, bias: _Floats, trained: tuple[_Floats, _Floats]) -> NumpyHead:
        """The head of the file with other numbers, and without neurons."""
        activation = self._head.activation
        if activation.name == "sigmoid" and len(bias) > 1:
            activation = ActivationFunction("softmax")
        return msgspec.structs.replace(
            self._head,
            layers=(*self._head.layers[:-1], _layer(kernel, bias)),
            neurons=None,
            activation=activation,
            trained=_layer(*trained),
        )


def read_last_layer(archive: ModelArchive, manifest: Manifest) -> LastLayer | None:
    """The last layer, or None if it can't be changed alone.

    It can't where more than Dense layers and neurons of corrections is in the head, where some
    neurons are none of the manifest's corrections, and where Keras's part has something else.

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
    neurons = 0 if head.neurons is None else head.neurons.bias.shape[0]
    if head.classes or neurons != sum(one.by == "neuron" for one in manifest.corrections):
        return None
    archive.verify_weights(manifest)
    open_apart(archive.path, "weights")
    in_keras = find_in_keras(archive.read(CONFIG), archive.read(WEIGHTS), head, archive.path)
    if in_keras is None:
        return None
    kernel, bias = _arrays(head.layers[-1])
    trained = (kernel, bias) if head.trained is None else _arrays(head.trained)
    return LastLayer(kernel, bias, trained, head, in_keras)


def numpy_head(archive: ModelArchive) -> NumpyHead | None:
    """The head of the file; None if there is none that can be read."""
    if not archive.has(HEAD):
        return None
    try:
        return NumpyHead.from_bytes(archive.read(HEAD))
    except ValueError:
        return None


def write_last_layer(
    archive: ModelArchive,
    manifest: Manifest,
    layer: LastLayer,
    kernel: _Floats,
    bias: _Floats,
    trained: tuple[_Floats, _Floats] | None = None,
    held_out: HeldOut | None = None,
) -> Manifest:
    """Writes the model with another last layer; it replaces the file, which is closed.

    Args:
        archive: The model file as it is.
        manifest: What the new one is to say; its checksums are filled in here.
        layer: From `read_last_layer`.
        kernel: For what `layer.inputs` gives, shape (inputs, units).
        bias: Shape (units,).
        trained: What a layer with more units than before is to be pulled towards; None for what
            it was.
        held_out: Which held-out pictures the new one has right; None if that isn't known.

    Returns:
        The manifest as written.

    Raises:
        WriteError: There is no room for it.
    """
    numpy_head = layer.head(kernel, bias, trained or layer.trained)
    config, weights = layer._in_keras.rewritten(
        archive.read(CONFIG), archive.read(WEIGHTS), kernel, bias, numpy_head.activation.name
    )
    changed = {CONFIG: config, WEIGHTS: weights, HEAD: numpy_head.to_bytes()}
    return rewrite(archive, manifest, changed, held_out)


def _layer(kernel: _Floats, bias: _Floats) -> HeadLayer:
    return HeadLayer(Numbers.of(kernel), Numbers.of(bias))


def _arrays(layer: HeadLayer) -> tuple[_Floats, _Floats]:
    return layer.kernel.array.astype(np.float64), layer.bias.array.astype(np.float64)
