"""Adopting models that plain Keras made: what they say afterwards, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.train import Trained
from imgclf.corrections.replay_memory import load_memory
from imgclf.errors import BusyError, ModelFileError, UsageError
from imgclf.model.engine import LiteRTEngine, SplitEngine
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import load_keras_model
from imgclf.model_file.known_files import is_known
from imgclf.model_file.manifest import Decoder
from imgclf.model_file.versions import roll_back, versions
from imgclf.system.lock import lock
from tests.support.command_line import imgclf, imported_by
from tests.support.heard import Heard

SIZE = (12, 8)
PIXELS = np.random.default_rng(3).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)
FLOATS = PIXELS.astype(np.float32)


def conv() -> list[Any]:
    """Layers whose outputs depend on the pictures and on their scale."""
    keras.utils.set_random_seed(4)
    return [
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
    ]


def tutorial(size: tuple[int | None, int | None] = SIZE, rescaling: bool = True) -> Any:
    """The tutorial's model, made small."""
    first = [keras.layers.Rescaling(1 / 255)] if rescaling else []
    model = keras.Sequential(
        [
            keras.Input((*size, 3)),
            keras.layers.RandomFlip("horizontal"),
            *first,
            *conv(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def ending(*layers: Any, loss: Any = None) -> Any:
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Rescaling(1 / 255), *conv(), *layers]
    )
    if loss is not None:
        model.compile("adam", loss)
    return model


def adopted_probabilities(path: Path) -> NDArray[np.float64]:
    classifier = open_classifier(path)
    assert isinstance(classifier.engine, LiteRTEngine | SplitEngine)
    return classifier.probabilities(PIXELS)


def test_an_adopted_model_says_what_the_original_says(in_folder: Path, heard: Heard) -> None:
    original = tutorial()
    original.save("mine.keras")
    before = Path("mine.keras").read_bytes()
    done = adopt(Path("mine.keras"), ["cat", "dog"])

    assert done.model == Path("models/mine.keras")
    expected = original.predict(FLOATS, verbose=0)[:, 0]
    np.testing.assert_allclose(adopted_probabilities(done.model)[:, 1], expected, atol=1e-6)
    again = keras.models.load_model(done.model)
    np.testing.assert_allclose(again.predict(FLOATS, verbose=0)[:, 0], expected, atol=1e-6)
    assert isinstance(again.optimizer, keras.optimizers.RMSprop)
    assert again.loss == "binary_crossentropy"

    manifest = read_manifest(done.model)
    assert manifest.class_names == ("cat", "dog")
    assert manifest.decoder == Decoder(height=12, width=8, resize="stretch")
    assert (manifest.version, manifest.parent, manifest.data) == (1, None, None)
    assert Path("mine.keras").read_bytes() == before
    assert "warning" not in heard.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "guessed"),
    [
        (lambda: ending(keras.layers.Dense(3, activation="softmax")), False),
        (lambda: ending(keras.layers.Dense(3), keras.layers.Softmax()), False),
        (lambda: ending(keras.layers.Dense(3), keras.layers.Activation("softmax")), False),
        (lambda: ending(keras.layers.Dense(3, activation="log_softmax")), True),
        (lambda: ending(keras.layers.Dense(3)), True),
        (
            lambda: ending(
                keras.layers.Dense(3),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            ),
            False,
        ),
        (lambda: ending(keras.layers.Dense(3, activation="softmax"), loss="mse"), False),
    ],
)
def test_however_a_classifier_ends_its_probabilities_are_right(
    in_folder: Path, heard: Heard, model: Any, guessed: bool
) -> None:
    original = model()
    original.save("three.keras")
    done = adopt(Path("three.keras"), ["a", "b", "c"])
    outputs = original.predict(FLOATS, verbose=0)
    if done.manifest.head == "softmax_logits":
        outputs = keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
    np.testing.assert_allclose(adopted_probabilities(done.model), outputs, atol=1e-6)
    assert ("taken for logits" in heard.text) == guessed
    assert keras.models.load_model(done.model).compiled


def own_loss(truth: Any, said: Any) -> Any:
    return keras.ops.mean(keras.ops.square(truth - said), axis=-1)


class OwnMetric(keras.metrics.Mean):
    pass


def with_a_compiled_model_inside(loss: Any, metrics: list[Any]) -> Any:
    inside = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.Rescaling(1 / 255), *conv()])
    inside.compile("sgd", own_loss)
    head = keras.layers.Dense(3, activation=keras.ops.softmax)
    model = keras.Sequential([keras.Input((*SIZE, 3)), inside, head])
    model.compile("rmsprop", loss, metrics=metrics)
    return model


