"""What is read in Keras's files is what the imported Keras says of itself."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.argument_checks import check_of, object_kind
from imgclf.config.keras_names import FORBIDDEN, class_names, resolve, snake_case
from imgclf.config.keras_signatures import COMPUTED, REQUIRED, Kind, exports, methods, signature
from imgclf.config.layer_checks import augmentations
from imgclf.config.metric_names import metric_direction, metric_name
from imgclf.config.spec import Spec
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH
from imgclf.model.keras_objects import make
from tests.support.config_texts import DATA, MODEL, load

MODULES: dict[Kind, Any] = {
    "layers": keras.layers,
    "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules,
    "losses": keras.losses,
    "metrics": keras.metrics,
    "callbacks": keras.callbacks,
    "initializers": keras.initializers,
    "regularizers": keras.regularizers,
    "constraints": keras.constraints,
    "activations": keras.activations,
}
CLASSES = [
    (kind, name)
    for kind, module in MODULES.items()
    for name in sorted(dir(module))
    if inspect.isclass(getattr(module, name))
]


@pytest.mark.parametrize("kind", MODULES)
def test_the_names_are_those_that_keras_exports(kind: Kind) -> None:
    module = MODULES[kind]
    public = (name for name in dir(module) if not name.startswith("_"))
    assert set(exports(kind)) == {n for n in public if not inspect.ismodule(getattr(module, n))}


def _arguments_by_inspection(found: type) -> dict[str, Any]:
    """What the constructor takes, with what its base classes take by `**kwargs`."""
    merged: dict[str, Any] = {}
    for owner in found.__mro__:
        if "__init__" not in vars(owner):
            continue
        parameters = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        for one in parameters:
            if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                merged.setdefault(one.name, REQUIRED if one.default is one.empty else one.default)
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    return merged


@pytest.mark.parametrize(("kind", "name"), CLASSES)
def test_the_arguments_and_defaults_are_those_of_the_constructor(kind: Kind, name: str) -> None:
    expected = _arguments_by_inspection(getattr(MODULES[kind], name))
    found = signature(kind, name)
    for argument, default in found.arguments.items():
        if (name, argument) in WRITTEN_AS_EXPRESSIONS:
            assert default is COMPUTED, argument
        else:
            assert default == expected[argument], argument
            assert type(default) is type(expected[argument]), argument
    # What a class gives to its base class by itself, or takes and refuses, is left out.
    left_out = set(expected) - set(found.arguments)
    assert left_out <= ALLOWED_TO_BE_LEFT_OUT.get(name, set()) | {"rank", "pool_dimensions"}


WRITTEN_AS_EXPRESSIONS = {("LossScaleOptimizer", "initial_scale")}  # 2.0**15

ALLOWED_TO_BE_LEFT_OUT: dict[str, set[str]] = {
    "ActivityRegularization": {"activity_regularizer"},
    **{
        f"{kind}{n}D": {"pool_mode"}
        for kind in ("MaxPooling", "MaxPool", "AveragePooling", "AvgPool")
        for n in (1, 2, 3)
    },
    **{f"ConvLSTM{n}D": {"cell"} for n in (1, 2, 3)},
    **{name: {"cell"} for name in ("GRU", "LSTM", "SimpleRNN")},
    "FlaxLayer": {"call_fn", "init_fn", "params", "state"},
    "HashedCrossing": {"activity_regularizer", "autocast", "trainable"},
    "InputLayer": {"activity_regularizer", "autocast", "trainable"},
    "IntegerLookup": {"activity_regularizer", "autocast", "dtype", "trainable"},
    "StringLookup": {
        *("activity_regularizer", "autocast", "dtype", "trainable", "vocabulary_dtype"),
    },
    "ReduceLROnPlateau": {"baseline"},  # `**kwargs` goes nowhere
    "LossScaleOptimizer": {
        *("clipnorm", "clipvalue", "ema_momentum", "ema_overwrite_frequency", "global_clipnorm"),
        *("gradient_accumulation_steps", "learning_rate", "loss_scale_factor", "use_ema"),
        "weight_decay",
    },
}


@pytest.mark.parametrize(
    ("kind", "name", "argument"),
    [
        ("layers", "MaxPooling2D", "pool_mode"),
        ("layers", "Conv2D", "rank"),
        ("layers", "GRU", "cell"),
        ("layers", "ActivityRegularization", "activity_regularizer"),
        ("optimizers", "LossScaleOptimizer", "use_ema"),
    ],
)
def test_what_is_left_out_is_refused_by_keras_too(kind: Kind, name: str, argument: str) -> None:
    required = {
        "filters": 3,
        "kernel_size": 3,
        "units": 3,
        "inner_optimizer": keras.optimizers.SGD(),
    }
    given = {n: required[n] for n, d in signature(kind, name).arguments.items() if d is REQUIRED}
    getattr(MODULES[kind], name)(**given)
    with pytest.raises((TypeError, ValueError)):
        getattr(MODULES[kind], name)(**given, **{argument: 3})


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, name in CLASSES if name in class_names(kind)]
)
def test_a_value_alone_is_the_first_argument_of_the_constructor(kind: Kind, name: str) -> None:
    positional = [
        one.name
        for one in inspect.signature(getattr(MODULES[kind], name)).parameters.values()
        if one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    assert signature(kind, name).first == (positional[0] if positional else None)


def _node(value: Any) -> Node:
    if isinstance(value, (list, tuple)):
        return Node([_node(item) for item in value])
    return Node(value, text=str(value))


@pytest.mark.parametrize("kind", [kind for kind in MODULES if kind != "activations"])
def test_every_default_of_keras_is_taken_when_it_is_written_out(kind: Kind) -> None:
    for name in class_names(kind):
        for argument, default in signature(kind, name).arguments.items():
            if default in (REQUIRED, COMPUTED) or object_kind(argument) is not None:
                continue
            assert check_of(kind, name, argument).read(_node(default)) is not MISMATCH, (
                f"{name}: {argument}"
            )


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_what_is_forbidden_exists(kind: Kind) -> None:
    assert set(FORBIDDEN[kind]) <= set(dir(MODULES[kind]))


def test_optimizers_in_lower_case_are_those_of_keras() -> None:
    words = ["adam", "ADAM", "sgd", "rmsprop", "adamw", "nadam", "adagrad", "lion", "ftrl"]
    for word in words:
        assert resolve("optimizers", word) == (type(keras.optimizers.get(word)).__name__, None)
    assert resolve("optimizers", "lamb") == ("Lamb", None)  # which keras.optimizers.get forgets


def test_every_string_that_keras_takes_for_a_metric_means_the_same_here() -> None:
    from keras.src import metrics

    for word in metrics.ALL_OBJECTS_DICT:
        expected = metrics.ALL_OBJECTS_DICT[word].__name__
        if expected in FORBIDDEN["metrics"] or word == "accuracy":  # `compile` settles this one
            continue
        found = resolve("metrics", word)
        assert found is not None, word
        assert found[0] == expected


def test_every_string_that_keras_takes_for_a_loss_means_the_same_here() -> None:
    from keras.src import losses

    rng = np.random.default_rng(0)
    labels = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 6)]
    outputs = rng.dirichlet(np.ones(4), 6).astype(np.float32)
    numbers = labels.argmax(axis=1)
    for word in losses.ALL_OBJECTS_DICT:
        if word in ("Loss", "LossFunctionWrapper", "ctc", "CTC", "circle", "Circle"):
            continue
        found = resolve("losses", word)
        assert found is not None, word
        given = numbers if "parse" in word else labels
        ours = getattr(keras.losses, found[0])()(given, outputs)
        theirs = losses.get(word)(given, outputs)
        assert np.isclose(float(ours), float(np.mean(theirs)), rtol=1e-5), word


@pytest.mark.parametrize("kind", ["initializers", "regularizers", "constraints", "activations"])
def test_every_string_that_keras_takes_inside_of_arguments_is_known(kind: Kind) -> None:
    known = importlib.import_module(f"keras.src.{kind}").ALL_OBJECTS_DICT
    # Old names of these classes, kept for old files and exported nowhere.
    old = {"OrthogonalInitializer", "STFTInitializer", "IdentityInitializer"}
    refused = {word for name in FORBIDDEN.get(kind, {}) for word in (name, snake_case(name))}
    unknown = [w for w in known if w not in refused | old and resolve(kind, w) is None]
    assert unknown == []


@pytest.mark.parametrize("kind", ["initializers", "regularizers", "constraints"])
def test_every_exported_name_inside_of_arguments_is_one_that_layers_understand(kind: Kind) -> None:
    argument = f"kernel_{kind.removesuffix('s')}"
    names = [n for n in exports(kind) if n not in ("get", "serialize", "deserialize")]
    needs_scipy = {"STFT", "STFTInitializer", "stft"}
    for name in set(names) - set(FORBIDDEN[kind]) - needs_scipy:
        loaded = load(
            DATA + MODEL.replace("Flatten", f"{{Dense: {{units: 3, {argument}: {name}}}}}")
        )
        layer = make("layers", loaded.config.model.layers[0], "model.layers.0", loaded.file)
        assert type(getattr(layer, argument)) is getattr(MODULES[kind], name)


METRIC_ARGUMENTS = {
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotMeanIoU": {"num_classes": 2},
}


@pytest.mark.parametrize("name", class_names("metrics"))
def test_the_name_and_the_direction_of_a_metric_are_those_of_keras(name: str) -> None:
    spec = Spec(name=name, arguments=METRIC_ARGUMENTS.get(name, {}))
    metric = getattr(keras.metrics, name)(**spec.arguments)
    numbered = rf"{re.escape(metric_name(spec))}(_\d+)?"  # the second AUC of a process is auc_1
    assert re.fullmatch(numbered, metric.name)
    assert metric_direction(spec) == getattr(metric, "_direction", None)


@pytest.mark.parametrize("name", augmentations())
def test_an_augmentation_leaves_pictures_alone_in_prediction(name: str) -> None:
    given: dict[str, Any] = {
        argument: 0.2
        for argument, default in signature("layers", name).arguments.items()
        if default is REQUIRED
    }
    given |= {
        "RandomPosterization": {"factor": 4},
        "Pipeline": {"layers": [keras.layers.RandomFlip()]},
    }.get(name, {})
    shape = {"SpatialDropout1D": (2, 8, 3), "SpatialDropout3D": (2, 8, 8, 8, 3)}
    pictures = np.random.default_rng(0).uniform(0, 255, shape.get(name, (2, 8, 8, 3)))
    pictures = pictures.astype(np.float32)
    made = getattr(keras.layers, name)(**given)
    assert np.array_equal(np.asarray(made(pictures, training=False)), pictures)


@pytest.mark.parametrize(
    "written",
    ["AutoContrast", "CenterCrop: {height: 4, width: 4}", "Resizing: {height: 4, width: 4}"],
)
def test_what_is_refused_as_an_augmentation_does_change_pictures_in_prediction(
    written: str,
) -> None:
    text = f"{DATA}model:\n  layers:\n    - {written}\n"
    spec = load(text).config.model.layers[0]
    pictures = np.random.default_rng(0).uniform(50, 200, (2, 8, 8, 3)).astype(np.float32)
    made = np.asarray(getattr(keras.layers, spec.name)(**spec.arguments)(pictures, training=False))
    assert made.shape != pictures.shape or not np.allclose(made, pictures)


def test_the_hooks_are_those_of_keras() -> None:
    hooks = {name for name in dir(keras.callbacks.Callback) if name.startswith("on_")}
    assert {name for name in methods("callbacks", "Callback") if name.startswith("on_")} == hooks


def test_every_activation_is_known_to_layers() -> None:
    for name in exports("activations"):
        if name not in ("get", "serialize", "deserialize"):
            text = MODEL.replace("Flatten", f"{{Activation: {name}}}")
            assert load(DATA + text).config.model.layers[0].arguments == {"activation": name}
            keras.layers.Activation(name)
