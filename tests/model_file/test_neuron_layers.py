"""Neurons written without Keras are those that Keras would have written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.neurons import THRESHOLD, Neurons
from imgclf.corrections.split_network import SplitNetwork
from imgclf.model.build import compile_as
from imgclf.model.engine import SplitEngine
from imgclf.model.head import HeadNeurons, Numbers
from imgclf.model_file.archive import CONFIG, FEATURES, HEAD, MANIFEST, WEIGHTS, ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import load_keras_model, write_model_file
from imgclf.model_file.neuron_layers import read_neuron_layers, write_neurons
from imgclf.model_file.screening import screen
from tests.support.pretrained import PIXELS, manifest_of, on_backbone, written

MODEL, BY_KERAS = Path("models/pets.keras"), Path("models/by_keras.keras")
layers = keras.layers


def from_scratch(*head: Any, chain: bool = False, channels: int = 50) -> Any:
    """The tutorial's kind of network, compiled, its weights random."""
    keras.utils.set_random_seed(2)
    values = [
        keras.Input((24, 32, 3)),
        layers.RandomFlip("horizontal"),
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(channels, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.25),
        layers.Flatten(name="flat"),
        layers.Dense(16, activation="relu"),
        *head,
    ]
    model = keras.Sequential(values)
    if not chain:
        model = keras.Model(model.inputs[0], model.outputs[0])
    sigmoid = model.output_shape[-1] == 1
    loss = keras.losses.BinaryCrossentropy() if sigmoid else "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def branching() -> Any:
    """Ways of different length, on which Keras's order isn't that of the making."""
    keras.utils.set_random_seed(3)
    pictures = keras.Input((24, 32, 3))
    small = layers.AveragePooling2D(4)(pictures / 255)
    beside = layers.Dense(6, activation="relu")(layers.Flatten()(small))
    shared = layers.Conv2D(8, 3, padding="same")(small)
    total = layers.Add()([shared, layers.Conv2D(8, 1)(keras.ops.relu(shared))])
    pooled = layers.GlobalMaxPooling2D()(total)
    both = layers.Concatenate()([layers.Dense(7)(pooled), beside])
    model = keras.Model(pictures, layers.Dense(3, activation="softmax")(both))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


KINDS: dict[str, Callable[[], Any]] = {
    "backbone, sigmoid": lambda: on_backbone(layers.Dense(1, activation="sigmoid")),
    "backbone, softmax": lambda: on_backbone(
        layers.Dropout(0.2), layers.Dense(4, activation="softmax"), augmented=True
    ),
    "backbone, logits": lambda: on_backbone(layers.Dense(3)),
    "backbone, hidden": lambda: on_backbone(
        layers.Dense(9, activation="silu"), layers.Dense(3, use_bias=False, activation="softmax")
    ),
    "backbone without a map at its end": lambda: on_backbone(
        layers.Dense(3, activation="softmax"), flat=True
    ),
    "from scratch, sigmoid": lambda: from_scratch(layers.Dense(1, activation="sigmoid")),
    "from scratch, softmax": lambda: from_scratch(
        layers.Dropout(0.5), layers.Dense(4, activation="softmax", use_bias=False)
    ),
    "from scratch, logits": lambda: from_scratch(layers.Dense(3), channels=5),
    "a chain": lambda: from_scratch(layers.Dense(1, activation="sigmoid"), chain=True),
    "branches": branching,
}


def neurons_for(network: CorrectableNetwork, count: int, seed: int = 0) -> Neurons:
    """The present ones, and so many more that fire on some of the pictures."""
    seen = network.responses(PIXELS).features[seed : seed + count].T
    units = network.neurons.strengths.shape[1]
    strengths = np.random.default_rng(seed).normal(0, 4, (count, units)).astype(np.float32)
    new = Neurons(np.ascontiguousarray(seen), strengths)
    return network.neurons.joined(new, np.ones(count, bool))


def written_by_keras(network: CorrectableNetwork, neurons: Neurons, like: Any) -> None:
    model = network.with_neurons(neurons)
    compile_as(model, like.get_compile_config())
    write_model_file(model, manifest_of(model), BY_KERAS, PIXELS[:4])


def written_without(neurons: Neurons) -> None:
    engine = open_classifier(MODEL).engine
    assert isinstance(engine, SplitEngine)
    with ModelArchive(MODEL) as archive:
        manifest = archive.manifest()
        found = read_neuron_layers(archive, manifest)
        assert found is not None
        pool = SplitNetwork("", engine).pool
        bias = np.full(len(neurons), -THRESHOLD, np.float32)
        arrays = (neurons.keys, bias, neurons.strengths)
        write_neurons(archive, manifest, found, HeadNeurons(*map(Numbers.of, arrays)), pool)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def comparable(config: bytes) -> Any:
    """Less what tells one process from another."""

    def stripped(part: Any) -> Any:
        if isinstance(part, list):
            return [stripped(one) for one in part]
        if isinstance(part, dict):
            return {key: stripped(one) for key, one in part.items() if key != "shared_object_id"}
        return part

    found = stripped(msgspec.json.decode(config))
    found["config"]["name"] = ""
    inputs = found["config"]["input_layers"]
    found["config"]["input_layers"] = inputs if isinstance(inputs[0], list) else [inputs]
    return found