@pytest.mark.parametrize(
    ("loss", "metrics", "kept", "unread"),
    [
        (
            keras.losses.categorical_crossentropy,
            [keras.metrics.categorical_accuracy],
            keras.losses.categorical_crossentropy,
            None,
        ),
        (
            own_loss,
            [],
            keras.losses.SparseCategoricalCrossentropy,
            "it asks for 'own_loss' of 'builtins', which is not Keras's own",
        ),
        (
            "categorical_crossentropy",
            [OwnMetric()],
            "categorical_crossentropy",
            "it asks for 'OwnMetric' of 'tests.commands.test_adopt', which is not Keras's own",
        ),
    ],
)
def test_what_a_model_was_compiled_with_does_not_matter(
    in_folder: Path, heard: Heard, loss: Any, metrics: list[Any], kept: Any, unread: str | None
) -> None:
    """Nor what a model inside of it was."""
    original = with_a_compiled_model_inside(loss, metrics)
    original.save("mine.keras")
    done = adopt(Path("mine.keras"), ["a", "b", "c"])
    expected = original.predict(FLOATS, verbose=0)
    np.testing.assert_allclose(adopted_probabilities(done.model), expected, atol=1e-6)
    again = load_keras_model(done.model)
    assert again.loss == kept or isinstance(again.loss, kept)
    assert isinstance(again.optimizer, keras.optimizers.RMSprop)
    said = [line for line in heard.text.splitlines() if "unread" in line]
    why = "a part of what it was compiled with is left unread, and no classifier needs it"
    assert said == ([] if unread is None else [f"{why}: {unread}"])


@pytest.mark.slow
def test_one_logit_is_for_two_classes(in_folder: Path, heard: Heard) -> None:
    ending(keras.layers.Dense(1), loss=keras.losses.BinaryCrossentropy(from_logits=True)).save(
        "two.keras"
    )
    assert adopt(Path("two.keras"), ["a", "b"]).manifest.head == "sigmoid_logits"
    assert "warning" not in heard.text


@pytest.mark.slow
def test_a_functional_model_with_arithmetic_and_another_model_inside(
    in_folder: Path, heard: Heard
) -> None:
    keras.utils.set_random_seed(5)
    inside_input = keras.Input((None, None, 3))
    inside = keras.Model(inside_input, conv()[0](inside_input))
    pictures = keras.Input((*SIZE, 3))
    values = keras.applications.mobilenet_v2.preprocess_input(pictures)
    values = keras.applications.resnet.preprocess_input(values)
    values = inside(values)
    values = keras.ops.mean(keras.ops.relu(values + 0.1), axis=(1, 2))
    original = keras.Model(pictures, keras.layers.Dense(2, activation="softmax")(values))
    original.save("functional.keras")
    done = adopt(Path("functional.keras"), ["a", "b"])
    expected = original.predict(FLOATS, verbose=0)
    np.testing.assert_allclose(adopted_probabilities(done.model), expected, atol=1e-6)
    assert "warning" not in heard.text


@pytest.mark.slow
def test_a_model_that_gives_its_output_a_name_is_adopted(in_folder: Path) -> None:
    keras.utils.set_random_seed(6)
    pictures = keras.Input((*SIZE, 3))
    values = pictures
    for layer in (keras.layers.Rescaling(1 / 255), *conv()):
        values = layer(values)
    values = keras.layers.Dense(2, activation="softmax")(values)
    original = keras.Model({"pictures": pictures}, {"kind": values})
    original.save("named.keras")
    done = adopt(Path("named.keras"), ["a", "b"])
    expected = original.predict({"pictures": FLOATS}, verbose=0)["kind"]
    np.testing.assert_allclose(adopted_probabilities(done.model), expected, atol=1e-6)


@pytest.mark.slow
def test_a_model_that_does_not_scale_is_warned_of_and_can_be_given_a_scale(
    in_folder: Path, heard: Heard
) -> None:
    original = tutorial(rescaling=False)
    original.save("mine.keras")
    done = adopt(Path("mine.keras"), ["a", "b"])
    assert "if it was trained on 0 to 1, adopt it with --scale 1/255" in heard.text
    expected = original.predict(FLOATS, verbose=0)[:, 0]
    np.testing.assert_allclose(adopted_probabilities(done.model)[:, 1], expected, atol=1e-5)

    heard.stream.truncate(0)
    done = adopt(Path("mine.keras"), ["a", "b"], scale=1 / 127.5, offset=-1.0)
    assert "warning" not in heard.text
    expected = original.predict(FLOATS / 127.5 - 1, verbose=0)[:, 0]
    np.testing.assert_allclose(adopted_probabilities(done.model)[:, 1], expected, atol=1e-6)
    assert [manifest.version for manifest in versions(done.model)] == [1, 2]
    assert done.manifest.parent == 1


