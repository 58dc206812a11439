"""The corrections' neurons in a model file, added and changed without Keras.

They are in the file twice: as layers of Keras's, in its config and its weights, and in the head
for NumPy. What `CorrectableNetwork` builds and Keras saves is written here, to the letter; the
graph of the features is copied as it is. Keras's import alone takes longer than a correction may.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import HeadNeurons, NumpyHead
from imgclf.model.layer_names import ANSWER, FEATURES, FLAT, NEURONS, POOL, STRENGTH, SUM, UNIT
from imgclf.model_file.archive import CONFIG, HEAD, WEIGHTS, ModelArchive
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.rewriting import rewrite
from imgclf.model_file.saved_graph import (
    Layer,
    Tensor,
    given_tensors,
    in_keras_order,
    is_operation,
    names_in_weights,
)
from imgclf.model_file.saved_layers import LayerMaker
from imgclf.model_file.weights_screening import count_numbers

if TYPE_CHECKING:
    import h5py

_CHANNELS_LAST = {"data_format": "channels_last"}


@dataclass(frozen=True)
class NeuronLayers:
    """A model file of which it is known where its neurons belong.

    Attributes:
        head: Of the file.
    """

    head: NumpyHead
    _config: dict[str, Any]

    def corrected_by(
        self, digests: Sequence[str], features: Mapping[str, NDArray[np.floating]]
    ) -> NeuronLayers:
        """As `LastLayer.corrected_by`."""
        return NeuronLayers(self.head.corrected_by(digests, features), self._config)

    @property
    def _layers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._config["config"]["layers"]
        return found


def read_neuron_layers(archive: ModelArchive, manifest: Manifest) -> NeuronLayers | None:
    """Where neurons are or belong, or None if this needs Keras.

    Args:
        archive: The model file.
        manifest: Its manifest.

    Raises:
        ModelFileError: It is damaged, or not to be trusted.
    """
    if None in (manifest.features_sha256, manifest.head_sha256):
        return None
    archive.verify_weights(manifest)
    open_apart(archive.path, "weights")
    weights = archive.read(WEIGHTS)
    count_numbers(weights, archive.path)  # which refuses what is no plain number
    try:
        head = NumpyHead.from_bytes(archive.read(HEAD))
        found = NeuronLayers(head, msgspec.json.decode(archive.read(CONFIG)))
        fits = _fits(found, weights)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, RecursionError):
        return None
    return found if fits else None


def write_neurons(
    archive: ModelArchive,
    manifest: Manifest,
    layers: NeuronLayers,
    neurons: HeadNeurons,
    pool: int,
    held_out: HeldOut | None = None,
) -> Manifest:
    """Writes the model with other neurons; it replaces the file, which is closed.

    Args:
        archive: The model file as it is.
        manifest: What the new one is to say; its checksums are filled in here.
        layers: From `read_neuron_layers`.
        neurons: All that the new one is to have.
        pool: Side of the squares over which the last feature map is averaged for them.
        held_out: Which held-out pictures the new one has right; None if that isn't known.

    Returns:
        The manifest as written.

    Raises:
        WriteError: There is no room for it.
    """
    head = msgspec.structs.replace(layers.head, neurons=neurons, pool=pool)
    count = neurons.bias.shape[0]
    if layers.head.neurons is None:
        last = layers._layers[-1]
        changed = in_keras_order(
            [*layers._layers[:-1], *_neuron_layers(layers, count, pool)], ANSWER
        )
        given: list[Any] = [ANSWER, 0, 0]
        tensors = layers._config["config"]["output_layers"]
        graph = {"output_layers": given if tensors == [last["name"], 0, 0] else [given]}
    else:
        changed, graph = [_with_count(layer, count) for layer in layers._layers], {}
    config = layers._config["config"] | graph | {"layers": changed}
    weights = _with_arrays(
        archive.read(WEIGHTS),
        names_in_weights(layers._layers),
        names_in_weights(changed),
        {
            NEURONS: [neurons.keys.array, neurons.bias.array],
            STRENGTH: [neurons.strengths.array],
        },
    )
    return rewrite(
        archive,
        manifest,
        {
            WEIGHTS: weights,
            HEAD: head.to_bytes(),
            CONFIG: json.dumps(layers._config | {"config": config}).encode(),  # as Keras does
        },
        held_out,
    )


def _fits(found: NeuronLayers, weights: bytes) -> bool:
    """Whether head, config and weights are of one network that can have neurons."""
    import h5py

    layers, neurons = found._layers, found.head.neurons
    if found._config["class_name"] not in ("Functional", "Model"):
        return False
    last = layers[-1]["name"]
    if [layer["name"] for layer in in_keras_order(layers, last)] != [one["name"] for one in layers]:
        return False
    with h5py.File(io.BytesIO(weights), "r") as file:
        saved = {group["vars"].attrs["name"]: name for name, group in file["layers"].items()}
        if saved != names_in_weights(layers):
            return False
        if neurons is not None:
            present = [neurons.keys, neurons.bias, neurons.strengths]
            return last == ANSWER and all(
                np.array_equal(one.array, array)
                for one, array in zip(
                    present,
                    [*_arrays(file, saved[NEURONS]), *_arrays(file, saved[STRENGTH])],
                    strict=True,
                )
            )
        units = _arrays(file, saved[last])[0].shape[1:]
    return (
        (layers[-1]["module"], layers[-1]["class_name"]) == ("keras.layers", "Dense")
        and layers[-1]["config"].keys() >= {"units", "use_bias", "activation"}
        and layers[-1]["config"]["dtype"]["config"]["name"] == "float32"
        and units == (found.head.units,)
        and tuple(_last_map(layers)["shape"][1:]) == found.head.map_shape
    )


def _arrays(file: h5py.File, group: str) -> list[NDArray[Any]]:
    variables = file[f"layers/{group}/vars"]
    return [np.asarray(variables[str(number)]) for number in range(len(variables))]


def _last_map(layers: Sequence[Layer]) -> Tensor:
    """What `CorrectableNetwork` takes for the last tensor that has height and width.

    Raises:
        ValueError: There is none, or it isn't what the features are made of.
    """
    put_out = {
        tensor["keras_history"][0]: tensor for layer in layers for tensor in given_tensors(layer)
    }
    inner = [layer for layer in layers[:-1] if not is_operation(layer)]
    names = [layer["name"] for layer in inner if layer["class_name"] != "InputLayer"]
    maps = [put_out[name] for name in names if len(put_out[name]["shape"]) == 4]
    pooled = [layer for layer in layers if layer["name"] == FEATURES]
    of_features = [tensor for layer in pooled for tensor in given_tensors(layer)]
    if not maps or any(len(one["shape"]) == 4 and one != maps[-1] for one in of_features):
        raise ValueError("no map")
    return maps[-1]


def _neuron_layers(found: NeuronLayers, count: int, pool: int) -> list[Layer]:
    """The last layer without its activation, the neurons beside it, and the activation."""
    last, feature_map = found._layers[-1], _last_map(found._layers)
    height, width, channels = feature_map["shape"][1:]
    made = LayerMaker(last["config"]["dtype"])
    layers = []
    seen = feature_map
    if pool > 1:
        height, width = -(-height // pool), -(-width // pool)
        config = {"pool_size": [pool, pool], "padding": "same", "strides": [pool, pool]}
        layers.append(made.layer("AveragePooling2D", POOL, config | _CHANNELS_LAST, seen))
        seen = made.tensor(POOL, height, width, channels)
    layers.append(made.layer("Flatten", FLAT, _CHANNELS_LAST, seen, built=True))
    features = height * width * channels
    layers.append(made.layer("UnitNormalization", UNIT, {"axis": -1}, made.tensor(FLAT, features)))
    units = last["config"]["units"]
    layers += [
        made.dense(NEURONS, count, made.tensor(UNIT, features), activation="relu"),
        made.dense(STRENGTH, units, made.tensor(NEURONS, count), use_bias=False),
        made.dense(
            last["name"], units, given_tensors(last)[0], use_bias=last["config"]["use_bias"]
        ),
    ]
    summed = [made.tensor(last["name"], units), made.tensor(STRENGTH, units)]
    answer = {"activation": last["config"]["activation"]}
    return [
        *layers,
        made.layer("Add", SUM, {}, summed, built=True),
        made.layer("Activation", ANSWER, answer, made.tensor(SUM, units)),
    ]


def _with_count(layer: Layer, count: int) -> Layer:
    """A layer of a network that has so many neurons."""
    made = LayerMaker(layer["config"].get("dtype"))
    if layer["name"] == NEURONS:
        return made.dense(NEURONS, count, given_tensors(layer)[0], activation="relu")
    if layer["name"] == STRENGTH:
        units = layer["config"]["units"]
        return made.dense(STRENGTH, units, made.tensor(NEURONS, count), use_bias=False)
    return layer


def _with_arrays(
    content: bytes,
    before: Mapping[str, str],
    after: Mapping[str, str],
    arrays: Mapping[str, Sequence[NDArray[np.float32]]],
) -> bytes:
    """Keras's weights for a network with other layers.

    Args:
        content: The weights as they are.
        before: The name that each layer has in them.
        after: The name that it has in the new ones; they have these layers.
        arrays: Those of some layers, the others keep theirs; new layers without have none.
    """
    import h5py

    made = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(made, "w") as target:
        layers = target.create_group("layers")
        for name in source:
            if name != "layers":
                source.copy(name, target)
        for layer, name in after.items():
            if layer in before and layer not in arrays:
                source.copy(f"layers/{before[layer]}", layers, name=name)
                continue
            variables = layers.create_group(name).create_group("vars")
            variables.attrs["name"] = layer
            for number, array in enumerate(arrays.get(layer, ())):
                variables[str(number)] = array
    return made.getvalue()
