from __future__ import annotations

import pytest

from imgclf.config.keras_names import class_names
from imgclf.config.label_modes import _LOSS_LABELS, _METRIC_LABELS
from imgclf.config.network import declared_network
from imgclf.config.output_head import Head
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError, Problem
from tests.support.config_texts import DATA, SMALLEST, load


def head(classes: int, training: str = "", output: str = "null") -> Head:
    text = f"{DATA}model:\n  layers: [Flatten]\n  output: {output}\ntraining: {{{training}}}\n"
    return declared_network(load(text), classes).head


def refused(classes: int, training: str = "", output: str = "null") -> Problem:
    with pytest.raises(ConfigError) as caught:
        head(classes, training, output)
    (found,) = caught.value.problems
    return found


def dense(units: int, activation: str) -> Spec:
    return Spec(name="Dense", arguments={"units": units, "activation": activation})


def test_two_classes_get_one_sigmoid_unit_and_binary_cross_entropy() -> None:
    assert declared_network(load(SMALLEST), 2).head == (
        dense(1, "sigmoid"),
        Spec(name="BinaryCrossentropy"),
        "binary",
    )


@pytest.mark.parametrize("classes", [3, 10, 1000])
def test_more_classes_get_a_softmax_unit_each(classes: int) -> None:
    expected = (dense(classes, "softmax"), Spec(name="SparseCategoricalCrossentropy"), "int")
    assert declared_network(load(SMALLEST), classes).head == expected


@pytest.mark.parametrize(
    ("classes", "training", "output", "expected"),
    [
        (
            2,
            "",
            "{Dense: {units: 2, activation: softmax}}",
            (dense(2, "softmax"), "SparseCategoricalCrossentropy", "int"),
        ),
        (
            2,
            "loss: sparse_categorical_crossentropy",
            "null",
            (dense(2, "softmax"), "SparseCategoricalCrossentropy", "int"),
        ),
        (
            2,
            "loss: sparse_categorical_crossentropy",
            "{Dense: {units: 2, activation: softmax}}",
            (dense(2, "softmax"), "SparseCategoricalCrossentropy", "int"),
        ),
        (
            2,
            "loss: binary_focal_crossentropy",
            "null",
            (dense(1, "sigmoid"), "BinaryFocalCrossentropy", "binary"),
        ),
        (2, "loss: mse", "null", (dense(1, "sigmoid"), "MeanSquaredError", "binary")),
        (3, "loss: mse", "null", (dense(3, "softmax"), "MeanSquaredError", "categorical")),
        (
            3,
            "loss: categorical_crossentropy",
            "null",
            (dense(3, "softmax"), "CategoricalCrossentropy", "categorical"),
        ),
        (
            3,
            "loss: crossentropy",
            "null",
            (dense(3, "softmax"), "SparseCategoricalCrossentropy", "int"),
        ),
        (
            3,
            "metrics: [accuracy, Precision]",
            "null",
            (dense(3, "softmax"), "CategoricalCrossentropy", "categorical"),
        ),
        (
            2,
            "metrics: [AUC, Precision, Recall]",
            "null",
            (dense(1, "sigmoid"), "BinaryCrossentropy", "binary"),
        ),
        (
            2,
            "metrics: [SparseCategoricalAccuracy]",
            "null",
            (dense(2, "softmax"), "SparseCategoricalCrossentropy", "int"),
        ),
        (
            3,
            "metrics: [{TopKCategoricalAccuracy: {k: 2}}]",
            "null",
            (dense(3, "softmax"), "CategoricalCrossentropy", "categorical"),
        ),
    ],
)
def test_what_is_given_decides_what_is_left_open(
    classes: int, training: str, output: str, expected: tuple[Spec, str, str]
) -> None:
    found = head(classes, training, output)
    assert (found.output, found.loss.name, found.label_mode) == expected


@pytest.mark.parametrize(("classes", "units", "activation"), [(2, 1, "sigmoid"), (4, 4, "softmax")])
def test_an_output_may_leave_units_and_activation_to_the_classes(
    classes: int, units: int, activation: str
) -> None:
    found = head(classes, output="{Dense: {kernel_initializer: zeros}}")
    zeros = Spec(name="Zeros")
    arguments = {"kernel_initializer": zeros, "units": units, "activation": activation}
    assert found.output == Spec(name="Dense", arguments=arguments)