@pytest.mark.slow
@pytest.mark.parametrize("functional", [False, True])
def test_a_model_for_any_size_is_told_one(in_folder: Path, functional: bool) -> None:
    original = tutorial((None, None))
    if functional:
        original = keras.Model(original.inputs, original.outputs)
    original.save("any.keras")
    with pytest.raises(UsageError, match="--image-size HEIGHTxWIDTH"):
        adopt(Path("any.keras"), ["a", "b"])
    done = adopt(Path("any.keras"), ["a", "b"], image_size=SIZE, resize="crop")
    assert done.manifest.decoder == Decoder(height=12, width=8, resize="crop")
    expected = original.predict(FLOATS, verbose=0)[:, 0]
    np.testing.assert_allclose(adopted_probabilities(done.model)[:, 1], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_whatever_the_precision_the_file_holds_float32(in_folder: Path, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        original = tutorial()
    finally:
        keras.config.set_dtype_policy("float32")
    original.save("mixed.keras")
    done = adopt(Path("mixed.keras"), ["a", "b"])
    again = keras.models.load_model(done.model)
    assert {layer.dtype_policy.name for layer in again.layers} == {"float32"}
    for found, expected in zip(again.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(found, np.asarray(expected, np.float32))
    expected = np.asarray(original.predict(FLOATS, verbose=0), np.float32)[:, 0]
    np.testing.assert_allclose(adopted_probabilities(done.model)[:, 1], expected, atol=1e-2)


@pytest.mark.slow
def test_a_model_for_batches_of_one_size_takes_any_afterwards(in_folder: Path) -> None:
    keras.utils.set_random_seed(6)
    pictures = keras.Input((*SIZE, 3), batch_size=2)
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(pictures))
    keras.Model(pictures, outputs).save("pairs.keras")
    done = adopt(Path("pairs.keras"), ["a", "b"], scale=1 / 255)
    assert adopted_probabilities(done.model).shape == (5, 2)


def two_inputs() -> Any:
    inputs = [keras.Input((*SIZE, 3)), keras.Input((*SIZE, 3))]
    joined = keras.layers.Flatten()(keras.layers.Add()(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(joined))


def grey() -> Any:
    layers = [keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((*SIZE, 1)), *layers])


def unbuilt() -> Any:
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])


def map_of_classes() -> Any:
    head = keras.layers.Conv2D(2, 1, activation="softmax")
    return keras.Sequential([keras.Input((*SIZE, 3)), head])


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (two_inputs, "has 2 inputs and 1 outputs"),
        (grey, r"takes greyscale pictures, arrays of shape \(12, 8, 1\)"),
        pytest.param(
            unbuilt,
            "saved before it had seen a picture",
            marks=pytest.mark.filterwarnings("ignore:You are saving a model that has not yet"),
        ),
        (map_of_classes, r"puts out arrays of shape \(12, 8, 2\)"),
        (lambda: ending(keras.layers.Dense(1, activation="relu")), "1 unit with activation relu"),
        (lambda: ending(keras.layers.Dense(2, activation="sigmoid")), "2 units with .* sigmoid"),
        (lambda: ending(keras.layers.Dense(1, activation="softmax")), "1 unit with .* softmax"),
    ],
)
def test_what_is_no_classifier_of_colour_pictures_is_refused(
    in_folder: Path, model: Any, says: str
) -> None:
    model().save("odd.keras")
    with pytest.raises(ModelFileError, match=says):
        adopt(Path("odd.keras"), ["a", "b"])
    assert not list(Path().glob("models/*.keras"))


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (["a"], "at least two"),
        (["a", "b", "a"], "a is there twice"),
        (["a", ""], "'' is no class name"),
        (["a", "b/c"], "'b/c' is no class name"),
        (["a", "b\n"], "is no class name"),
        (["a", "b", "c"], "ends in 1 unit, which is for 2 classes; 3 names are given: a, b, c"),
    ],
)
def test_classes_that_do_not_fit_are_refused(
    in_folder: Path, classes: list[str], says: str
) -> None:
    tutorial().save("mine.keras")
    with pytest.raises(UsageError, match=says):
        adopt(Path("mine.keras"), classes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"image_size": (12, 9)}, "takes pictures of width 8, not 9"),
        ({"image_size": (13, 8)}, "takes pictures of height 12, not 13"),
        ({"offset": -1.0}, "--offset goes with --scale"),
        ({"scale": 0.0}, "would make all pictures alike"),
        ({"name": "../evil"}, "a plain name is wanted"),
        ({"name": ""}, "a plain name is wanted"),
        ({"name": ".hidden"}, "a plain name is wanted"),
    ],
)
def test_options_that_contradict_the_model_are_refused(
    in_folder: Path, arguments: dict[str, Any], says: str
) -> None:
    tutorial().save("mine.keras")
    with pytest.raises(UsageError, match=says):
        adopt(Path("mine.keras"), ["a", "b"], **arguments)


