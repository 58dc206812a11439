"""Where a network can be cut, and that its two parts do what it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backbones.cut import lower_part, places, upper_part
from imgclf.backend import keras

PICTURES = np.random.default_rng(0).uniform(0, 255, (5, 16, 12, 3)).astype(np.float32)


def network(*, from_: str, inside: tuple[Any, ...] = ()) -> Any:
    """With a residual block, trained from a layer on; `inside` comes after its addition."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    pictures = keras.Input((16, 12, 3))
    values = layers.Rescaling(1 / 255, name="rescaling")(pictures)
    stem = layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(values)
    values = layers.BatchNormalization(name="norm")(stem)
    values = layers.Conv2D(4, 3, padding="same", name="block")(values)
    values = layers.Add(name="add")([stem, values])
    for layer in inside:
        values = layer(values)
    values = layers.Conv2D(6, 3, strides=2, name="top")(values)
    values = layers.ReLU(name="relu")(values)
    values = layers.GlobalAveragePooling2D(name="features")(values)
    model = keras.Model(pictures, layers.Dense(2)(values))
    names = [layer.name for layer in model.layers]
    for layer in model.layers[: names.index(from_)]:
        layer.trainable = False
    return model


def found(model: Any) -> list[tuple[int, tuple[int, ...]]]:
    return [(place.below, place.shape) for place in places(model)]


def test_it_is_cut_where_one_array_crosses_and_never_inside_of_a_residual_block() -> None:
    # 1 rescaling, 2 stem, 3 norm, 4 block, 5 add, 6 top, 7 relu
    assert found(network(from_="top")) == [(2, (8, 6, 4)), (5, (8, 6, 4))]
    assert found(network(from_="block")) == [(2, (8, 6, 4))]
    # What has no weights is below, though it comes after the layer that is named.
    assert found(network(from_="relu"))[-2:] == [(6, (3, 2, 6)), (7, (3, 2, 6))]


def test_with_nothing_frozen_below_there_is_nothing_to_compute_once() -> None:
    assert found(network(from_="stem")) == []


def test_what_acts_at_random_in_training_lies_above() -> None:
    model = network(from_="top", inside=(keras.layers.Dropout(0.5), keras.layers.ReLU()))
    assert found(model)[-1] == (5, (8, 6, 4))


@pytest.mark.parametrize("from_", ["block", "top", "relu"])
def test_both_parts_together_do_what_the_whole_does(from_: str) -> None:
    model = network(from_=from_)
    for place in places(model):
        lower, upper = lower_part(model, place.below), upper_part(model, place.below)
        between = lower(PICTURES)
        assert between.shape == (5, place.width)
        np.testing.assert_array_equal(upper(between), model(PICTURES))


def test_to_train_the_upper_part_is_to_train_the_network() -> None:
    model = network(from_="top")
    upper = upper_part(model, places(model)[-1].below)
    assert [id(one) for one in upper.trainable_weights] == [
        id(one) for one in model.trainable_weights
    ]
    upper.set_weights([np.ones_like(one) for one in upper.get_weights()])
    assert (model.get_layer("top").get_weights()[0] == 1).all()
