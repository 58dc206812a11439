"""The head in NumPy: Keras's activations, its pooling, and what is no head."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.model.activations import ActivationFunction, ActivationName
from imgclf.model.head import HeadClass, HeadLayer, HeadNeurons, Numbers, NumpyHead

RANDOM = np.random.default_rng(0)


def numbers(*shape: int) -> Numbers:
    return Numbers.of(RANDOM.normal(size=shape))


def a_head(**changes: Any) -> NumpyHead:
    """Six features of a map of 5 x 4 x 6, averaged to 3 x 2 x 6; two classes, one more later."""
    layers = (HeadLayer(numbers(6, 4), numbers(4)), HeadLayer(numbers(4, 2), numbers(2)))
    head = NumpyHead(
        map_shape=(5, 4, 6),
        layers=layers,
        pool=2,
        classes=(HeadClass(numbers(36), -1.0),),
        neurons=HeadNeurons(numbers(36, 7), numbers(7), numbers(7, 3)),
        activation=ActivationFunction("softmax"),
    )
    return msgspec.structs.replace(head, **changes)


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_an_activation_is_keras_s_own(name: ActivationName) -> None:
    values = np.float32([[-90, -7, -3, -1, -0.1, 0, 1e-6, 0.2, 2.9, 3.1, 6, 7, 30, 80]])
    slope = {"leaky_relu": 0.2}.get(name, 1.0)
    found = ActivationFunction(name, slope)(values)
    expected = keras.ops.convert_to_numpy(keras.activations.get(name)(values))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)


def test_probabilities_near_0_stay_precise() -> None:
    """Calibration takes their logarithm."""
    for name in ("sigmoid", "softmax"):
        found = ActivationFunction(name)(np.float32([[-40, 0]]))[0, 0]
        assert found == pytest.approx(np.exp(-40), rel=1e-5)


@pytest.mark.parametrize("shape", [(7, 7, 3), (8, 5, 2), (3, 9, 1)])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 9])
def test_feature_maps_are_pooled_as_keras_pools_them(shape: tuple[int, ...], side: int) -> None:
    maps = RANDOM.normal(size=(2, *shape)).astype(np.float32)
    pooled = keras.layers.AveragePooling2D(side, padding="same")(maps)
    rows = keras.layers.UnitNormalization()(keras.layers.Flatten()(pooled))
    expected = keras.ops.convert_to_numpy(rows)
    count = expected.shape[1]
    identity = HeadNeurons(Numbers.of(np.eye(count)), numbers(count), Numbers.of(np.eye(count)))
    head = NumpyHead(
        map_shape=shape,
        layers=(HeadLayer(Numbers.of(np.zeros((1, count))), Numbers.of(np.zeros(count))),),
        pool=side,
        neurons=msgspec.structs.replace(identity, bias=Numbers.of(np.ones(count))),
    )
    found = head.run(np.zeros((2, 1), np.float32), maps) - 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_map_of_nothing_but_zeros_has_outputs() -> None:
    outputs = a_head().run(np.zeros((1, 6), np.float32), np.zeros((1, 5, 4, 6), np.float32))
    assert np.isfinite(outputs).all()
    assert outputs.sum() == pytest.approx(1)


def test_what_is_written_is_read_again() -> None:
    head = a_head()
    again = NumpyHead.from_bytes(head.to_bytes())
    assert again == head
    features, feature_map = (
        RANDOM.normal(size=(3, *shape)).astype(np.float32) for shape in [(6,), (5, 4, 6)]
    )
    outputs = again.run(features, feature_map)
    assert outputs.shape == (3, again.units) == (3, 3)
    assert outputs.dtype == np.float32
    assert outputs.tobytes() == head.run(features, feature_map).tobytes()


def stored(head: NumpyHead) -> dict[str, Any]:
    """What lies in the file, to be changed."""
    found: dict[str, Any] = msgspec.msgpack.decode(head.to_bytes())
    return found


def with_value(place: str, value: Any) -> bytes:
    """A head in which something else stands at a place such as `layers.0.bias`."""
    whole = stored(a_head())
    node: Any = whole
    *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    for key in way:
        node = node[key]
    node[last] = value
    return msgspec.msgpack.encode(whole)


NAN = np.float32([np.nan] * 4).tobytes()
ENDLESS = np.float32([0, 0, 0, np.inf]).tobytes()


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("layers.0.kernel.shape", [6], "96 bytes for an array of shape (6,)"),
        ("layers.0.kernel.shape", [6, 4, 1], "length <= 2"),
        ("layers.0.kernel.shape", [], "length >= 1"),
        ("layers.0.kernel.shape", [24, 1], "a kernel of (24, 1), a bias of (4,)"),
        ("layers.0.kernel.shape", [0, 4], ">= 1"),
        ("layers.0.kernel.shape", [-6, -4], ">= 1"),
        ("layers.0.kernel.shape", [1 << 31, 1 << 31], "96 bytes for an array"),
        ("layers.0.kernel.shape", [(1 << 63) - 1, 4], "<= 2147483648"),
        ("layers.0.kernel.shape", [6.5, 4], "Expected `int`"),
        ("layers.0.kernel.values", b"", "0 bytes for an array of shape (6, 4)"),
        ("layers.0.kernel.values", "text", "Expected `bytes`"),
        ("layers.0.bias.values", NAN, "not all of it are numbers"),
        ("layers.0.bias.values", ENDLESS, "not all of it are numbers"),
        ("layers.0.activation.name", "lambda", "Invalid enum value"),
        ("layers.0.activation.alpha", float("nan"), "alpha is nan"),
        ("layers.1", {"kernel": 1, "bias": 2}, "Expected `object`"),
        ("layers", [], "length >= 1"),
        ("layers", [{}] * 101, "length <= 100"),
        ("map_shape", [5, 4], "length 3"),
        ("map_shape", [5, 4, 7], "a class has a key of (36,) for 42"),
        ("map_shape", [1 << 31, 1 << 31, 1 << 31], "a class has a key of (36,)"),
        ("pool", 0, ">= 1"),
        ("pool", 3, "a class has a key of (36,) for 24"),
        ("pool", 1 << 31, "a class has a key of (36,) for 6"),
        ("classes.0.bias", float("inf"), "a bias of inf"),
        ("classes.0.key.shape", [6, 6], "a key of (6, 6)"),
        ("classes", [], "neurons take 36 numbers and give 3, where there are 36 and 2"),
        ("classes", [{}] * 10_001, "length <= 10000"),
        ("neurons.bias.shape", [1, 7], "a bias of (1, 7)"),
        ("neurons.keys.shape", [18, 14], "keys of (18, 14), strengths of (7, 3)"),
        ("neurons.strengths.shape", [21], "strengths of (21,)"),
        ("neurons", 7, "Expected `object | null`"),
    ],
)
def test_a_head_that_is_none_is_refused_in_words(place: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"head can't be read: .*{re.escape(says)}"):
        NumpyHead.from_bytes(with_value(place, value))


def test_layers_that_do_not_follow_each_other_are_refused() -> None:
    layers = (HeadLayer(numbers(6, 4), numbers(4)), HeadLayer(numbers(5, 2), numbers(2)))
    content = msgspec.msgpack.encode(stored(a_head()) | {"layers": layers})
    with pytest.raises(ValueError, match="a layer takes 5 numbers, and gets 4"):
        NumpyHead.from_bytes(content)


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"\xc0", b"\xff" * 9, b"\x91" * 100_000, b"\xdf\xff\xff\xff\xff"]
)
def test_bytes_that_are_no_head_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="head can't be read"):
        NumpyHead.from_bytes(content)


def test_a_flipped_bit_is_refused_or_gives_outputs() -> None:
    whole = a_head().to_bytes()
    features, feature_map = np.ones((1, 6), np.float32), np.ones((1, 5, 4, 6), np.float32)
    refused = 0
    for place in range(len(whole)):
        content = whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :]
        try:
            head = NumpyHead.from_bytes(content)
        except ValueError:
            refused += 1
        else:
            if (head.features, head.map_shape) == (6, (5, 4, 6)):
                assert head.run(features, feature_map).shape == (1, head.units)
    assert refused > 200