def test_a_model_of_ours_is_not_adopted_again(trained: Trained) -> None:
    with pytest.raises(UsageError, match="a model file of imgclf already, with the classes cat"):
        adopt(trained.model, ["cat", "dog"])


def test_what_lies_in_the_way_is_not_replaced(in_folder: Path) -> None:
    Path("models").mkdir()
    tutorial().save("models/mine.keras")
    before = Path("models/mine.keras").read_bytes()
    with pytest.raises(UsageError, match="is the file to adopt, and would be replaced"):
        adopt(Path("models/mine.keras"), ["a", "b"])
    Path("models/other.keras").write_bytes(b"notes")
    with pytest.raises(UsageError, match="is no readable model of imgclf"):
        adopt(Path("models/mine.keras"), ["a", "b"], name="other")
    assert Path("models/mine.keras").read_bytes() == before
    assert Path("models/other.keras").read_bytes() == b"notes"


@pytest.mark.slow
def test_a_trained_model_in_its_place_is_kept_as_a_version(trained: Trained) -> None:
    before = trained.model.read_bytes()
    tutorial().save("mine.keras")
    done = adopt(Path("mine.keras"), ["cat", "dog"], name="pets")
    assert (done.manifest.version, done.manifest.parent) == (2, 1)
    memory = load_memory(trained.model)
    assert memory is not None
    assert memory.for_model(done.manifest) is None  # its pictures are of another size
    assert roll_back(trained.model, None).version == 1
    assert trained.model.read_bytes() == before


def test_a_model_that_another_process_works_on_is_left_to_it(in_folder: Path) -> None:
    tutorial().save("mine.keras")
    with lock(Path("models/mine.keras")), pytest.raises(BusyError):
        adopt(Path("mine.keras"), ["a", "b"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--classes", "a,b,c"],
        ["--classes", "a,b", "--image-size", "180x180"],
        ["--classes", "a,b", "--scale", "small"],
        ["--classes", "a,b", "--resize", "squash"],
    ],
)
def test_mistakes_that_the_config_shows_cost_no_tensorflow(
    in_folder: Path, arguments: list[str]
) -> None:
    tutorial().save("mine.keras")
    assert not imported_by("adopt", "mine.keras", *arguments) & {"tensorflow", "keras"}


@pytest.mark.slow
def test_the_command_says_what_it_made_and_nothing_of_the_libraries_gets_through(
    in_folder: Path,
) -> None:
    """With a layer that LiteRT can't run, so that its complaints would be heard too."""
    bicubic = keras.layers.Resizing(6, 6, interpolation="bicubic")
    keras.Sequential(
        [keras.Input((*SIZE, 3)), bicubic, *conv(), keras.layers.Dense(2, activation="softmax")]
    ).save("mine.keras")
    done = imgclf("adopt", "mine.keras", "--classes", "cat, dog", "--scale", "1/255")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "classes: cat, dog",
        "pictures: 12x8, stretch",
        "model: models/mine.keras",
    ]
    *rest, last = done.stderr.splitlines()
    assert last == "next: imgclf predict PICTURE --model models/mine.keras"
    first, *said = [line for line in rest if not line.startswith("adopting mine.keras in ")]
    assert first == (
        "mine.keras was not made here: it is opened in a process of its own first, which takes "
        "seconds"
    )
    assert is_known(Path("mine.keras"), "plain")
    assert len(said) == 1
    assert said[0].startswith(
        "warning: the LiteRT graph of this model can't be checked: it has a custom operation"
    )
