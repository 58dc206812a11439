"""One flat graph of a network: what it computes, and what its layers are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backbones.own_names import OwnNames, prefixed
from imgclf.backend import keras
from imgclf.model.flat_graph import UniqueNames, flat_copy

PICTURES = np.random.default_rng(0).uniform(size=(3, 8, 8, 3)).astype(np.float32)


def nested() -> Any:
    """Models inside of a model, of which one is called twice, and plain operations."""
    keras.utils.set_random_seed(3)
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.ReLU()],
        name="inner",
    )
    given = keras.Input((8, 8, 3))
    deeper = keras.Model(given, keras.layers.BatchNormalization(name="norm")(given), name="deeper")
    pictures = keras.Input((8, 8, 3))
    values = keras.layers.Conv2D(4, 1, name="first")(deeper(pictures) / 2.0)
    values = inner(inner(values)) + values
    values = keras.ops.concatenate([values, keras.ops.flip(values, axis=-1)], axis=-1)
    return keras.Model(pictures, keras.layers.Dense(2, name="last")(values))


@pytest.mark.parametrize("rename", [OwnNames(), prefixed, UniqueNames()])
def test_a_flat_copy_computes_the_same(rename: Any) -> None:
    original = nested()
    original.get_layer("deeper").get_layer("norm").set_weights(
        [np.full(3, value, np.float32) for value in (2, 1, 0.5, 4)]
    )
    flat = flat_copy(original, rename)
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    np.testing.assert_array_equal(flat(PICTURES), original(PICTURES))


def test_models_inside_may_have_several_inputs_and_outputs() -> None:
    """By name or in order, also those that only hand on what they are given."""
    given, one, other = (keras.Input((8, 8, size), name=f"in{size}") for size in (3, 4, 5))
    layers = keras.layers
    parts = keras.Model(given, {"b": layers.Conv2D(4, 1)(given), "a": layers.Conv2D(5, 1)(given)})
    joined = layers.Concatenate()([other, layers.ReLU()(one)])
    by_name = keras.Model({"in5": other, "in4": one}, joined)
    in_order = keras.Model([one, other], [joined, one])
    pictures = keras.Input((8, 8, 3))
    found = parts(pictures)
    first, second = in_order([found["b"], found["a"]])
    values = layers.Concatenate()([first, by_name({"in4": second, "in5": found["a"]})])
    original = keras.Model([pictures], [values])
    flat = flat_copy(original, UniqueNames())
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    np.testing.assert_array_equal(flat(PICTURES), original([PICTURES]))


def test_a_model_inside_that_takes_whole_numbers_gets_them() -> None:
    given = keras.Input((8, 8, 3), dtype="int32")
    inner = keras.Model(given, keras.layers.Rescaling(0.5)(given))
    pictures = keras.Input((8, 8, 3))
    original = keras.Model(pictures, inner(pictures * 10.0))
    flat = flat_copy(original, UniqueNames())
    np.testing.assert_array_equal(flat(PICTURES), original(PICTURES))
    np.testing.assert_array_equal(flat(PICTURES), np.trunc(PICTURES * 10) / 2)


def test_names_that_are_taken_are_numbered() -> None:
    names = UniqueNames("relu", "relu_1")
    operations = [keras.layers.ReLU(name=name) for name in ("relu", "relu", "relu_2", "x")]
    assert [names(operation) for operation in operations] == ["relu_2", "relu_3", "relu_2_1", "x"]


def test_the_copys_weights_are_its_own() -> None:
    original = nested()
    flat = flat_copy(original, OwnNames())
    before = flat(PICTURES).numpy()
    for variable in original.weights:
        variable.assign(variable * 0)
    np.testing.assert_array_equal(flat(PICTURES), before)
    assert len(flat.weights) == len(original.weights)


def test_what_a_layer_was_adapted_to_is_not_forgotten_where_weights_are_set() -> None:
    adapted = keras.layers.Normalization()
    adapted.adapt(PICTURES)
    original = keras.Sequential([keras.Input((8, 8, 3)), adapted])
    flat = flat_copy(original, prefixed)
    np.testing.assert_array_equal(flat(PICTURES), original(PICTURES))
    again = keras.Model.from_config(flat.get_config())
    again.set_weights(flat.get_weights())
    np.testing.assert_array_equal(again(PICTURES), original(PICTURES))


def test_every_layer_of_the_copy_has_one_place_in_its_graph() -> None:
    flat = flat_copy(nested(), OwnNames())
    once = [
        layer for layer in flat.layers if layer.name not in ("backbone_conv2d", "backbone_re_lu")
    ]
    parts = keras.Model(flat.inputs[0], [layer.output for layer in once])
    assert len(parts(PICTURES)) == len(once)


def test_given_names_are_kept_and_made_up_ones_replaced() -> None:
    names = [operation.name for operation in flat_copy(nested(), OwnNames()).operations][1:]
    made_up = {"true_divide", "conv2d", "re_lu", "add", "flip", "concatenate"}
    assert set(names) == {"norm", "first", "last"} | {f"backbone_{name}" for name in made_up}


def test_a_saved_copy_is_opened_by_plain_keras(tmp_path: Any) -> None:
    flat = flat_copy(nested(), prefixed)
    flat.save(tmp_path / "flat.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "flat.keras")(PICTURES), flat(PICTURES)
    )


def test_layers_can_be_left_out_and_added() -> None:
    original = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Rescaling(3.0), keras.layers.ReLU(name="relu")]
    )
    flat = flat_copy(
        original,
        prefixed,
        keep=lambda operation: not isinstance(operation, keras.layers.Rescaling),
        added=lambda operation: (
            keras.layers.Rescaling(2.0, name="added") if operation.name == "relu" else None
        ),
    )
    np.testing.assert_array_equal(flat(PICTURES - 0.5), 2 * np.maximum(PICTURES - 0.5, 0))


def test_copies_can_compute_in_another_precision() -> None:
    flat = flat_copy(nested(), OwnNames(), dtype=keras.DTypePolicy("mixed_bfloat16"))
    assert {layer.compute_dtype for layer in flat.layers[1:]} == {"bfloat16"}
    assert {variable.dtype for variable in flat.weights} == {"float32"}