def arrays_in(weights: bytes) -> dict[str, Any]:
    """All arrays, and the names of all layers."""
    found: dict[str, Any] = {}

    def visit(name: str, part: Any) -> None:
        if isinstance(part, h5py.Dataset):
            found[name] = (part.dtype, np.asarray(part).tolist())
        elif name != "vars":  # which has the name of the model
            found[name] = dict(part.attrs)

    with h5py.File(io.BytesIO(weights), "r") as file:
        file.visititems(visit)
    return found


def require_as_by_keras() -> None:
    """Both files are the same, and give the same answers however they are opened."""
    ours, others = members(MODEL), members(BY_KERAS)
    assert list(ours) == list(others)
    found, expected = comparable(ours[CONFIG]), comparable(others[CONFIG])
    assert found == expected
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)  # the order of keys too
    assert arrays_in(ours[WEIGHTS]) == arrays_in(others[WEIGHTS])
    answers = [
        open_classifier(MODEL).engine.run(PIXELS),
        open_classifier(BY_KERAS).engine.run(PIXELS),
        keras.models.load_model(MODEL).predict(PIXELS, verbose=0),
        keras.models.load_model(BY_KERAS).predict(PIXELS, verbose=0),
    ]
    for one in answers[1:]:
        np.testing.assert_allclose(one, answers[0], rtol=1e-5, atol=1e-5)
    with ModelArchive(MODEL) as archive:
        archive.verify_weights(archive.manifest())
        archive.verify_graphs(archive.manifest())
        screen(archive)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_they_are_what_keras_would_have_written(in_folder: Path, kind: str) -> None:
    written(KINDS[kind]())
    before, original = members(MODEL), load_keras_model(MODEL)
    network = CorrectableNetwork(original)
    first = neurons_for(network, 2)
    written_by_keras(network, first, original)
    written_without(first)
    require_as_by_keras()
    assert {name for name, one in members(MODEL).items() if one != before[name]} == {
        CONFIG,
        WEIGHTS,
        HEAD,
        MANIFEST,
    }

    # And some more beside them, of which one of the first has been taken out.
    present = load_keras_model(MODEL)
    network = CorrectableNetwork(present)
    more = neurons_for(network, 3, seed=4).only(np.array([1, 2, 3, 4]))
    written_by_keras(network, more, present)
    written_without(more)
    require_as_by_keras()
    assert members(MODEL)[FEATURES] == before[FEATURES]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["backbone, logits", "from scratch, sigmoid"])
def test_beside_classes_that_were_learned_later(in_folder: Path, kind: str) -> None:
    written(KINDS[kind]())
    original = load_keras_model(MODEL)
    network = CorrectableNetwork(original)
    seen = network.responses(PIXELS).features
    grown = network.with_class(seen[0], 0.9).with_class(seen[1], 0.95)
    model = grown.with_neurons(neurons_for(grown, 1))
    model.compile("adam", "sparse_categorical_crossentropy")
    written(model)

    present = load_keras_model(MODEL)
    network = CorrectableNetwork(present)
    more = neurons_for(network, 2, seed=5)
    written_by_keras(network, more, present)
    written_without(more)
    require_as_by_keras()


def require_unknown() -> None:
    with ModelArchive(MODEL) as archive:
        assert read_neuron_layers(archive, archive.manifest()) is None


def changed(member: str, change: Callable[[bytes], bytes]) -> None:
    contents = members(MODEL)
    before, contents[member] = contents[member], change(contents[member])
    assert contents[member] != before
    with zipfile.ZipFile(MODEL, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"[]",
        lambda _: b"{",
        lambda one: one.replace(b'"class_name": "Functional"', b'"class_name": "Sequential"'),
        lambda one: one.replace(b'"inbound_nodes": [{"args"', b'"inbound_nodes": [{"kwargs"'),
        lambda one: one.replace(b'["flat", 0, 0]', b'["flat", 0, 1]'),
        lambda one: one.replace(b'"flat"', b'"flattened"'),
        lambda one: one.replace(b"[null, 12, 16, 50]", b"[null, 12, 16, 51]"),
        lambda one: one.replace(b'"class_name": "Conv2D"', b'"class_name": "Conv1D"'),
        lambda one: one.replace(b'"units": 3, "activation": "linear"', b'"units": 3'),
    ],
)
def test_of_another_config_nothing_is_known(
    in_folder: Path, change: Callable[[bytes], bytes], kept: Path
) -> None:
    changed(CONFIG, change)
    require_unknown()


@pytest.fixture(scope="module")
def kept_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("neurons") / "pets.keras"
    written(from_scratch(layers.Dense(3)), path)
    return path.read_bytes()


@pytest.fixture
def kept(kept_file: bytes, in_folder: Path) -> Path:
    """A split model, made once."""
    MODEL.parent.mkdir()
    MODEL.write_bytes(kept_file)
    return MODEL
