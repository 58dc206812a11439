"""Classifiers of ours, and adopted ones, as what others are built on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backbones.build import build_backbone
from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.train import Trained
from imgclf.config.backbone import Backbone
from imgclf.config.loaded import ConfigFile
from imgclf.config.tree import Origin
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.neurons import Neurons
from imgclf.errors import ConfigError
from imgclf.model.layer_names import FEATURES, STANDARDIZATION
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.keras_io import load_keras_model, write_model_file
from tests.support.model_files import rewritten

FILE = ConfigFile(Path("pets.yaml"), {"model.backbone": Origin(7), "data": Origin(2)})
SIZE = (12, 8)
PIXELS = np.random.default_rng(3).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)
PICTURES = PIXELS.astype(np.float32)


def build(path: Path, size: tuple[int, int] = SIZE) -> Any:
    return build_backbone(Backbone(name=str(path)), size, FILE)


def refused(path: Path, size: tuple[int, int] = SIZE) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        build(path, size)
    return raised.value


def classifier(*layers: Any) -> Any:
    keras.utils.set_random_seed(4)
    first = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
    ]
    return keras.Sequential([keras.Input((*SIZE, 3)), *first, *layers])


def adopted(model: Any, classes: int = 3) -> Path:
    model.save("mine.keras")
    return adopt(Path("mine.keras"), [f"class {index}" for index in range(classes)]).model


def same(model: Any, tensor: Any, found: Any) -> None:
    """A backbone gives what a layer inside of the original gives."""
    expected = keras.Model(model.inputs[0], tensor).predict(PICTURES, verbose=0)
    np.testing.assert_allclose(found(PICTURES), expected, atol=1e-6)


ENDINGS: dict[str, tuple[list[Any], str]] = {
    "averaged": (
        [keras.layers.GlobalAveragePooling2D, lambda: keras.layers.Dropout(0.5)],
        "conv",
    ),
    "flattened": ([lambda: keras.layers.Flatten(name="flat")], "flat"),
    "with a hidden layer": (
        [
            keras.layers.GlobalAveragePooling2D,
            lambda: keras.layers.Dense(6, activation="relu", name="hidden"),
        ],
        "hidden",
    ),
    "of the largest values": ([lambda: keras.layers.GlobalMaxPooling2D(name="max")], "max"),
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_is_taken_up_to_what_its_last_dense_layer_gets(
    ending: str, in_folder: Path
) -> None:
    layers, name = ENDINGS[ending]
    model = classifier(*(layer() for layer in layers), keras.layers.Dense(3, activation="softmax"))
    found = build(adopted(model))
    same(model, model.get_layer(name).output, found)
    scaling = next(layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    names = [layer.name for layer in found.layers[1:3]]
    assert names == [f"backbone_{scaling.name}", "backbone_conv"]


@pytest.mark.slow
def test_an_activation_of_its_own_may_follow_the_last_dense_layer(in_folder: Path) -> None:
    model = classifier(
        keras.layers.Flatten(name="flat"), keras.layers.Dense(3), keras.layers.Softmax()
    )
    same(model, model.get_layer("flat").output, build(adopted(model)))


@pytest.mark.slow
def test_models_inside_of_a_model_are_opened(in_folder: Path) -> None:
    inner = classifier(keras.layers.BatchNormalization(name="norm"))
    inner.layers[-1].set_weights([np.full(4, value, np.float32) for value in (2, 1, 0.5, 4)])
    pictures = keras.Input((*SIZE, 3))
    values = keras.layers.GlobalAveragePooling2D()(inner(pictures, training=False))
    model = keras.Model(pictures, keras.layers.Dense(3, activation="softmax")(values))
    found = build(adopted(model))
    assert not any(isinstance(layer, keras.Model) for layer in found.layers)
    np.testing.assert_allclose(found(PICTURES), inner.predict(PICTURES, verbose=0), atol=1e-6)


@pytest.mark.slow
def test_a_model_of_ours_is_built_on(trained: Trained) -> None:
    found = build(trained.model, (32, 32))
    model = load_keras_model(trained.model)
    pictures = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    flat = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    expected = keras.Model(model.inputs[0], flat.output).predict(pictures, verbose=0)
    np.testing.assert_allclose(found(pictures), expected, atol=1e-6)


@pytest.mark.slow
def test_corrections_are_left_out(trained: Trained) -> None:
    before = build(trained.model, (32, 32))
    manifest = read_manifest(trained.model)
    network = CorrectableNetwork(load_keras_model(trained.model))
    features = network.neurons.keys.shape[0]
    network = network.with_class(np.ones(features, np.float32), 0.5)
    random = np.random.default_rng(0)
    neurons = Neurons(
        random.normal(size=(features, 2)).astype(np.float32),
        random.normal(size=(2, 3)).astype(np.float32),
    )
    model = network.with_neurons(neurons)
    model.compile()
    pixels = random.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    write_model_file(model, manifest, Path("corrected.keras"), pixels)
    after = build(Path("corrected.keras"), (32, 32))
    assert [layer.name for layer in after.layers[1:]] == [layer.name for layer in before.layers[1:]]
    np.testing.assert_array_equal(
        after(pixels.astype(np.float32)), before(pixels.astype(np.float32))
    )


def on_a_backbone() -> Any:
    """As `build_model` leaves it."""
    pooling = keras.layers.GlobalAveragePooling2D(name=FEATURES)
    standardization = keras.layers.BatchNormalization(
        center=False, scale=False, trainable=False, name=STANDARDIZATION
    )
    model = classifier(pooling, standardization, keras.layers.Dense(3, activation="softmax"))
    standardization.set_weights([np.full(4, value, np.float32) for value in (0.1, 0.2)])
    return keras.Model(model.inputs, model.outputs)


@pytest.mark.slow
def test_a_model_on_a_backbone_gives_its_last_feature_map_under_other_names(
    in_folder: Path,
) -> None:
    model = on_a_backbone()
    found = build(adopted(model))
    same(model, model.get_layer("conv").output, found)
    assert not {FEATURES, STANDARDIZATION} & {layer.name for layer in found.layers}


@pytest.mark.slow
def test_pictures_of_another_size_are_refused_with_the_size_to_write(in_folder: Path) -> None:
    path = adopted(on_a_backbone())
    assert str(refused(path, (180, 180))) == (
        "pets.yaml: 1 problem\n"
        "  line 2: data.image_size: the model models/mine.keras takes pictures of another size\n"
        "    received: [180, 180]\n"
        "    allowed: data.image_size: [12, 8]"
    )


@pytest.mark.slow
def test_a_model_without_a_dense_layer_at_its_end_is_refused(in_folder: Path) -> None:
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")
    path = adopted(classifier(pooled, keras.layers.Softmax()), classes=4)
    error = refused(path)
    assert error.message == (
        "pets.yaml: 1 problem\n  line 7: model.backbone: models/mine.keras can't be built on: it "
        "doesn't end in a Dense layer\n    received: models/mine.keras"
    )


@pytest.mark.slow
def test_a_plain_model_is_to_be_adopted_first(in_folder: Path) -> None:
    on_a_backbone().save("plain.keras")
    error = refused(Path("plain.keras"))
    assert "plain.keras is a model, but not one of imgclf's" in error.message
    assert error.hint == "imgclf adopt plain.keras --classes FIRST,SECOND"


@pytest.mark.slow
def test_a_strangers_code_is_not_run(trained: Trained) -> None:
    def edit(config: bytes) -> bytes:
        return config.replace(b'"class_name": "Flatten"', b'"class_name": "Lambda"')

    path = rewritten(trained.model, "config.json", edit)
    assert "its Lambda layer holds code" in refused(path, (32, 32)).message


@pytest.mark.slow
def test_damaged_weights_are_refused(trained: Trained) -> None:
    path = rewritten(trained.model, "model.weights.h5", lambda content: content + b"0")
    assert "its weights are not what they should be" in refused(path, (32, 32)).message
    with zipfile.ZipFile(trained.model) as archive:
        assert archive.testzip() is None


def test_a_missing_file_is_said_to_be_missing(in_folder: Path) -> None:
    assert "no model file none.keras" in refused(Path("none.keras")).message
