"""Labels are smoothed in training, as Keras smooths them, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.choices import LabelMode
from imgclf.config.output_head import Head
from imgclf.config.spec import Spec
from imgclf.training.label_smoothing import smooth_labels

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(12, 5)).astype(np.float32)


def model(units: int, loss: Any) -> keras.Model:
    keras.utils.set_random_seed(3)
    activation = "sigmoid" if units == 1 else "softmax"
    made = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(units, activation, kernel_regularizer="l2")]
    )
    made.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    return made


def head(loss: str, mode: LabelMode) -> Head:
    return Head(Spec(name="Dense"), Spec(name=loss), mode)


def labels(mode: LabelMode) -> np.ndarray:
    classes = np.arange(12) % 4
    if mode == "binary":
        return (classes % 2).astype(np.float32)[:, np.newaxis]
    return classes if mode == "int" else np.eye(4, dtype=np.float32)[classes]


@pytest.mark.parametrize(
    ("mode", "units", "plain", "smoothed"),
    [
        ("binary", 1, keras.losses.BinaryCrossentropy, keras.losses.BinaryCrossentropy),
        ("categorical", 4, keras.losses.CategoricalCrossentropy, None),
        ("int", 4, keras.losses.SparseCategoricalCrossentropy, None),
        ("binary", 1, keras.losses.BinaryFocalCrossentropy, keras.losses.BinaryFocalCrossentropy),
        (
            "categorical",
            4,
            keras.losses.CategoricalFocalCrossentropy,
            keras.losses.CategoricalFocalCrossentropy,
        ),
    ],
)
def test_training_is_what_keras_makes_of_smoothed_labels(
    mode: LabelMode, units: int, plain: Any, smoothed: Any
) -> None:
    ours = model(units, plain())
    smooth_labels(ours, 0.1, head(plain.__name__, mode))
    losses = smoothed or keras.losses.CategoricalCrossentropy
    theirs = model(units, losses(label_smoothing=0.1))
    one_hot = labels("binary" if mode == "binary" else "categorical")
    for weights in (None, None, np.linspace(0.5, 3, 12)):
        mine = ours.train_on_batch(FEATURES, labels(mode), weights, return_dict=True)
        reference = theirs.train_on_batch(FEATURES, one_hot, weights, return_dict=True)
        assert mine["loss"] == pytest.approx(reference["loss"], abs=1e-5)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    # And validation is not smoothed: it is that of a model that never heard of it.
    unsmoothed = model(units, plain())
    unsmoothed.set_weights(ours.get_weights())
    said = ours.evaluate(FEATURES, labels(mode), verbose=0, return_dict=True)
    plainly = unsmoothed.evaluate(FEATURES, labels(mode), verbose=0, return_dict=True)
    assert said == pytest.approx(plainly, abs=1e-6)


def test_accuracy_in_training_counts_the_labels_as_they_are() -> None:
    ours = model(1, keras.losses.BinaryCrossentropy())
    smooth_labels(ours, 0.1, head("BinaryCrossentropy", "binary"))
    measured = ours.train_on_batch(FEATURES, labels("binary"), return_dict=True)
    assert measured["accuracy"] > 0  # which it is not of labels like 0.05
