from __future__ import annotations

import json

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.keras_names import class_names
from imgclf.config.keras_signatures import Kind
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.errors import ConfigError
from imgclf.model.keras_objects import make
from tests.support.config_texts import CONFIGS, DATA, SMALLEST, load


def make_layer(written: str) -> keras.layers.Layer:
    loaded = load(f"{DATA}model:\n  layers:\n    - {written}\n")
    return make("layers", loaded.config.model.layers[0], "model.layers.0", loaded.file)


@pytest.mark.parametrize("name", ["catdog", "clothing", "every_callback"])
def test_the_configs_that_come_with_imgclf_become_networks_that_keras_saves(name: str) -> None:
    loaded = load_config(CONFIGS / f"{name}.yaml", ["data.image_size=32"])
    head = declared_network(loaded, 10 if name == "clothing" else 2).head
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for section, specs in (
        ("augmentation", loaded.config.augmentation),
        ("model.layers", loaded.config.model.layers),
    ):
        for index, spec in enumerate(specs):
            model.add(make("layers", spec, f"{section}.{index}", loaded.file))
    model.add(make("layers", head.output, "model.output", loaded.file))
    metrics = [
        make("metrics", spec, f"training.metrics.{i}", loaded.file)
        for i, spec in enumerate(loaded.config.training.metrics)
    ]
    model.compile(
        make("optimizers", loaded.config.training.optimizer, "training.optimizer", loaded.file),
        make("losses", head.loss, "training.loss", loaded.file),
        metrics=metrics,
        run_eagerly=True,  # no graph to build for one step
    )
    pictures = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    labels = {
        "binary": np.array([[0.0], [1.0], [1.0], [0.0]], np.float32),
        "int": np.array([1, 2, 3, 9]),
        "categorical": np.eye(10, dtype=np.float32)[[1, 2, 3, 9]],
    }[head.label_mode]
    assert np.isfinite(model.train_on_batch(pictures, labels)).all()
    assert json.loads(model.to_json())["config"]["layers"]


def test_objects_inside_of_arguments_are_made_first() -> None:
    layer = make_layer(
        "TimeDistributed: {Dense: {units: 3, kernel_regularizer: {L1L2: {l1: 0.1, l2: 0.2}}, "
        "kernel_initializer: {Constant: 2}, bias_constraint: non_neg}}"
    )
    inner = layer.layer
    assert (float(inner.kernel_regularizer.l1), float(inner.kernel_regularizer.l2)) == (
        pytest.approx(0.1),
        pytest.approx(0.2),
    )
    assert inner.kernel_initializer.value == 2
    assert isinstance(inner.bias_constraint, keras.constraints.NonNeg)


def test_lists_of_layers_become_layers() -> None:
    layer = make_layer("Pipeline: [{RandomFlip: vertical}, {RandomZoom: [0.1, 0.2]}]")
    flip, zoom = layer.layers
    assert flip.mode == "vertical"
    assert (zoom.height_lower, zoom.height_upper) == (0.1, 0.2)


def test_an_optimizer_takes_its_schedule_and_its_inner_optimizer() -> None:
    loaded = load(
        SMALLEST + "training:\n  optimizer:\n    LossScaleOptimizer:\n      inner_optimizer:\n"
        "        SGD: {learning_rate: {ExponentialDecay: {initial_learning_rate: 0.5, "
        "decay_steps: 10, decay_rate: 0.9}}, momentum: 0.25}\n"
    )
    made = make("optimizers", loaded.config.training.optimizer, "training.optimizer", loaded.file)
    assert isinstance(made, keras.optimizers.LossScaleOptimizer)
    assert made.inner_optimizer.momentum == 0.25
    assert float(made.inner_optimizer.learning_rate) == 0.5


