"""Whatever shape people saved their network in: it is one graph, in two parts, and is corrected."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.retrain import Options, retrain
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.neurons import Neurons
from imgclf.errors import ModelFileError
from imgclf.model.engine import KerasEngine, SplitEngine
from imgclf.model_file.archive import FEATURES, ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import load_keras_model
from imgclf.model_file.last_layer import read_last_layer, write_last_layer
from tests.support.adopted_shapes import SHAPES, SIZE, as_in_the_guide, base, chain_on_a_base
from tests.support.heard import Heard
from tests.support.pretrained import as_loaded, on_backbone, written

PIXELS = np.random.default_rng(3).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)
SOURCE = Path("mine.keras")
Layers = keras.layers


def saved(make: Callable[[], Any]) -> Any:
    keras.utils.set_random_seed(2)
    model = make()
    model.save(SOURCE)
    return model


def outputs_of_file(path: Path) -> Any:
    return KerasEngine(keras.models.load_model(path)).run(PIXELS)


def features_graph(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(FEATURES)


def a_mistake(model: Path) -> Labelled:
    """The first picture of the data set that a model has wrong."""
    answers = predict(load(model, []), list(find_inputs(["dataset"], [])))
    wrong = next(Path(one.path) for one in answers if one.label != Path(one.path).parent.name)
    return Labelled(wrong, wrong.parent.name)


@pytest.mark.slow
@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_it_says_what_the_original_says_and_takes_a_correction(
    in_folder: Path, drawn: Path, heard: Heard, make: Callable[[], Any]
) -> None:
    Path("dataset").symlink_to(drawn / "dataset")
    original, options = saved(make), SHAPES[make]
    done = adopt(SOURCE, ["cat", "dog"], **options)
    expected = original.predict(PIXELS * np.float32(options.get("scale", 1)), verbose=0)
    np.testing.assert_allclose(outputs_of_file(done.model), expected, rtol=0, atol=1e-6)
    engine = open_classifier(done.model).engine
    assert isinstance(engine, SplitEngine)
    np.testing.assert_allclose(engine.run(PIXELS), expected, rtol=0, atol=1e-6)
    layers = keras.models.load_model(done.model).layers
    assert not any(isinstance(layer, keras.Model) for layer in layers)
    assert isinstance(layers[-1], keras.layers.Dense)
    assert "warning" not in heard.text

    graph, mistake = features_graph(done.model), a_mistake(done.model)
    corrected = retrain(done.model, [mistake], Options(data=Path("dataset"), max_drop=1.0))
    assert corrected.outcome == "corrected"
    assert corrected.pictures[0].after.label == mistake.label
    assert features_graph(done.model) == graph
    engine = open_classifier(done.model).engine
    assert isinstance(engine, SplitEngine)
    np.testing.assert_allclose(engine.run(PIXELS), outputs_of_file(done.model), atol=1e-5)


@pytest.mark.slow
def test_a_mobilenet_as_a_layer_is_adopted_and_corrected(in_folder: Path, drawn: Path) -> None:
    def classifier() -> Any:
        pictures = keras.Input((96, 96, 3))
        network = keras.applications.MobileNetV2(
            (96, 96, 3), alpha=0.35, include_top=False, weights=None
        )
        values = keras.applications.mobilenet_v2.preprocess_input(pictures)
        values = Layers.GlobalAveragePooling2D()(network(values, training=False))
        return keras.Model(pictures, Layers.Dense(2, "softmax")(Layers.Dropout(0.2)(values)))

    Path("dataset").symlink_to(drawn / "dataset")
    original = saved(classifier)
    done = adopt(SOURCE, ["cat", "dog"])
    pixels = np.random.default_rng(4).integers(0, 256, (3, 96, 96, 3)).astype(np.uint8)
    engine = open_classifier(done.model).engine
    assert isinstance(engine, SplitEngine)
    expected = original.predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(engine.run(pixels), expected, rtol=0, atol=1e-6)
    options = Options(data=Path("dataset"), max_drop=1.0)
    assert retrain(done.model, [a_mistake(done.model)], options).outcome == "corrected"


@pytest.mark.slow
def test_precision_trainable_layers_and_regularizers_are_those_of_the_original(
    in_folder: Path,
) -> None:
    def classifier() -> Any:
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            network = base()
            network.trainable = False
            last = Layers.Dense(2, "softmax", kernel_regularizer=keras.regularizers.L2(0.5))
            pooled = Layers.GlobalAveragePooling2D()
            return keras.Sequential([keras.Input((*SIZE, 3)), network, pooled, last])
        finally:
            keras.config.set_dtype_policy("float32")

    network, _, last = saved(classifier).layers
    model = keras.models.load_model(adopt(SOURCE, ["a", "b"], scale=1 / 255).model)
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert [weight.path for weight in model.trainable_weights] == [
        f"{last.name}/{name}" for name in ("kernel", "bias")
    ]
    assert model.layers[-1].kernel_regularizer.l2 == 0.5
    inside = [layer.name for layer in network.layers[1:]]
    names = ["pictures", "scale_for_adoption", *inside, "features", last.name]
    assert [layer.name for layer in model.layers] == names


def test_a_model_for_two_pictures_and_no_others_is_refused(in_folder: Path) -> None:
    pictures = keras.Input((*SIZE, 3), batch_size=2)
    values = keras.ops.reshape(pictures, (2, SIZE[0] * SIZE[1] * 3))
    keras.Model(pictures, Layers.Dense(2, "softmax")(values)).save(SOURCE)
    with pytest.raises(ModelFileError, match=r"mine.keras can't be .* pictures"):
        adopt(SOURCE, ["a", "b"])
    assert not list(Path().glob("models/*.keras"))


@pytest.mark.slow
def test_names_that_are_ours_are_free_for_others(in_folder: Path) -> None:
    def classifier() -> Any:
        pictures = keras.Input((*SIZE, 3), name="features")
        values = Layers.Rescaling(1 / 255, name="standardization")(pictures)
        values = Layers.Flatten(name="scale_for_adoption")(
            Layers.Conv2D(4, 3, name="pictures")(values)
        )
        return keras.Model(pictures, Layers.Dense(2, "softmax", name="end")(values))

    original = saved(classifier)
    done = adopt(SOURCE, ["a", "b"], scale=2.0)
    assert [layer.name for layer in keras.models.load_model(done.model).layers] == [
        *("pictures", "scale_for_adoption", "standardization", "pictures_1"),
        *("scale_for_adoption_1", "features", "end"),
    ]
    expected = original.predict(2 * PIXELS.astype(np.float32), verbose=0)
    np.testing.assert_allclose(open_classifier(done.model).engine.run(PIXELS), expected, atol=1e-6)


@pytest.mark.slow
def test_the_last_layer_is_found_without_keras(in_folder: Path) -> None:
    original = saved(chain_on_a_base)
    model = adopt(SOURCE, ["a", "b"]).model
    with ModelArchive(model) as archive:
        manifest = archive.manifest()
        layer = read_last_layer(archive, manifest)
        assert layer is not None
        kernel, bias = original.layers[-1].get_weights()
        np.testing.assert_array_equal(layer.kernel, kernel)
        np.testing.assert_array_equal(layer.bias, bias)
        write_last_layer(archive, manifest, layer, -layer.kernel, layer.bias + 1)
    original.layers[-1].set_weights([-kernel, bias + 1])
    expected = original.predict(PIXELS.astype(np.float32), verbose=0)
    np.testing.assert_allclose(outputs_of_file(model), expected, atol=1e-6)
    np.testing.assert_allclose(open_classifier(model).engine.run(PIXELS), expected, atol=1e-6)


@pytest.mark.slow
def test_a_loss_for_an_output_by_its_name_goes_on(in_folder: Path) -> None:
    def classifier() -> Any:
        pictures = keras.Input((*SIZE, 3))
        values = Layers.Dense(2)(Layers.GlobalAveragePooling2D()(base()(pictures)))
        model = keras.Model(pictures, Layers.Softmax(name="said")(values))
        model.compile(
            "sgd",
            loss={"said": "categorical_crossentropy"},
            loss_weights={"said": 2.0},
            metrics={"said": ["accuracy"]},
        )
        return model

    saved(classifier)
    model = keras.models.load_model(adopt(SOURCE, ["a", "b"]).model)
    assert model.loss == "categorical_crossentropy"
    answers = np.eye(2)[[0, 1, 0, 1, 0]]
    loss, _ = model.evaluate(PIXELS.astype(np.float32), answers, verbose=0)
    outputs = outputs_of_file(Path("models/mine.keras"))
    np.testing.assert_allclose(loss, -2 * np.log(outputs[answers == 1]).mean(), rtol=1e-3)


@pytest.mark.slow
def test_a_model_of_ours_that_keras_saved_again_keeps_its_corrections(in_folder: Path) -> None:
    model = as_loaded(on_backbone(Layers.Dense(2, activation="softmax"), size=SIZE))
    network = CorrectableNetwork(model)
    keys = network.responses(PIXELS).features[:3].T
    corrected = network.with_neurons(Neurons(keys, np.full((3, 2), 0.5, np.float32)))
    corrected.compile(loss="sparse_categorical_crossentropy")
    corrected.save(SOURCE)
    done = adopt(SOURCE, ["a", "b"])
    again = load_keras_model(done.model)
    assert [one.name for one in again.layers[1:]] == [one.name for one in corrected.layers[1:]]
    assert len(CorrectableNetwork(again).neurons) == 3
    expected = corrected.predict(PIXELS.astype(np.float32), verbose=0)
    np.testing.assert_allclose(open_classifier(done.model).engine.run(PIXELS), expected, atol=1e-5)


def two_heads() -> Any:
    pictures = keras.Input((*SIZE, 3))
    values = Layers.GlobalAveragePooling2D()(base()(Layers.Rescaling(1 / 255)(pictures)))
    heads = [Layers.Dense(2, name="one")(values), Layers.Dense(2, name="two")(values)]
    return keras.Model(pictures, Layers.Softmax()(Layers.Average(name="mean")(heads)))


@pytest.mark.slow
def test_what_can_not_be_corrected_is_said_at_once_and_again_when_it_is_tried(
    in_folder: Path, drawn: Path, heard: Heard
) -> None:
    Path("dataset").symlink_to(drawn / "dataset")
    saved(two_heads)
    done = adopt(SOURCE, ["cat", "dog"])
    why = "its outputs are not a Dense layer's, but come from Average 'mean'"
    way_on = "end it in GlobalAveragePooling2D and Dense, train that, and adopt it"
    said = [line for line in heard.text.splitlines() if line.startswith("warning")]
    assert said == [f"warning: it predicts, but can't be corrected: {why}; {way_on}"]
    before = done.model.read_bytes()
    with pytest.raises(ModelFileError) as caught:
        retrain(done.model, [a_mistake(done.model)], Options(data=Path("dataset")))
    assert caught.value.message == f"this model can't be corrected: {why}"
    assert caught.value.hint == way_on
    assert done.model.read_bytes() == before


def softmax_after_dense() -> Any:
    layers = [Layers.Conv2D(4, 3), Layers.GlobalAveragePooling2D(), Layers.Dense(2)]
    return keras.Sequential([keras.Input((*SIZE, 3)), *layers, Layers.Softmax(name="end")])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            as_in_the_guide,
            "a model that has another model inside of it, as earlier versions adopted them, can't "
            "be corrected",
        ),
        (
            softmax_after_dense,
            "a model can be corrected if its last layer is Dense; this one's is Softmax 'end', as "
            "earlier versions adopted it",
        ),
    ],
)
def test_a_file_of_an_earlier_version_is_to_be_adopted_again(
    in_folder: Path, drawn: Path, make: Callable[[], Any], says: str
) -> None:
    Path("dataset").symlink_to(drawn / "dataset")
    model, path = saved(make), Path("models/mine.keras")
    model.compile(loss="sparse_categorical_crossentropy")
    written(model, path)
    before = path.read_bytes()
    with pytest.raises(ModelFileError) as caught:
        retrain(path, [a_mistake(path)], Options(data=Path("dataset")))
    assert caught.value.message == says
    assert caught.value.hint is not None
    assert "imgclf adopt MODEL.keras --classes FIRST,SECOND --name NAME" in caught.value.hint
    assert path.read_bytes() == before
