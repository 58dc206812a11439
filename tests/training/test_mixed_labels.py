"""Training on pictures that are part one class and part another."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from imgclf.config.network import declared_network
from imgclf.model.build import augmentation_layers, build_model, mixing_layers
from imgclf.training.mixed_labels import measure_by_larger_part
from tests.support.config_texts import DATA, SMALLEST, load, problem

TEXT = (
    "data: {directory: dataset, image_size: 8}\n"
    "augmentation: [{CutMix: 0.5}, {RandomFlip: horizontal}, MixUp]\n"
    "model: {layers: [Flatten]}\n"
)


def test_layers_that_mix_are_in_no_model() -> None:
    network = declared_network(load(TEXT), 2)
    assert [type(one).__name__ for one in augmentation_layers(network)] == ["RandomFlip"]
    assert [type(one).__name__ for one in mixing_layers(network)] == ["CutMix", "MixUp"]
    made = [type(one).__name__ for one in build_model(network).layers]
    assert made == ["InputLayer", "RandomFlip", "Flatten", "Dense"]


@pytest.mark.parametrize(
    ("classes", "mode", "loss"),
    [(2, "binary", "BinaryCrossentropy"), (3, "categorical", "CategoricalCrossentropy")],
)
def test_the_labels_and_the_loss_have_room_for_parts(classes: int, mode: str, loss: str) -> None:
    head = declared_network(load(TEXT), classes).head
    assert (head.label_mode, head.loss.name) == (mode, loss)


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (2, [[0.7], [0.2], [0.9], [0.4]]),
        (3, [[0.7, 0.3, 0], [0, 0.8, 0.2], [0.1, 0, 0.9], [0.4, 0.6, 0]]),
    ],
)
def test_a_picture_counts_as_what_most_of_it_is(classes: int, labels: Any) -> None:
    text = f"{TEXT}training: {{metrics: [accuracy, AUC], optimizer: {{SGD: 0.0}}}}\n".replace(
        "SGD: 0.0", "SGD: 1e-9"
    )
    network = declared_network(load(text), classes)
    soft = np.array(labels, np.float32)
    sure = np.round(soft) if classes == 2 else np.eye(3, dtype=np.float32)[soft.argmax(axis=-1)]
    pictures = np.random.default_rng(0).uniform(0, 9, (4, 8, 8, 3)).astype(np.float32)

    def logs(of: Any, labels: Any) -> dict[str, float]:
        model = build_model(of)
        model.set_weights(
            [np.random.default_rng(1).normal(size=w.shape) / 50 for w in model.weights]
        )
        model.compile(**{**_compiled(model), "run_eagerly": True})
        measure_by_larger_part(model, of)
        return dict(model.train_on_batch(pictures, labels, return_dict=True))

    plain = dataclasses.replace(network, augmentation=())
    network = dataclasses.replace(network, augmentation=network.augmentation[::2])
    mixed, certain, misread = logs(network, soft), logs(plain, sure), logs(plain, soft)
    assert (mixed["accuracy"], mixed["auc"]) == (certain["accuracy"], certain["auc"])
    assert mixed["loss"] == pytest.approx(misread["loss"])  # which takes the parts as they are
    assert mixed["loss"] != pytest.approx(certain["loss"])
    if classes == 2:
        assert misread["accuracy"] == 0


def _compiled(model: Any) -> dict[str, Any]:
    from imgclf.backend import keras

    return dict(keras.saving.deserialize_keras_object(model.get_compile_config()))


@pytest.mark.parametrize("loss", ["Hinge", "SparseCategoricalCrossentropy"])
def test_a_loss_without_room_for_parts_is_refused(loss: str) -> None:
    found = problem(f"{SMALLEST}augmentation: [MixUp]\ntraining: {{loss: {loss}}}\n")
    assert found.key == "training.loss"
    assert found.message.startswith("MixUp makes pictures that are part one class")


def test_a_metric_of_class_numbers_is_refused_and_the_other_one_named() -> None:
    metrics = "training: {metrics: [SparseTopKCategoricalAccuracy]}"
    found = problem(f"{SMALLEST}augmentation: [CutMix]\n{metrics}\n")
    assert (found.key, found.line) == ("training.metrics.0", 4)
    assert found.allowed == "TopKCategoricalAccuracy"


def test_frozen_features_are_of_pictures_as_they_are() -> None:
    text = f"{DATA}augmentation: [RandomFlip, CutMix]\nmodel: {{backbone: EfficientNetLite0}}\n"
    found = problem(text)
    assert (found.key, found.line) == ("augmentation.1", 2)
    assert "computed once" in found.message
    assert found.allowed is not None
    assert "training.fine_tune" in found.allowed
    load(f"{text}training: {{fine_tune: 2}}\n")


@pytest.mark.parametrize(
    "written",
    [
        "model: {layers: [MixUp]}",
        "model: {layers: [{Residual: [MixUp]}]}",
        "augmentation: [{Pipeline: [RandomFlip, MixUp]}]\nmodel: {layers: [Flatten]}",
    ],
)
def test_they_stand_under_augmentation_alone(written: str) -> None:
    found = problem(f"{DATA}{written}\n")
    assert found.message == (
        "MixUp has to change the labels along with the pictures, and labels don't reach layers"
    )
    assert found.allowed == "MixUp in the list under augmentation"