def test_metrics_keep_the_names_that_monitors_were_checked_against_however_often_made() -> None:
    loaded = load(SMALLEST + "training: {metrics: [acc, AUC, mae, {Precision: {name: hits}}]}\n")
    for _ in range(2):
        metrics = [make("metrics", s, "x", loaded.file) for s in loaded.config.training.metrics]
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy", metrics=metrics, run_eagerly=True)
        labels = np.array([[0.0], [1.0]], np.float32)
        logs = model.evaluate(np.ones((2, 4), np.float32), labels, verbose=0, return_dict=True)
        assert set(logs) == {"loss", "acc", "auc", "mae", "hits"}


@pytest.mark.parametrize(
    ("written", "key", "words"),
    [
        ("Conv2D: {filters: 3, kernel_size: 3, groups: 2}", "model.layers.0", "groups"),
        ("Conv2D: {filters: 3, kernel_size: [3, 3, 3]}", "model.layers.0", "kernel_size"),
        ("Conv2D: {filters: 3, kernel_size: 3, padding: causal}", "model.layers.0", "causal"),
        ("Dense: {units: 3, dtype: float33}", "model.layers.0", "float33"),
        (
            "TimeDistributed: {Conv2D: {filters: 3, kernel_size: 3, groups: 2}}",
            "model.layers.0.layer",
            "groups",
        ),
        (
            "Pipeline: [RandomFlip, {RandomTranslation: {height_factor: 3, width_factor: 0.1}}]",
            "model.layers.0.layers.1",
            "factor",
        ),
    ],
)
def test_what_only_keras_can_refuse_is_a_config_error_with_its_line(
    written: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_layer(written)
    (found,) = caught.value.problems
    assert (found.line, found.key) == (4, key)
    assert found.message.startswith("Keras can't make this ")
    assert words in found.message


CLASSES = np.random.default_rng(0).integers(0, 3, 12)
LABELS = {
    "binary": (CLASSES > 0).astype(np.float32)[:, np.newaxis],
    "int": CLASSES,
    "categorical": np.eye(3, dtype=np.float32)[CLASSES],
}
SOFTMAX = np.random.default_rng(1).dirichlet(np.ones(3), 12).astype(np.float32)
OUTPUTS = {"binary": SOFTMAX[:, :1], "int": SOFTMAX, "categorical": SOFTMAX}
CLASSES_OF = {"binary": 2, "int": 3, "categorical": 3}
ARGUMENTS = {
    "IoU": "num_classes: 3, target_class_ids: [0], sparse_y_pred: false",
    "OneHotIoU": "num_classes: 3, target_class_ids: [0]",
    "MeanIoU": "num_classes: 3, sparse_y_pred: false",
    "OneHotMeanIoU": "num_classes: 3",
    "PrecisionAtRecall": "recall: 0.5",
    "RecallAtPrecision": "precision: 0.5",
    "SensitivityAtSpecificity": "specificity: 0.5",
    "SpecificityAtSensitivity": "sensitivity: 0.5",
    "SparseTopKCategoricalAccuracy": "k: 2",
    "TopKCategoricalAccuracy": "k: 2",
    "F1Score": "threshold: 0.5",
    "FBetaScore": "threshold: 0.5",
}


@pytest.mark.parametrize("mode", CLASSES_OF)
@pytest.mark.parametrize("kind", ["losses", "metrics"])
def test_whatever_loss_or_metric_is_taken_can_be_computed(kind: Kind, mode: str) -> None:
    section = {"losses": "loss", "metrics": "metrics"}[kind]
    taken = 0
    for name in class_names(kind):
        loaded = load(
            SMALLEST + f"training: {{{section}: {{{name}: {{{ARGUMENTS.get(name, '')}}}}}}}\n"
        )
        try:
            head = declared_network(loaded, CLASSES_OF[mode]).head
        except ConfigError:
            continue
        if head.label_mode != mode:
            continue
        labels, outputs = LABELS[mode], OUTPUTS[mode]
        if kind == "losses":
            value = make(kind, head.loss, "training.loss", loaded.file)(labels, outputs)
        else:
            metric = make(
                kind, loaded.config.training.metrics[0], "training.metrics.0", loaded.file
            )
            metric.update_state(labels, outputs)
            value = metric.result()
        assert np.isfinite(np.asarray(value)).all(), name
        taken += 1
    assert taken >= 2
