"""Label smoothing, averages of weights, clipped gradients and focal losses, as a config says."""

from __future__ import annotations

import pytest

from imgclf.config.ema import Ema
from imgclf.config.load import parse_config
from imgclf.config.network import declared_network
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError
from imgclf.runs.fingerprint import config_fingerprint
from tests.support.config_texts import SMALLEST, load, problem

BACKBONE = "data: {directory: dataset}\nmodel: {backbone: EfficientNetLite0}\n"


def training(keys: str) -> str:
    return f"{SMALLEST}training: {{{keys}}}\n"


def test_label_smoothing_is_a_part_of_the_label() -> None:
    assert load(training("label_smoothing: 0.1")).config.training.label_smoothing == 0.1
    for wrong in ("1", "-0.1", "true"):
        found = problem(training(f"label_smoothing: {wrong}"))
        assert found.allowed == "a number from 0 to below 1, or null"


def test_labels_are_smoothed_in_one_place() -> None:
    loss = "loss: {CategoricalCrossentropy: {label_smoothing: 0.2}}"
    found = problem(training(f"label_smoothing: 0.1, {loss}"))
    assert (found.key, found.received) == ("training.loss.label_smoothing", "0.2")
    found = problem(training("label_smoothing: 0.1, loss: mse"))
    assert found.key == "training.label_smoothing"
    assert "MeanSquaredError has no room" in found.message
    assert load(training("label_smoothing: 0.1, loss: crossentropy"))


@pytest.mark.parametrize(
    ("text", "ema"),
    [
        ("true", Ema(momentum=0.99)),
        ("yes", Ema(momentum=0.99)),
        ("{momentum: 0.9}", Ema(momentum=0.9)),
        ("false", None),
        ("none", None),
    ],
)
def test_averages_of_the_weights_are_one_key(text: str, ema: Ema | None) -> None:
    loaded = load(training(f"ema: {text}"))
    assert loaded.config.training.ema == ema
    assert parse_config(loaded.resolved_yaml(), loaded.file.path).config == loaded.config
    plain = config_fingerprint(load(SMALLEST).config)
    assert (config_fingerprint(loaded.config) == plain) == (ema is None)


def test_the_optimizer_keeps_the_averages() -> None:
    def optimizer(text: str) -> Spec:
        return declared_network(load(training(f"ema: {{momentum: 0.9}}{text}")), 2).optimizer

    kept = {"use_ema": True, "ema_momentum": 0.9}
    assert optimizer("") == Spec(name="Adam", arguments=kept)
    assert optimizer(", optimizer: {SGD: {momentum: 0.5}}") == Spec(
        name="SGD", arguments={"momentum": 0.5, **kept}
    )
    inner = optimizer(", optimizer: {LossScaleOptimizer: {inner_optimizer: Adam}}")
    assert inner.arguments == {"inner_optimizer": Spec(name="Adam", arguments=kept)}


def test_momentum_is_a_number_between_0_and_1() -> None:
    found = problem(training("ema: {momentum: 1}"))
    assert (found.key, found.allowed) == (
        "training.ema.momentum",
        "a number, above 0 and below 1",
    )
    assert problem(training("ema: {momentun: 0.9}")).nearest == "momentum"
    assert problem(training("ema: often")).allowed == "true, {momentum: 0.99}, or null"


def test_averages_are_asked_for_once() -> None:
    found = problem(training("ema: true, optimizer: {Adam: {use_ema: true}}"))
    assert (found.key, found.received) == ("training.optimizer.use_ema", "true")
    found = problem(training("ema: true") + "callbacks: [SwapEMAWeights]\n")
    assert (found.key, found.line) == ("callbacks.0", 4)


def test_gradients_are_clipped_by_the_optimizers_own_arguments() -> None:
    for argument in ("clipnorm", "global_clipnorm", "clipvalue"):
        text = training(f"optimizer: {{Adam: {{{argument}: 1.5}}}}")
        assert declared_network(load(text), 2).optimizer.arguments == {argument: 1.5}
    tuned = f"{BACKBONE}training: {{fine_tune: {{epochs: 2, global_clipnorm: 1}}}}\n"
    loaded = load(tuned)
    fine_tune = loaded.config.training.fine_tune
    assert fine_tune is not None and fine_tune.global_clipnorm == 1
    assert parse_config(loaded.resolved_yaml(), loaded.file.path).config == loaded.config
    assert problem(tuned.replace("norm: 1", "norm: 0")).key.endswith("fine_tune.global_clipnorm")
    plain = load(f"{BACKBONE}training: {{fine_tune: 2}}\n").config.training.fine_tune
    assert plain is not None and "global_clipnorm" not in plain.written()


def test_a_focal_loss_has_the_labels_that_it_wants() -> None:
    binary = declared_network(load(training("loss: {BinaryFocalCrossentropy: {gamma: 3}}")), 2)
    assert (binary.head.label_mode, binary.head.output.arguments["units"]) == ("binary", 1)
    several = load(training("loss: {CategoricalFocalCrossentropy: {alpha: [0.2, 0.3, 0.5]}}"))
    assert declared_network(several, 3).head.label_mode == "categorical"


@pytest.mark.parametrize(
    ("loss", "classes", "message"),
    [
        ("BinaryFocalCrossentropy: {alpha: 0.3}", 2, "nothing without apply_class_balancing"),
        (
            "BinaryFocalCrossentropy: {apply_class_balancing: true, alpha: [0.3, 0.7]}",
            2,
            "the weight of the second class",
        ),
        ("CategoricalFocalCrossentropy: {alpha: [0.3, 0.7]}", 3, "there are 3 classes"),
    ],
)
def test_weights_in_a_focal_loss_that_would_do_nothing_or_else(
    loss: str, classes: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        declared_network(load(training(f"loss: {{{loss}}}")), classes)
    assert caught.value.problems[0].key == "training.loss.alpha"
