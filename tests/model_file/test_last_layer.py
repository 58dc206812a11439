"""The last layer is changed in both places of a model file, and nothing else is."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.neurons import Neurons
from imgclf.model.engine import SplitEngine
from imgclf.model.head import NumpyHead
from imgclf.model_file.archive import CONFIG, FEATURES, HEAD, MANIFEST, WEIGHTS, ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import write_model_file
from imgclf.model_file.last_layer import LastLayer, read_last_layer, write_last_layer
from imgclf.model_file.manifest import Correction, Manifest
from tests.support.pretrained import PIXELS, as_loaded, manifest_of, on_backbone, written

PATH = Path("models/pets.keras")
layers = keras.layers
_FOUND: dict[str, Callable[[], list[Any]]] = {
    "sigmoid": lambda: [layers.Dense(1, activation="sigmoid")],
    "softmax": lambda: [layers.Dense(3, activation="softmax")],
    "logits": lambda: [layers.Dense(3)],
    "dropout before it": lambda: [layers.Dropout(0.5), layers.Dense(4, activation="softmax")],
    "an activation apart": lambda: [layers.Dense(3), layers.Softmax()],
    "a hidden layer": lambda: [layers.Dense(5, activation="relu"), layers.Dense(3)],
    "a hidden layer that is linear": lambda: [layers.Dense(5), layers.Dense(3)],
}
_NOT_FOUND: dict[str, Callable[[], list[Any]]] = {
    "normalized once more": lambda: [layers.BatchNormalization(), layers.Dense(3)],
    "normalized after a hidden layer": lambda: [
        layers.Dense(5, activation="relu"),
        layers.BatchNormalization(),
        layers.Dense(3),
    ],
}


def read() -> tuple[ModelArchive, Manifest, LastLayer | None]:
    archive = ModelArchive(PATH)
    manifest = archive.manifest()
    return archive, manifest, read_last_layer(archive, manifest)


@pytest.mark.parametrize("name", _FOUND)
def test_keras_and_numpy_answer_by_the_new_layer(in_folder: Path, name: str) -> None:
    written(on_backbone(*_FOUND[name]()))
    archive, manifest, layer = read()
    assert layer is not None
    before = {member: archive.read(member) for member in archive.members()}
    random = np.random.default_rng(1)
    kernel = layer.kernel + random.normal(size=layer.kernel.shape)
    bias = layer.bias + random.normal(size=layer.bias.shape)
    said = write_last_layer(archive, manifest, layer, kernel, bias)

    engine = open_classifier(PATH).engine
    plain = keras.models.load_model(PATH).predict(PIXELS, verbose=0)
    np.testing.assert_allclose(engine.run(PIXELS), plain, rtol=1e-4, atol=1e-5)
    with ModelArchive(PATH) as after:
        after.refuse_strange_members()
        after.verify_weights(said)
        after.verify_graphs(said)
        assert after.manifest() == said
        assert after.members() == list(before)
        changed = {member for member in before if after.read(member) != before[member]}
        head = NumpyHead.from_bytes(after.read(HEAD))
    # An activation that was a layer of its own is in the last layer now.
    rebuilt = {CONFIG} if name == "an activation apart" else set()
    assert changed == {WEIGHTS, HEAD, MANIFEST} | rebuilt
    np.testing.assert_allclose(head.layers[-1].kernel.array, kernel, rtol=1e-6)
    assert head.trained is not None
    np.testing.assert_allclose(head.trained.kernel.array, layer.kernel, rtol=1e-6)


def test_what_a_layer_takes_comes_from_the_layers_before_it(in_folder: Path) -> None:
    written(on_backbone(layers.Dense(5, activation="relu"), layers.Dense(3)))
    layer = read()[2]
    assert layer is not None
    engine = open_classifier(PATH).engine
    assert isinstance(engine, SplitEngine)
    inputs = layer.inputs(engine.features.run(PIXELS)[1])
    assert inputs.shape == (len(PIXELS), 5)
    np.testing.assert_allclose(inputs @ layer.kernel + layer.bias, engine.run(PIXELS), atol=1e-4)


def test_what_was_trained_is_remembered_through_all_changes(in_folder: Path) -> None:
    written(on_backbone(layers.Dense(3)))
    first = read()[2]
    assert first is not None
    for _ in range(2):
        archive, manifest, layer = read()
        assert layer is not None
        write_last_layer(archive, manifest, layer, layer.kernel + 1, layer.bias - 1)
    last = read()[2]
    assert last is not None
    np.testing.assert_allclose(last.kernel, first.kernel + 2, rtol=1e-5)
    np.testing.assert_allclose(last.trained[0], first.kernel, rtol=1e-6)
    np.testing.assert_allclose(last.trained[1], first.bias, rtol=1e-6)


def with_neurons(model: Any, count: int) -> Any:
    """The model, and neurons that fire on some of the pictures."""
    network = CorrectableNetwork(as_loaded(model))
    features = network.responses(PIXELS).features
    strengths = np.random.default_rng(5).normal(0, 4, (count, network.neurons.strengths.shape[1]))
    corrected = network.with_neurons(Neurons(features[:count].T, strengths.astype(np.float32)))
    corrected.compile_from_config(model.get_compile_config())
    return corrected


def written_with_neurons(model: Any, count: int) -> None:
    corrections = tuple(
        Correction(f"{index}.jpg", str(index), "cat", "dog", 2) for index in range(count)
    )
    manifest = msgspec.structs.replace(manifest_of(model), corrections=corrections)
    write_model_file(with_neurons(model, count), manifest, PATH, PIXELS[:4])


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "logits", "a hidden layer"])
def test_neurons_go_when_the_layer_is_written(in_folder: Path, name: str) -> None:
    model = on_backbone(*_FOUND[name]())
    written_with_neurons(model, 2)
    assert abs(open_classifier(PATH).engine.run(PIXELS) - model.predict(PIXELS)).max() > 0.01
    archive, manifest, layer = read()
    assert layer is not None
    write_last_layer(archive, manifest, layer, layer.kernel, layer.bias)

    expected = model.predict(PIXELS, verbose=0)
    np.testing.assert_allclose(open_classifier(PATH).engine.run(PIXELS), expected, atol=1e-5)
    plain = keras.models.load_model(PATH)
    np.testing.assert_allclose(plain.predict(PIXELS, verbose=0), expected, atol=1e-5)
    assert not [one.name for one in plain.layers if one.name.startswith("corrections")]
    assert plain.loss == model.loss
    # As a file that was never corrected, it can be corrected by neurons again.
    assert with_neurons(plain, 1).predict(PIXELS, verbose=0).shape == expected.shape


def test_neurons_that_nobody_knows_of_stay(in_folder: Path) -> None:
    model = on_backbone(layers.Dense(3))
    written_with_neurons(model, 2)
    archive, manifest, _ = read()
    fewer = msgspec.structs.replace(manifest, corrections=manifest.corrections[:1])
    assert read_last_layer(archive, fewer) is None


@pytest.mark.parametrize(
    ("name", "activation", "loss"),
    [
        ("sigmoid", "softmax", "sparse_categorical_crossentropy"),
        ("softmax", "softmax", "sparse_categorical_crossentropy"),
        ("one logit", "linear", None),
        ("logits", "linear", "sparse_categorical_crossentropy"),
        ("an activation apart", "softmax", "sparse_categorical_crossentropy"),
    ],
)
def test_the_layer_can_have_another_number_of_units(
    in_folder: Path, name: str, activation: str, loss: str | None
) -> None:
    heads = _FOUND | {"one logit": lambda: [layers.Dense(1)]}
    written(on_backbone(*heads[name]()))
    archive, manifest, layer = read()
    assert layer is not None
    random = np.random.default_rng(1)
    kernel, bias = random.normal(size=(len(layer.kernel), 4)), random.normal(size=4)
    grown = msgspec.structs.replace(
        manifest,
        class_names=("a", "b", "c", "d"),
        head="softmax" if activation == "softmax" else "softmax_logits",
    )
    write_last_layer(archive, grown, layer, kernel, bias, (0 * kernel, bias))

    engine = open_classifier(PATH).engine
    plain = keras.models.load_model(PATH)
    outputs = plain.predict(PIXELS, verbose=0)
    assert outputs.shape == (len(PIXELS), 4)
    np.testing.assert_allclose(engine.run(PIXELS), outputs, rtol=1e-4, atol=1e-5)
    assert plain.layers[-1].activation.__name__ == activation
    if loss is None:
        assert plain.loss.from_logits
    else:
        assert plain.loss == loss
    plain.evaluate(PIXELS, np.zeros(len(PIXELS), np.int64), verbose=0)
    last = read()[2]
    assert last is not None
    np.testing.assert_allclose(last.kernel, kernel, rtol=1e-6)
    assert not last.trained[0].any()


@pytest.mark.parametrize("name", _NOT_FOUND)
def test_where_more_stands_between_it_is_not_found(in_folder: Path, name: str) -> None:
    written(on_backbone(*_NOT_FOUND[name]()))
    assert read()[2] is None


def _changed(member: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(PATH) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(PATH, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    "config",
    [
        b"[]",
        b"{",
        b'{"config": {"layers": [{"name": "standardization", "class_name": 3}]}}',
        b'{"config": {"layers": [{"name": "features", "class_name": "A"},'
        b'{"name": "standardization", "class_name": "A", "config": {"epsilon": "x"}}]}}',
    ],
)
def test_a_config_that_says_something_else_has_none(in_folder: Path, config: bytes) -> None:
    written(on_backbone(layers.Dense(3)))
    _changed(CONFIG, lambda _: config)
    assert read()[2] is None


def test_a_layer_that_is_not_the_head_s_is_not_taken_for_it(in_folder: Path) -> None:
    written(on_backbone(layers.Dense(3)))

    def other(content: bytes) -> bytes:
        head = NumpyHead.from_bytes(content)
        doubled = on_backbone(layers.Dense(3), seed=9).layers[-1]
        one = head.layers[0]
        kernel = type(one.kernel).of(np.asarray(doubled.kernel))
        return msgspec.structs.replace(
            head, layers=(msgspec.structs.replace(one, kernel=kernel),)
        ).to_bytes()

    _changed(HEAD, other)
    assert read()[2] is None


def test_a_model_in_one_piece_has_none(in_folder: Path) -> None:
    inputs = keras.Input((24, 32, 3))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs)))
    model.compile(loss="mse")
    written(model)
    archive, _, layer = read()
    assert not archive.has(FEATURES)
    assert layer is None
