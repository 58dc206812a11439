"""Models on a pretrained network: a graph of the features, and a head for NumPy."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.neurons import Neurons
from imgclf.errors import ModelFileError, UsageError
from imgclf.model.engine import KerasEngine, LiteRTEngine, LiteRTFeatures, SplitEngine
from imgclf.model.head import NumpyHead
from imgclf.model.litert_graph import at_once
from imgclf.model_file import litert_members
from imgclf.model_file.archive import (
    FEATURES,
    HEAD,
    MANIFEST,
    WHOLE_GRAPH,
    ModelArchive,
    read_manifest,
)
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.features_graph import foreign_operations, make_features_graph
from imgclf.model_file.keras_io import load_keras_model
from imgclf.model_file.keras_parts import is_built_on_features, read_numpy_head
from tests.support.model_files import rewritten
from tests.support.pretrained import PIXELS, as_loaded, manifest_of, on_backbone, written

MODEL = Path("models/pets.keras")
Layers = keras.layers


def members(path: Path = MODEL) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "/" in name}


def outputs(model: Any) -> np.ndarray:
    return KerasEngine(model).run(PIXELS)


def require_split_and_equal(model: Any, features_graph: bytes | None = None) -> None:
    """The file answers in two parts, as Keras does and as plain Keras does from the file."""
    manifest = written(model, features_graph=features_graph)
    assert features_graph in (None, members()[FEATURES])
    assert manifest.format_version == 2
    assert (manifest.whole_graph_sha256, manifest.litert_note) == (None, None)
    assert set(members()) == {MANIFEST, FEATURES, HEAD}
    engine = open_classifier(MODEL).engine
    assert isinstance(engine, SplitEngine)
    found = engine.run(PIXELS)
    np.testing.assert_allclose(found, outputs(model), rtol=1e-5, atol=1e-5)
    plain = keras.models.load_model(MODEL)
    np.testing.assert_allclose(found, outputs(plain), rtol=1e-5, atol=1e-5)
    assert not foreign_operations(members()[FEATURES])
    with ModelArchive(MODEL) as archive:
        archive.verify_graphs(read_manifest(MODEL))


HEADS = {
    "sigmoid": [Layers.Dense(1, activation="sigmoid")],
    "softmax": [Layers.Dense(4, activation="softmax")],
    "logits": [Layers.Dense(4)],
    "dropout": [Layers.Dropout(0.5), Layers.Dense(3, activation="softmax")],
    "hidden": [
        Layers.Dense(9, activation="silu"),
        Layers.GaussianNoise(0.5),
        Layers.Dense(5, use_bias=False, activation="gelu"),
        Layers.Dense(3, activation="softmax"),
    ],
    "normalized before the activation": [
        Layers.Dense(9, use_bias=False),
        Layers.BatchNormalization(),
        Layers.LeakyReLU(),
        Layers.Dense(1, activation="sigmoid"),
    ],
    "normalized after the activation": [
        Layers.Dense(9, activation="relu"),
        Layers.BatchNormalization(scale=False),
        Layers.Rescaling(0.5, 1),
        Layers.Identity(),
        Layers.Dense(3),
        Layers.Activation("softmax"),
    ],
    "two in a row": [Layers.Dense(2), Layers.Flatten(), Layers.Dense(3), Layers.Softmax()],
    "layers for activations": [
        Layers.Dense(7, activation=Layers.ELU(0.5)),
        Layers.Dense(7, activation=Layers.ReLU(6)),
        Layers.Dense(7),
        Layers.ReLU(),
        Layers.Dense(1, activation="sigmoid"),
    ],
}


def again(layers: Sequence[Any]) -> list[Any]:
    """Layers like these, for each can be in one model only."""
    return [type(layer).from_config(layer.get_config()) for layer in layers]


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_the_parts_answer_as_keras_does(in_folder: Path, name: str) -> None:
    require_split_and_equal(on_backbone(*again(HEADS[name])))


@pytest.mark.slow
def test_augmentation_is_nothing_in_prediction(in_folder: Path) -> None:
    require_split_and_equal(on_backbone(Layers.Dense(3, activation="softmax"), augmented=True))


@pytest.mark.slow
def test_a_network_that_gives_no_map_last_is_split_too(in_folder: Path) -> None:
    """Corrections look at the map before, and it is in two models, as it was built upon."""
    model = on_backbone(Layers.Dense(3, activation="softmax"), flat=True)
    require_split_and_equal(model)
    engine = open_classifier(MODEL).engine
    assert engine.features.map_shape == (6, 8, 10)
    assert engine.features.width == 14
    corrected = with_neurons(load_keras_model(MODEL), 3)
    require_split_and_equal(corrected)


def with_neurons(model: Any, count: int) -> Any:
    """Neurons for some of the pictures, which fire on them and on others."""
    network = CorrectableNetwork(as_loaded(model))
    features = network.responses(PIXELS).features
    random = np.random.default_rng(5)
    strengths = random.normal(0, 4, (count, network.neurons.strengths.shape[1]))
    corrected = network.with_neurons(Neurons(features[:count].T, strengths.astype(np.float32)))
    corrected.compile_from_config(model.get_compile_config())
    return corrected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigmoid", "hidden"])
def test_the_neurons_of_corrections_are_in_the_head(in_folder: Path, name: str) -> None:
    model = on_backbone(*again(HEADS[name]))
    written(model)
    before = members()[FEATURES]
    corrected = with_neurons(load_keras_model(MODEL), 5)
    assert np.abs(outputs(corrected) - outputs(model)).max() > 0.01
    require_split_and_equal(corrected, before)
    # And once more, on what is in the file now.
    require_split_and_equal(with_neurons(load_keras_model(MODEL), 2), before)


@pytest.mark.slow
def test_large_maps_are_pooled_for_the_neurons(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.corrections.neurons.MOST_FEATURES", 100)
    corrected = with_neurons(on_backbone(Layers.Dense(3, activation="softmax")), 4)
    require_split_and_equal(corrected)
    head = NumpyHead.from_bytes(members()[HEAD])
    assert head.pool == 3
    assert head.neurons is not None
    assert head.neurons.keys.shape == (2 * 3 * 10, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigmoid", "logits"])
def test_classes_that_were_learned_later_are_in_the_head(in_folder: Path, name: str) -> None:
    model = on_backbone(*again(HEADS[name]))
    written(model)
    network = CorrectableNetwork(load_keras_model(MODEL))
    features = network.responses(PIXELS).features
    grown = network.with_class(features[0], 0.9).with_class(features[1], 0.95)
    neurons = with_random_neurons(grown, 3)
    graph = members()[FEATURES]
    require_split_and_equal(neurons, graph)
    head = NumpyHead.from_bytes(members()[HEAD])
    assert len(head.classes) == 2
    # What was loaded from a file can grow as well.
    network = CorrectableNetwork(load_keras_model(MODEL))
    require_split_and_equal(with_random_neurons(network.with_class(features[2], 0.9), 1), graph)
    assert len(NumpyHead.from_bytes(members()[HEAD]).classes) == 3


def with_random_neurons(network: CorrectableNetwork, count: int) -> Any:
    features, units = network.neurons.keys.shape[0], network.neurons.strengths.shape[1]
    random = np.random.default_rng(6)
    keys = np.abs(random.normal(0, 0.2, (features, count))).astype(np.float32)
    strengths = random.normal(0, 4, (count, units)).astype(np.float32)
    model = network.with_neurons(Neurons(keys, strengths))
    model.compile(loss="sparse_categorical_crossentropy")
    return model


@keras.saving.register_keras_serializable("tests")
def twice(values: Any) -> Any:
    return 2 * values


WHOLE = {
    "an activation that NumPy hasn't": [
        Layers.Dense(5, activation="hard_tanh"),
        Layers.Dense(1, activation="sigmoid"),
    ],
    "normalization over the features": [Layers.LayerNormalization(), Layers.Dense(2)],
    "an activation first": [Layers.Activation("relu"), Layers.Dense(2)],
    "a map made anew": [
        Layers.Reshape((2, 5, 1)),
        Layers.Conv2D(3, 2),
        Layers.Flatten(),
        Layers.Dense(2, activation="softmax"),
    ],
    "a clipped relu": [Layers.Dense(5), Layers.ReLU(3), Layers.Dense(2)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_what_numpy_can_not_do_is_one_graph_and_format_1(in_folder: Path, name: str) -> None:
    model = on_backbone(*again(WHOLE[name]))
    assert read_numpy_head(model) is None
    manifest = written(model)
    assert manifest.format_version == 1
    assert (manifest.features_sha256, manifest.head_sha256, manifest.litert_note) == (None,) * 3
    assert set(members()) == {MANIFEST, WHOLE_GRAPH}
    engine = open_classifier(MODEL).engine
    assert isinstance(engine, LiteRTEngine)
    np.testing.assert_allclose(engine.run(PIXELS), outputs(model), rtol=1e-5, atol=1e-5)


def branch(model: Any) -> Any:
    """Its features added to what a layer makes of them."""
    given = model.get_layer("standardization").output
    total = Layers.Add()([given, Layers.Dense(10)(given)])
    return keras.Model(model.inputs[0], Layers.Dense(2, activation="softmax")(total))


def quantised(model: Any) -> Any:
    model.layers[-1].quantize("int8")
    return model


def custom(model: Any) -> Any:
    given = model.get_layer("standardization").output
    return keras.Model(model.inputs[0], Layers.Dense(2, activation=twice)(given))


@pytest.mark.parametrize("change", [branch, quantised, custom])
def test_graphs_and_layers_of_another_kind_have_no_head(change: Any) -> None:
    model = on_backbone(Layers.Dense(2, activation="softmax"))
    assert read_numpy_head(model) is not None
    assert read_numpy_head(change(model)) is None


def looking_at_the_features(model: Any) -> Any:
    return model.get_layer("features").output


def looking_at_another_map(model: Any) -> Any:
    other = Layers.Conv2D(10, 1)(model.get_layer("features").input)
    return Layers.Flatten()(Layers.AveragePooling2D(3, padding="same")(other))


def pooling_without_the_edges(model: Any) -> Any:
    last = model.get_layer("features").input
    return Layers.Flatten()(Layers.AveragePooling2D(4)(last))


@pytest.mark.parametrize(
    "seen", [looking_at_the_features, looking_at_another_map, pooling_without_the_edges]
)
def test_neurons_that_look_elsewhere_have_no_head(seen: Any) -> None:
    model = as_loaded(on_backbone(Layers.Dense(2, activation="softmax")))
    assert read_numpy_head(with_neurons(model, 2)) is not None
    fires = Layers.Dense(3, activation="relu")(Layers.UnitNormalization()(seen(model)))
    added = Layers.Dense(2, use_bias=False)(fires)
    total = Layers.Add()([Layers.Dense(2)(model.get_layer("standardization").output), added])
    elsewhere = keras.Model(model.inputs[0], Layers.Activation("softmax")(total))
    assert read_numpy_head(elsewhere) is None


def from_scratch(*head: Any) -> Any:
    """Compiled, its weights random, its map as large as neurons see no larger one."""
    keras.utils.set_random_seed(2)
    pictures = keras.Input((24, 32, 3))
    values = Layers.RandomFlip()(pictures)
    for layer in (
        Layers.Rescaling(1 / 255),
        Layers.Conv2D(16, 3, padding="same", activation="relu"),
        Layers.MaxPooling2D(),
        Layers.Conv2D(50, 3, padding="same", activation="relu"),
        Layers.BatchNormalization(),
        Layers.Dropout(0.25),
        Layers.Flatten(),
        Layers.Dense(16, activation="relu"),
        Layers.Dropout(0.25),
        *head,
    ):
        values = layer(values)
    model = keras.Model(pictures, values)
    model.compile(loss="sparse_categorical_crossentropy")
    return model


FROM_SCRATCH = {
    "sigmoid": [Layers.Dense(1, activation="sigmoid")],
    "softmax": [Layers.Dense(4, activation="softmax", use_bias=False)],
    "logits": [Layers.Dense(4)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_a_network_from_scratch_is_split_before_its_last_layer(in_folder: Path, name: str) -> None:
    model = from_scratch(*again(FROM_SCRATCH[name]))
    require_split_and_equal(model)
    engine = open_classifier(MODEL).engine
    assert isinstance(engine, SplitEngine)
    assert engine.features.map_shape == (12, 16, 50)
    assert engine.features.width == 16
    graph = members()[FEATURES]
    for count in (1, 3):
        require_split_and_equal(with_neurons(load_keras_model(MODEL), count), graph)
    network = CorrectableNetwork(load_keras_model(MODEL))
    features = network.responses(PIXELS).features
    grown = network.with_class(features[0], 0.9).with_class(features[1], 0.95)
    require_split_and_equal(with_random_neurons(grown, 3), graph)


@pytest.mark.slow
def test_the_graph_of_other_features_is_not_believed(in_folder: Path) -> None:
    model = on_backbone(Layers.Dense(3, activation="softmax"))
    for wrong in (
        make_features_graph(on_backbone(Layers.Dense(1), seed=1)),
        make_features_graph(on_backbone(Layers.Dense(1), flat=True)),
        b"no graph",
    ):
        written(model, features_graph=wrong)
        assert members()[FEATURES] != wrong
        np.testing.assert_allclose(
            open_classifier(MODEL).engine.run(PIXELS), outputs(model), atol=1e-5
        )


@pytest.mark.slow
def test_a_head_with_other_outputs_is_not_written(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = on_backbone(Layers.Dense(3, activation="softmax"))
    wrong = read_numpy_head(on_backbone(Layers.Dense(3, activation="softmax"), seed=9))
    assert wrong is not None
    monkeypatch.setattr(litert_members, "read_numpy_head", lambda _: wrong)
    assert written(model).format_version == 1
    assert set(members()) == {MANIFEST, WHOLE_GRAPH}


@pytest.mark.slow
def test_tensorflow_s_operations_are_no_features_graph(in_folder: Path) -> None:
    pictures = keras.Input((24, 32, 3))
    values = Layers.Resizing(12, 16, interpolation="bicubic")(pictures)
    values = Layers.Conv2D(5, 3)(values)
    values = Layers.GlobalAveragePooling2D(name="features")(values)
    model = keras.Model(pictures, values)
    with pytest.raises(UsageError, match="plain LiteRT can't run this model: it has no Flex"):
        make_features_graph(model)


def test_a_network_without_any_map_has_no_features_graph() -> None:
    pictures = keras.Input((4, 4, 3))
    values = Layers.Identity(name="features")(Layers.Flatten()(pictures))
    with pytest.raises(UsageError, match="no feature map"):
        make_features_graph(keras.Model(pictures, values))


@pytest.mark.slow
def test_features_come_in_any_number(in_folder: Path) -> None:
    model = on_backbone(Layers.Dense(3, activation="softmax"))
    written(model)
    features = LiteRTFeatures(members()[FEATURES])
    maps, rows = features.run(PIXELS)
    assert maps.shape == (12, 6, 8, 10)
    assert rows.shape == (12, 10)
    np.testing.assert_allclose(rows, maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5)
    engine = open_classifier(MODEL).engine
    expected = outputs(model)
    for count in (0, 1, 2, 5):
        assert [len(one) for one in features.run(PIXELS[:count])] == [count, count]
        np.testing.assert_allclose(
            engine.run(PIXELS[:count]), expected[:count], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    ("pixels", "count"), [(0, 32), (64 * 64, 32), (128 * 128, 8), (224 * 224, 2), (600 * 600, 1)]
)
def test_large_pictures_are_run_a_few_at_a_time(pixels: int, count: int) -> None:
    assert at_once(pixels) == count


# What is not what was written.


@pytest.fixture
def split(in_folder: Path) -> Path:
    model = with_neurons(on_backbone(Layers.Dense(3, activation="softmax")), 2)
    written(model)
    return MODEL


@pytest.mark.slow
def test_a_part_that_is_not_that_of_the_manifest_is_refused(split: Path) -> None:
    for member, what in ((FEATURES, "graph"), (HEAD, "head")):
        other = rewritten(split, member, lambda content: content[:-1] + b"x")
        with ModelArchive(other) as archive:
            manifest = archive.manifest()
            with pytest.raises(ModelFileError, match=f"is not the {what} it should be"):
                archive.verify_graphs(manifest)


@pytest.mark.slow
def test_parts_of_different_models_are_refused(split: Path) -> None:
    other = with_neurons(on_backbone(Layers.Dense(3, activation="softmax"), flat=True), 2)
    head = read_numpy_head(other)
    assert head is not None
    mixed = rewritten(split, HEAD, lambda _: head.to_bytes())
    with pytest.raises(ModelFileError, match=r"head takes 14 .*, its graph gives 10 and one of"):
        open_classifier(mixed)
    for member in (HEAD, FEATURES):
        with pytest.raises(
            ModelFileError, match=r"is damaged: .*(can't be read|is not the graph it should be)"
        ):
            open_classifier(rewritten(split, member, lambda _: b"nothing"))


@pytest.mark.slow
@pytest.mark.parametrize("missing", [FEATURES, HEAD])
def test_a_missing_part_is_said(split: Path, missing: str) -> None:
    with zipfile.ZipFile(split) as source, zipfile.ZipFile("other.keras", "w") as target:
        for name in source.namelist():
            if name != missing:
                target.writestr(name, source.read(name))
    with pytest.raises(ModelFileError, match=f"has no {missing} in it"):
        open_classifier(Path("other.keras"))


@pytest.mark.slow
def test_parts_that_do_not_fit_the_manifest_are_refused(split: Path) -> None:
    manifest = read_manifest(split)
    other = msgspec.structs.replace(manifest, class_names=("cat", "dog"))
    mixed = rewritten(split, MANIFEST, lambda _: msgspec.json.encode(other))
    with pytest.raises(ModelFileError, match="its manifest says"):
        open_classifier(mixed)


@pytest.mark.slow
def test_numbers_of_a_head_are_never_more_than_its_bytes(split: Path) -> None:
    """However large an array says it is, and however small the file that holds it."""
    head = msgspec.msgpack.decode(members(split)[HEAD])
    for shape in ([1 << 31, 1 << 31], [1 << 31, 1], [10, 3, 1 << 20]):
        head["layers"][0]["kernel"]["shape"] = shape
        other = rewritten(split, HEAD, lambda _: msgspec.msgpack.encode(head))
        with pytest.raises(ModelFileError, match="its head can't be read"):
            open_classifier(other)
    with zipfile.ZipFile(split) as source, zipfile.ZipFile("bomb.keras", "w") as target:
        for name in source.namelist():
            if name != HEAD:
                target.writestr(name, source.read(name))
        target.writestr(HEAD, b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match="not to be trusted"):
        open_classifier(Path("bomb.keras"))


@pytest.mark.slow
def test_an_old_file_reads_as_it_is(in_folder: Path) -> None:
    """Its manifest knows nothing of parts."""
    model = on_backbone(Layers.Dense(3, activation="softmax"))
    whole = keras.Model(model.inputs[0], model.outputs[0])
    Path("models").mkdir()
    whole.save(MODEL)
    graph = litert_members._whole(model, PIXELS[:2], outputs(model)[:2]).members[WHOLE_GRAPH]
    manifest = msgspec.to_builtins(manifest_of(model)) | {
        "format_version": 1,
        "twin_sha256": "-",
    }
    del manifest["features_sha256"], manifest["head_sha256"]
    with zipfile.ZipFile(MODEL, "a") as archive:
        archive.writestr(MANIFEST, msgspec.json.encode(manifest))
        archive.writestr(WHOLE_GRAPH, graph)
    engine = open_classifier(MODEL).engine
    assert isinstance(engine, LiteRTEngine)
    np.testing.assert_allclose(engine.run(PIXELS), outputs(model), rtol=1e-5, atol=1e-5)


def test_a_chain_of_layers_that_has_the_names_is_none_of_ours() -> None:
    layers = keras.layers
    chain = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.GlobalAveragePooling2D(name="features"),
            layers.BatchNormalization(name="standardization"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    assert not is_built_on_features(chain)