def test_the_arguments_of_a_loss_are_kept() -> None:
    loss = head(3, "loss: {CategoricalCrossentropy: {label_smoothing: 0.1}}").loss
    assert loss == Spec(name="CategoricalCrossentropy", arguments={"label_smoothing": 0.1})


@pytest.mark.parametrize(
    ("classes", "training", "output", "key", "message"),
    [
        (
            3,
            "",
            "{Dense: {units: 1, activation: sigmoid}}",
            "model.output",
            "a sigmoid decides between two classes, and there are 3",
        ),
        (
            3,
            "",
            "{Dense: {units: 4, activation: softmax}}",
            "model.output.units",
            "the output has 4 units, and there are 3 classes",
        ),
        (
            2,
            "",
            "{Dense: {units: 1, activation: softmax}}",
            "model.output",
            "a softmax over one unit is always 1",
        ),
        (
            2,
            "",
            "{Dense: {units: 2, activation: sigmoid}}",
            "model.output.units",
            "the output has 2 units, and there are 2 classes",
        ),
        (
            2,
            "",
            "{Dense: {units: 2, activation: linear}}",
            "model.output.activation",
            "the output must put out probabilities",
        ),
        (
            2,
            "",
            "Flatten",
            "model.output",
            "the output is a Dense layer; others go to the end of model.layers",
        ),
        (
            3,
            "loss: binary_crossentropy",
            "null",
            "training.loss",
            "BinaryCrossentropy does not fit an output of 3 softmax units",
        ),
        (
            2,
            "loss: categorical_crossentropy",
            "{Dense: {units: 1, activation: sigmoid}}",
            "training.loss",
            "CategoricalCrossentropy does not fit an output of 1 sigmoid unit",
        ),
        (
            2,
            "loss: {BinaryCrossentropy: {from_logits: true}}",
            "null",
            "training.loss.from_logits",
            "the output already ends in sigmoid, which from_logits would apply again",
        ),
        (
            3,
            "loss: CTC",
            "null",
            "training.loss",
            "CTC can't teach a classifier: it is for sequences",
        ),
        (
            2,
            "metrics: [Accuracy]",
            "null",
            "training.metrics.0",
            "Accuracy does not measure a classifier: it asks whether probabilities equal labels "
            "exactly; write `accuracy`",
        ),
        (
            3,
            "metrics: [accuracy, BinaryAccuracy]",
            "null",
            "training.metrics.1",
            "BinaryAccuracy needs labels of 0 and 1, and the output and the loss of these 3 "
            "classes need labels that are class numbers",
        ),
        (
            3,
            "metrics: [AUC], loss: sparse_categorical_crossentropy",
            "null",
            "training.metrics.0",
            "AUC needs labels of 0 and 1 or one-hot labels, and the output and the loss of these "
            "3 classes need labels that are class numbers",
        ),
        (
            2,
            "metrics: [F1Score]",
            "null",
            "training.metrics.0",
            "F1Score of one unit is always that of guessing yes; give it a threshold: 0.5",
        ),
        (
            3,
            "metrics: [SparseTopKCategoricalAccuracy]",
            "null",
            "training.metrics.0",
            "the best 5 of 3 classes are always right; lower k",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_line(
    classes: int, training: str, output: str, key: str, message: str
) -> None:
    found = refused(classes, training, output)
    assert (found.key, found.message) == (key, message)
    assert found.line == (5 if key.startswith("training") else 4)
    assert found.received


def test_losses_that_fit_are_listed() -> None:
    assert refused(3, "loss: hinge").allowed == (
        "SparseCategoricalCrossentropy, CategoricalGeneralizedCrossEntropy, "
        "CategoricalCrossentropy, CategoricalFocalCrossentropy, CategoricalHinge, KLDivergence, "
        "CosineSimilarity, MeanSquaredError, MeanAbsoluteError, MeanSquaredLogarithmicError, "
        "Huber, LogCosh, Poisson, Dice, Tversky"
    )


def test_all_metrics_that_do_not_fit_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        head(3, "metrics: [BinaryAccuracy, AUC, Accuracy]")
    keys = [found.key for found in caught.value.problems]
    assert keys == ["training.metrics.0", "training.metrics.1", "training.metrics.2"]


def test_every_loss_of_keras_has_its_labels_written_down() -> None:
    assert set(class_names("losses")) <= set(_LOSS_LABELS)
    assert set(_METRIC_LABELS) - {"accuracy", "acc"} <= set(class_names("metrics"))
