"""What a network ends in: what is equal to one Dense layer on features becomes that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.errors import ModelFileError
from imgclf.model.layer_names import FEATURES
from imgclf.model_file.dense_end import require_dense_end, with_dense_end

Layers = keras.layers
PICTURES = np.random.default_rng(0).uniform(-1, 1, (3, 6, 8, 3)).astype(np.float32)


def ending(*layers: Any) -> Any:
    """A network with a map of shape (6, 8, 4) before these layers."""
    keras.utils.set_random_seed(1)
    pictures = keras.Input((6, 8, 3))
    values = Layers.Conv2D(4, 3, padding="same", name="map")(pictures)
    for layer in layers:
        values = layer(values)
    return keras.Model(pictures, values)


def pooled(*layers: Any) -> Any:
    return ending(Layers.GlobalAveragePooling2D(), *layers)


def one_place(*layers: Any) -> Any:
    return ending(Layers.GlobalAveragePooling2D(keepdims=True), *layers)


def dense(**options: Any) -> Any:
    return Layers.Dense(3, name="last", bias_initializer="uniform", **options)


def convolution(size: Any = 1, **options: Any) -> Any:
    return Layers.Conv2D(3, size, name="last", bias_initializer="uniform", **options)


EQUAL = {
    "Dense": (lambda: pooled(dense(activation="softmax")), "softmax"),
    "Dense on a flat map": (lambda: ending(Layers.Flatten(), dense()), "linear"),
    "Softmax after it": (lambda: pooled(dense(), Layers.Softmax()), "softmax"),
    "Activation after it": (lambda: pooled(dense(), Layers.Activation("sigmoid")), "sigmoid"),
    "logarithms": (lambda: pooled(dense(), Layers.Activation("log_softmax")), "log_softmax"),
    "an operation after it": (lambda: pooled(dense(), keras.ops.softmax), "softmax"),
    "what does nothing after it": (
        lambda: pooled(dense(activation="softmax"), Layers.Dropout(0.5), Layers.Identity()),
        "softmax",
    ),
    "float32 at the end": (
        lambda: pooled(
            dense(),
            Layers.Activation("linear"),
            lambda values: keras.ops.cast(values, "float32"),
            Layers.Softmax(),
        ),
        "softmax",
    ),
    "averaged 1x1": (
        lambda: ending(convolution(), Layers.GlobalAveragePooling2D(), Layers.Softmax()),
        "softmax",
    ),
    "averaged 1x1 without a bias": (
        lambda: ending(convolution(use_bias=False), Layers.GlobalAveragePooling2D()),
        "linear",
    ),
    "averaged Dense": (lambda: ending(dense(), Layers.GlobalAveragePooling2D()), "linear"),
    "averaged 1x1, then flat": (
        lambda: ending(
            convolution(), Layers.GlobalAveragePooling2D(keepdims=True), Layers.Flatten()
        ),
        "linear",
    ),
    "1x1 on averages": (
        lambda: one_place(Layers.Dropout(0.1), convolution(), Layers.Reshape((3,))),
        "linear",
    ),
    "1x1 with its activation": (
        lambda: one_place(convolution(activation="softmax"), Layers.Flatten()),
        "softmax",
    ),
    "over the whole map": (lambda: ending(convolution((6, 8)), Layers.Flatten()), "linear"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_equal_to_a_dense_layer_becomes_one(name: str) -> None:
    make, activation = EQUAL[name]
    original = make()
    model = with_dense_end(original)
    np.testing.assert_allclose(model(PICTURES), original(PICTURES), rtol=0, atol=1e-6)
    last = model.layers[-1]
    assert isinstance(last, Layers.Dense)
    assert (last.name, last.units, last.activation.__name__) == ("last", 3, activation)
    assert len(model.get_layer(FEATURES).output.shape) == 2
    require_dense_end(model)


def test_what_acts_in_training_alone_stays_before_the_dense_layer() -> None:
    model = with_dense_end(pooled(Layers.Dropout(0.25, name="some"), dense()))
    assert [layer.name for layer in model.layers[-3:]] == [FEATURES, "some", "last"]
    assert model.get_layer(FEATURES).input is model.get_layer("map").output
    assert model.get_layer("some").rate == 0.25


def test_layers_that_are_added_have_names_that_no_other_has() -> None:
    given = [Layers.Conv2D(4, 1, name="flat"), convolution((6, 8)), Layers.Flatten(name="flatten")]
    names = [layer.name for layer in with_dense_end(ending(*given)).layers[1:]]
    assert names == ["map", "flat", "flat_1", FEATURES, "last"]


def test_what_a_convolution_was_trained_with_goes_on() -> None:
    made = convolution(kernel_regularizer=keras.regularizers.L2(0.5))
    made.trainable = False
    last = with_dense_end(ending(made, Layers.GlobalAveragePooling2D())).layers[-1]
    assert last.kernel_regularizer.l2 == 0.5
    assert not last.trainable


def test_without_a_map_there_are_no_features() -> None:
    pictures = keras.Input((6, 8, 3))
    model = with_dense_end(keras.Model(pictures, dense()(Layers.Flatten()(pictures))))
    assert FEATURES not in [layer.name for layer in model.layers]
    require_dense_end(model)


def test_a_layer_that_is_called_more_than_once_keeps_its_other_places() -> None:
    pictures, twice = keras.Input((6, 8, 3)), Layers.Dense(3, name="twice")
    values = twice(twice(Layers.GlobalAveragePooling2D()(pictures)))
    original = keras.Model(pictures, Layers.Softmax()(values))
    model = with_dense_end(original)
    np.testing.assert_allclose(model(PICTURES), original(PICTURES), atol=1e-6)
    assert [layer.name for layer in model.layers][-2:] == ["twice", "twice_1"]


DIFFERENT = {
    "two activations": (
        lambda: pooled(dense(activation="softmax"), Layers.Softmax()),
        "last has the activation softmax, and softmax comes after it",
    ),
    "an average of activations": (
        lambda: ending(convolution(activation="relu"), Layers.GlobalAveragePooling2D()),
        "its outputs are averages of what Conv2D 'last' puts out, after its activation relu",
    ),
    "a larger kernel": (
        lambda: ending(convolution(3), Layers.GlobalAveragePooling2D()),
        "Conv2D 'last' looks at more than one place, or at a part of its map",
    ),
    "every other place": (
        lambda: ending(convolution(strides=2), Layers.GlobalAveragePooling2D()),
        "Conv2D 'last' looks at more than one place, or at a part of its map",
    ),
    "the largest": (
        lambda: ending(convolution(), Layers.GlobalMaxPooling2D(name="top")),
        "its outputs are not a Dense layer's, but come from GlobalMaxPooling2D 'top'",
    ),
    "normalized": (
        lambda: pooled(dense(), Layers.BatchNormalization(name="norm"), Layers.Softmax()),
        "its outputs are not a Dense layer's, but come from BatchNormalization 'norm'",
    ),
    "nothing": (
        lambda: ending(Layers.GlobalAveragePooling2D(), Layers.Softmax()),
        "Conv2D 'map' looks at more than one place, or at a part of its map",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_not_equal_to_one_is_said(name: str) -> None:
    make, says = DIFFERENT[name]
    model = make()
    with pytest.raises(ModelFileError) as caught:
        with_dense_end(model)
    assert caught.value.message == says
    with pytest.raises(ModelFileError, match="this model can't be corrected: "):
        require_dense_end(model)
