"""The order of layers is Keras's, read from a config without it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from imgclf.backend import keras
from imgclf.model_file.saved_graph import given_tensors, in_keras_order, names_in_weights


def drawn(seed: int) -> Any:
    """A graph in which layers have one to three inputs, drawn at random."""
    chance = random.Random(seed)
    keras.utils.clear_session()
    tensors = [keras.Input((6,))]
    for _ in range(chance.randrange(5, 25)):
        given = chance.sample(tensors, min(len(tensors), chance.randrange(1, 4)))
        if len(given) > 1:
            tensors.append(chance.choice([keras.layers.Add, keras.layers.Maximum])()(given))
        elif chance.random() < 0.2:
            tensors.append(given[0] * 2)
        else:
            tensors.append(keras.layers.Dense(6)(given[0]))
    used = {id(one) for tensor in tensors[1:] for one in _inputs(tensor)}
    ends = [tensor for tensor in tensors if id(tensor) not in used]
    last = keras.layers.Add(name="last")(ends) if len(ends) > 1 else ends[0]
    return keras.Model(tensors[0], last)


def _inputs(tensor: Any) -> list[Any]:
    return keras.tree.flatten(tensor._keras_history.operation.input)


@pytest.mark.parametrize("seed", range(40))
def test_layers_in_any_order_come_in_that_of_keras(seed: int) -> None:
    model = drawn(seed)
    layers = json.loads(model.to_json())["config"]["layers"]
    expected = [layer["name"] for layer in layers]
    random.Random(seed).shuffle(layers)
    last = expected[-1]
    assert [layer["name"] for layer in in_keras_order(layers, last)] == expected


def test_layers_have_the_names_that_weights_have_for_them() -> None:
    pictures = keras.Input((8, 8, 3))
    values = keras.layers.Conv2D(2, 3, name="b")(pictures / 255)
    values = keras.layers.Conv2D(2, 3, name="a")(keras.ops.relu(values))
    values = keras.layers.GlobalMaxPooling2D(name="c")(values)
    model = keras.Model(pictures, keras.layers.Dense(2, name="d")(values))
    names = names_in_weights(json.loads(model.to_json())["config"]["layers"])
    names.pop(model.layers[0].name)
    assert names == {"b": "conv2d", "a": "conv2d_1", "c": "global_max_pooling2d", "d": "dense"}


def test_layers_that_are_called_twice_are_left_to_keras() -> None:
    given = keras.Input((6,))
    twice = keras.layers.Dense(6, name="twice")
    model = keras.Model(given, twice(twice(given)))
    layers = json.loads(model.to_json())["config"]["layers"]
    with pytest.raises(ValueError, match="twice is called more than once"):
        in_keras_order(layers, "twice")
    assert given_tensors(layers[0]) == []
