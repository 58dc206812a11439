"""Pretrained networks: how a config names one, what follows from it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.backbone import LITE, Backbone, default_image_size, network_names
from imgclf.config.fine_tune import FineTune
from imgclf.config.keras_signatures import applications
from imgclf.config.load import config_from_values
from imgclf.config.network import declared_network
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError
from tests.support.config_texts import DATA, SMALLEST, load, problem, problems

LITE0 = f"{DATA}model: {{backbone: EfficientNetLite0}}\n"
FLIP = Spec(name="RandomFlip", arguments={"mode": "horizontal"})


def backbone(written: str) -> Backbone | None:
    return load(f"{DATA}model: {{backbone: {written}}}\n").config.model.backbone


def with_fine_tune(written: str, more: str = "") -> str:
    return f"{LITE0}training:\n  fine_tune: {written}\n{more}"


@pytest.mark.slow  # imports Keras
def test_the_names_are_those_of_keras_and_the_sizes_are_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from keras.src.applications import imagenet_utils

    from imgclf.backend import keras

    class Asked(Exception):  # noqa: N818
        pass

    def ask(*_: object, default_size: int, **__: object) -> None:
        raise Asked(default_size)

    public = {name: one for name, one in vars(keras.applications).items() if name[0].isupper()}
    assert set(applications()) == set(public)
    assert len(public) > 30
    monkeypatch.setattr(imagenet_utils, "obtain_input_shape", ask)
    for name, build in public.items():
        if name.startswith("MobileNetV3"):
            # It asks for none; its weights are called large_224_1.0_float.
            assert default_image_size(name) == 224
            continue
        with pytest.raises(Asked) as caught:
            build(weights=None)
        assert default_image_size(name) == caught.value.args[0], name


def test_ours_are_as_large_as_they_were_trained() -> None:
    assert [default_image_size(name) for name in LITE] == [224, 240, 260]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("EfficientNetLite0", Backbone(name="EfficientNetLite0")),
        ("{EfficientNetLite2: }", Backbone(name="EfficientNetLite2")),
        ("{MobileNetV2: {weights: imagenet}}", Backbone(name="MobileNetV2")),
        ("{MobileNetV2: {}}", Backbone(name="MobileNetV2")),
        ("{MobileNetV2: none}", Backbone(name="MobileNetV2", weights="none")),
        ("{MobileNetV2: {weights: none}}", Backbone(name="MobileNetV2", weights="none")),
        ("{MobileNetV2: {weights: null}}", Backbone(name="MobileNetV2", weights="none")),
        ("none", None),
        ("null", None),
    ],
)
def test_the_ways_to_write_a_backbone(written: str, expected: Backbone | None) -> None:
    text = f"{DATA}model: {{backbone: {written}, layers: [Flatten]}}\n"
    assert load(text).config.model.backbone == expected


def test_every_network_that_is_known_by_name_can_be_named() -> None:
    for name in network_names():
        assert backbone(name) == Backbone(name=name)


def test_files_are_backbones_and_weights(in_folder: Path) -> None:
    Path("models").mkdir()
    for file in ("models/other.keras", "2024.keras", "mine.weights.h5"):
        Path(file).touch()
    assert backbone("models/other.keras") == Backbone(name="models/other.keras")
    assert backbone("2024.keras") == Backbone(name="2024.keras")
    weights = backbone("{Xception: {weights: mine.weights.h5}}")
    assert weights == Backbone(name="Xception", weights="mine.weights.h5")
    assert weights.written() == {"Xception": {"weights": "mine.weights.h5"}}
    assert [one and one.own_file for one in (backbone("2024.keras"), weights)] == [
        *("2024.keras", "mine.weights.h5")
    ]
    assert Backbone(name="Xception").own_file is None


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("efficientnetlite0", "EfficientNetLite0"),
        ("EfficientNetLite", "EfficientNetLite0"),
        ("EfficientNet-Lite0", "EfficientNetLite0"),
        ("EfficientNetLite4", "EfficientNetLite2"),
        ("efficientnet_lite1", "EfficientNetLite1"),
        ("mobilenet_v2", "MobileNetV2"),
        ("MobilNetV2", "MobileNetV2"),
        ("resnet-50", "ResNet50"),
        ("EfficientNet-B0", "EfficientNetB0"),
        ("ResNet", "ResNet50"),
        ("whatever", None),
    ],
)
def test_a_name_that_is_none_is_led_to_the_right_one(written: str, nearest: str | None) -> None:
    found = problem(f"{DATA}model:\n  backbone: {written}\n")
    assert (found.line, found.key) == (3, "model.backbone")
    assert found.message == "there is no pretrained network of this name"
    assert (found.received, found.nearest) == (written, nearest)
    assert found.allowed == (
        "EfficientNetLite0 to 2, any network of keras.applications, or a file ending in .keras"
    )


@pytest.mark.parametrize(
    ("written", "key", "message", "received", "allowed"),
    [
        ("3", "", "a pretrained network is expected here", "3", "EfficientNetLite0, or "),
        ("[Xception]", "", "a pretrained network is expected here", "[Xception]", "Efficient"),
        (
            "{name: Xception, weights: none}",
            "",
            "a pretrained network is expected here",
            "{name: Xception, weights: none}",
            "EfficientNetLite0, or EfficientNetLite0: {weights: ...}",
        ),
        ("models/a.h5", "", "the file of a model ends in .keras", "models/a.h5", "EfficientNet"),
        (
            "{Xception: {include_top: no}}",
            ".include_top",
            "Xception has no argument include_top",
            "include_top",
            "weights",
        ),
        (
            "{Xception: {weights: 3}}",
            ".weights",
            "there is no file 3",
            "3",
            "imagenet, none, the path of a file",
        ),
        (
            "{Xception: {weights: [a]}}",
            ".weights",
            "Xception can't take this weights",
            "[a]",
            "imagenet, none, or a file",
        ),
    ],
)
def test_backbones_that_are_refused(
    written: str, key: str, message: str, received: str, allowed: str
) -> None:
    found = problem(f"{DATA}model:\n  backbone: {written}\n")
    assert (found.line, found.key, found.message) == (3, f"model.backbone{key}", message)
    assert found.received == received
    assert found.allowed is not None and found.allowed.startswith(allowed)


def test_a_model_file_has_weights_of_its_own(in_folder: Path) -> None:
    Path("other.keras").touch()
    found = problem(f"{DATA}model:\n  backbone: {{other.keras: {{weights: none}}}}\n")
    assert (found.line, found.key) == (3, "model.backbone.weights")
    assert found.message == "a model file has weights of its own"
    assert found.allowed == "other.keras"


def test_files_that_are_not_here_are_refused_with_the_nearest(in_folder: Path) -> None:
    Path("models").mkdir()
    for file in ("models/other.keras", "pretrained.h5"):
        Path(file).touch()
    for written, key, nearest in (
        ("models/othr.keras", "", "models/other.keras"),
        ("{Xception: {weights: pretrain.h5}}", ".weights", "pretrained.h5"),
        ("{Xception: {weights: imagnet}}", ".weights", "imagenet"),
        (f"{'x' * 999}.keras", "", None),
    ):
        found = problem(f"{DATA}model:\n  backbone: {written}\n")
        assert (found.line, found.key) == (3, f"model.backbone{key}")
        assert found.message.startswith("there is no file ")
        assert found.nearest == nearest


def test_a_stored_config_is_not_asked_for_its_files() -> None:
    values = load(LITE0).config.written()
    for stored in ("models/gone.keras", {"Xception": {"weights": "gone.h5"}}):
        values["model"]["backbone"] = stored
        read = config_from_values(values, Path("models/pets.keras")).config
        assert read.written() == values


def test_what_follows_from_a_backbone_stands_in_the_resolved_config() -> None:
    config = load(LITE0).config
    assert (config.data.image_size, config.augmentation) == ((224, 224), ())
    assert (config.model.layers, config.training.fine_tune) == ((), None)
    assert load(LITE0.replace("Lite0", "Lite1")).config.data.image_size == (240, 240)
    assert load(LITE0.replace("EfficientNetLite0", "Xception")).config.data.image_size == (299, 299)
    resolved = load(LITE0).resolved_yaml()
    assert "  image_size: [224, 224]\n" in resolved
    assert "augmentation: []\n" in resolved
    assert "  backbone: EfficientNetLite0\n  layers: []\n" in resolved


def test_what_is_fine_tuned_is_varied_more() -> None:
    assert load(with_fine_tune("8")).config.augmentation == (
        FLIP,
        Spec(name="RandomZoom", arguments={"height_factor": [-0.24, 0]}),
        Spec(name="RandomTranslation", arguments={"height_factor": 0.1, "width_factor": 0.1}),
        Spec(name="RandomBrightness", arguments={"factor": 0.2}),
        Spec(name="RandomContrast", arguments={"factor": 0.2}),
    )


@pytest.mark.parametrize("text", [LITE0, with_fine_tune("8")])
def test_what_is_given_is_left_as_it_is(text: str) -> None:
    config = load(text, "data.image_size=96", "augmentation=[RandomRotation: 0.1]").config
    assert config.data.image_size == (96, 96)
    assert config.augmentation == (Spec(name="RandomRotation", arguments={"factor": 0.1}),)
    for none in ("augmentation: none\n", "augmentation: []\n", "augmentation:\n  # - RandomFlip\n"):
        assert load(text + none).config.augmentation == ()


def test_a_model_file_says_its_size_only_when_it_is_opened(in_folder: Path) -> None:
    Path("other.keras").touch()
    config = load(f"{DATA}model: {{backbone: other.keras}}\n").config
    assert (config.data.image_size, config.augmentation) == ((180, 180), ())


@pytest.mark.parametrize("text", [LITE0, with_fine_tune("{from: '12', epochs: 3}"), SMALLEST])
def test_a_resolved_config_is_read_back_as_it_was(text: str) -> None:
    config = load(text).config
    assert load(load(text).resolved_yaml()).config == config
    assert config_from_values(config.written(), Path("pets.keras")).config == config


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("8", FineTune(epochs=8, learning_rate=3e-4, from_="all")),
        ("{}", FineTune()),
        ("5", FineTune(epochs=5)),
        ("{epochs: 5}", FineTune(epochs=5)),
        ("{learning_rate: 1e-3, from: 40}", FineTune(learning_rate=1e-3, from_=40)),
        ("{learning_rate: 1}", FineTune(learning_rate=1.0)),
        ("{from: block5a_expand}", FineTune(from_="block5a_expand")),
        ("{from: all}", FineTune()),
        ("none", None),
        ("null", None),
        ("off", None),
    ],
)
def test_the_ways_to_write_how_it_is_fine_tuned(written: str, expected: FineTune | None) -> None:
    assert load(with_fine_tune(written)).config.training.fine_tune == expected


@pytest.mark.parametrize(
    ("written", "key", "message", "allowed"),
    [
        ("0", "", "this can't be used", "{epochs: 8, learning_rate: 3e-4, from: all}, a number"),
        ("yes", "", "this can't be used", "{epochs: 8, learning_rate: 3e-4, from: all}, a number"),
        ("all", "", "this can't be used", "{epochs: 8, learning_rate: 3e-4, from: all}, a number"),
        ("[8]", "", "this can't be used", "{epochs: 8, learning_rate: 3e-4, from: all}, a number"),
        ("{epochs: 0}", ".epochs", "fine_tune can't take this epochs", "a whole number from 1 to"),
        ("{epochs: }", ".epochs", "fine_tune can't take this epochs", "a whole number from 1 to"),
        (
            '{epochs: "8"}',
            ".epochs",
            "fine_tune can't take this epochs; a number is written without quotes",
            "a whole number from 1 to",
        ),
        (
            "{learning_rate: 0}",
            ".learning_rate",
            "fine_tune can't take this learning_rate",
            "a number, above 0",
        ),
        ("{from: 0}", ".from", "fine_tune can't take this from", "all, the name of a layer, or"),
        ("{from: 1.5}", ".from", "fine_tune can't take this from", "all, the name of a layer, or"),
        ("{rate: 3}", ".rate", "fine_tune has no argument rate", "epochs, from, global_"),
    ],
)
def test_fine_tunings_that_are_refused(written: str, key: str, message: str, allowed: str) -> None:
    found = problem(with_fine_tune(written))
    assert (found.line, found.key, found.message) == (4, f"training.fine_tune{key}", message)
    assert found.received
    assert found.allowed is not None and found.allowed.startswith(allowed)


def test_only_what_is_pretrained_can_be_fine_tuned() -> None:
    found = problem(f"{SMALLEST}training:\n  fine_tune: 8\n")
    assert (found.line, found.key) == (4, "training.fine_tune")
    assert "only a pretrained network can be fine-tuned" in found.message
    assert found.allowed == "model.backbone: EfficientNetLite0, or training.fine_tune: none"
    # A backbone that is refused is one that was meant.
    (refused,) = problems(f"{DATA}model: {{backbone: Xcption}}\ntraining: {{fine_tune: 8}}\n")
    assert refused.key == "model.backbone"


@pytest.mark.parametrize(
    "loss",
    [
        "null",
        "crossentropy",
        "binary_crossentropy",
        "CategoricalCrossentropy: {label_smoothing: 0.2}",
        "SparseCategoricalCrossentropy",
    ],
)
def test_losses_whose_labels_can_be_smoothed_fit_fine_tuning(loss: str) -> None:
    written = f"{{{loss}}}" if ": " in loss else loss
    assert load(with_fine_tune("8", f"  loss: {written}\n")).config.training.fine_tune


@pytest.mark.parametrize("loss", ["mse", "CategoricalHinge"])
def test_other_losses_are_refused_with_fine_tuning_only(loss: str) -> None:
    found = problem(with_fine_tune("8", f"  loss: {loss}\n"))
    assert (found.line, found.key) == (5, "training.loss")
    assert "training.fine_tune smooths the labels, which" in found.message
    assert found.allowed == (
        "BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, "
        "BinaryFocalCrossentropy, CategoricalFocalCrossentropy, or training.label_smoothing: 0"
    )
    assert load(with_fine_tune("none", f"  loss: {loss}\n"))
    assert load(with_fine_tune("8", f"  loss: {loss}\n  label_smoothing: 0\n"))


def test_the_log_of_what_is_fine_tuned_has_a_column_that_no_metric_can_have() -> None:
    metrics = "  metrics: [accuracy, {AUC: {name: phase}}]\n"
    found = problem(with_fine_tune("8", metrics))
    assert (found.line, found.key) == (5, "training.metrics.1")
    assert found.message == "another column of the log is called phase; give this one a name"
    assert load(with_fine_tune("none", metrics))


@pytest.mark.parametrize(
    "layer", ["Rescaling: 1/255", "Conv2D: {filters: 3, kernel_size: 3}", "MaxPooling2D"]
)
def test_layers_for_pictures_are_none_for_features(layer: str) -> None:
    text = f"{DATA}model:\n  backbone: Xception\n  layers:\n    - Dropout: 0.2\n    - {layer}\n"
    found = problem(text)
    name = layer.partition(":")[0]
    assert (found.line, found.key, found.received) == (6, "model.layers.1", name)
    assert found.message == (
        f"{name} works on pictures, and the layers here get the features of model.backbone: "
        "leave it out"
    )


def test_whoever_gives_features_a_shape_may_use_it() -> None:
    layers = "[{Reshape: [40, 32]}, {Conv1D: {filters: 3, kernel_size: 3}}]"
    assert load(f"{DATA}model: {{backbone: Xception, layers: {layers}}}\n")


@pytest.mark.parametrize("model", ["{}", "{backbone: none}", "{output: Dense}"])
def test_without_a_backbone_there_must_be_layers(model: str) -> None:
    found = problem(f"{DATA}model: {model}\n")
    assert (found.line, found.key) == (2, "model.layers")
    assert found.message == "this key is required"
    found = problem(f"{DATA}model: {{backbone: none, layers: []}}\n")
    assert (found.line, found.key, found.message) == (2, "model.layers", "this can't be used")


def overridden(text: str, *overrides: str) -> Config:
    return load(text, *overrides).config


def test_both_can_be_set_on_the_command_line() -> None:
    config = overridden(LITE0, "model.backbone=MobileNetV2", "model.backbone.weights=none")
    assert config.model.backbone == Backbone(name="MobileNetV2", weights="none")
    config = overridden(LITE0, "model.backbone.EfficientNetLite0.weights=none")
    assert config.model.backbone == Backbone(name="EfficientNetLite0", weights="none")
    config = overridden(SMALLEST, "model.backbone=Xception", "model.layers=[]")
    assert (config.model.backbone, config.data.image_size) == (
        *(Backbone(name="Xception"), (299, 299)),
    )
    again = ["model.backbone={Xception: {weights: none}}", "model.backbone.weights=imagenet"]
    assert overridden(LITE0, *again).model.backbone == Backbone(name="Xception")
    for overrides, expected in (
        (["training.fine_tune=4"], FineTune(epochs=4)),
        (["training.fine_tune.from=40"], FineTune(from_=40)),
        (["training.fine_tune=4", "training.fine_tune.from=40"], FineTune(epochs=4, from_=40)),
        (["training.fine_tune.epochs=4", "training.fine_tune=none"], None),
        (["training.fine_tune=none", "training.fine_tune.epochs=4"], FineTune(epochs=4)),
    ):
        assert overridden(LITE0, *overrides).training.fine_tune == expected


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model.backbone.weights=none",
            "there is no backbone to change; name one first: --set model.backbone=NAME",
        ),
        ("training.fine_tune.epoch=3", "fine_tune has no argument epoch"),
    ],
)
@pytest.mark.parametrize("text", [SMALLEST, f"{DATA}model: {{backbone: none, layers: [Flatten]}}"])
def test_what_the_command_line_can_not_change(text: str, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, override)
    assert message in [one.message for one in caught.value.problems]
    assert override in str(caught.value)


def test_a_backbone_has_nothing_but_weights_to_change() -> None:
    assert problem(LITE0, "model.backbone.weight=none").nearest == "weights"
    found = problem(LITE0, "model.backbone.weights.x=none")
    assert found.message == "there is no x to change in model.backbone"


def test_a_network_is_known_by_its_backbone_if_it_has_one() -> None:
    without = declared_network(load(SMALLEST), 2)
    assert without.backbone is None
    assert "backbone" not in without.written()
    network = declared_network(load(LITE0), 2)
    assert network.backbone == Backbone(name="EfficientNetLite0")
    assert network.written()["backbone"] == "EfficientNetLite0"


def test_several_devices_can_train_on_a_backbone() -> None:
    distributed = "  distribution: data_parallel\n"
    assert load(with_fine_tune("8", distributed)).config.training.distribution == "data_parallel"
