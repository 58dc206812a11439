"""Where a network saw a class: what each place of its last feature map adds to the logit."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.model.class_activation import class_activations
from imgclf.model.head import HeadLayer, HeadNeurons, NumpyHead
from imgclf.model.numbers import Numbers


def head(kernel: list[list[float]], **more: object) -> NumpyHead:
    array = np.array(kernel, np.float32)
    layer = HeadLayer(Numbers.of(array), Numbers.of(np.zeros(array.shape[1], np.float32)))
    return NumpyHead(map_shape=(2, 2, len(array)), layers=(layer,), **more)  # type: ignore[arg-type]


MAPS = np.array(
    [[[[0, 4], [1, 0]], [[2, 0], [3, 0]]]], np.float32
)  # a picture of 2 x 2, 2 channels
FEATURES = MAPS.mean(axis=(1, 2))


def test_a_place_counts_by_what_it_adds_to_the_class_beyond_the_others() -> None:
    plain = head([[3, 0, 0], [0, 3, 0]])
    first = class_activations(plain, FEATURES, MAPS, np.array([0]))
    assert first is not None
    # 2, -1 for channels of the first class: -4, 2, 4, 6
    np.testing.assert_array_equal(first, [[[0, 153], [204, 255]]])
    moved = class_activations(head([[8, 5, 5], [5, 8, 5]]), FEATURES, MAPS, np.array([0]))
    np.testing.assert_array_equal(moved, first)  # what is added to all classes says nothing


def test_the_two_classes_of_one_unit_are_seen_where_the_other_is_not() -> None:
    single = head([[1], [0]])
    one, other = (class_activations(single, FEATURES, MAPS, np.array([said])) for said in (1, 0))
    assert one is not None and other is not None
    np.testing.assert_array_equal(one, [[[0, 85], [170, 255]]])
    np.testing.assert_array_equal(other, 255 - one)


@pytest.mark.parametrize("features", [FEATURES + 0.1, MAPS.reshape(1, -1)])
def test_features_that_are_no_average_of_the_map_tell_no_place(features: np.ndarray) -> None:
    kernel = np.ones((features.shape[1], 3)).tolist()
    assert class_activations(head(kernel), features, MAPS, np.array([0])) is None


def test_a_head_that_neurons_were_added_to_tells_no_place() -> None:
    def zeros(*shape: int) -> Numbers:
        return Numbers.of(np.zeros(shape, np.float32))

    neurons = HeadNeurons(zeros(8, 1), zeros(1), zeros(1, 3))
    corrected = head([[3, 0, 0], [0, 3, 0]], neurons=neurons)
    assert class_activations(corrected, FEATURES, MAPS, np.array([0])) is None


def test_a_map_of_equal_places_has_no_brightest() -> None:
    flat = np.ones_like(MAPS)
    found = class_activations(head([[3, 0], [0, 3]]), flat.mean(axis=(1, 2)), flat, np.array([0]))
    np.testing.assert_array_equal(found, np.zeros((1, 2, 2)))
