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
from imgclf.model.head import NumpyHead
from imgclf.model_file.archive import CONFIG, FEATURES, HEAD, MANIFEST, WEIGHTS, ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.last_layer import LastLayer, read_last_layer, write_last_layer
from imgclf.model_file.manifest import Manifest
from tests.support.pretrained import PIXELS, on_backbone, written

PATH = Path("models/pets.keras")
layers = keras.layers
_FOUND: dict[str, Callable[[], list[Any]]] = {
    "sigmoid": lambda: [layers.Dense(1, activation="sigmoid")],
    "softmax": lambda: [layers.Dense(3, activation="softmax")],
    "logits": lambda: [layers.Dense(3)],
    "dropout before it": lambda: [layers.Dropout(0.5), layers.Dense(4, activation="softmax")],
}
_NOT_FOUND: dict[str, Callable[[], list[Any]]] = {
    "two layers": lambda: [layers.Dense(5, activation="relu"), layers.Dense(3)],
    "two layers in one": lambda: [layers.Dense(5), layers.Dense(3)],
    "normalized once more": lambda: [layers.BatchNormalization(), layers.Dense(3)],
    "an activation apart": lambda: [layers.Dense(3), layers.Softmax()],
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
    assert changed == {WEIGHTS, HEAD, MANIFEST}
    np.testing.assert_allclose(head.layers[0].kernel.array, kernel, rtol=1e-6)
    assert head.trained is not None
    np.testing.assert_allclose(head.trained.kernel.array, layer.kernel, rtol=1e-6)


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
