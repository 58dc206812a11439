"""What a network takes, and the networks that take too much: told before anything is built."""

from __future__ import annotations

import pytest

from imgclf.backend import keras
from imgclf.config.layer_sizes import Shape, sized
from imgclf.config.network import declared_network, size_of
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError, Problem
from imgclf.model.build import build_model
from tests.support.config_texts import layer, load

PICTURE: Shape = (12, 9, 4)

LAYERS = [
    "Dense: 5",
    "Dense: {units: 5, use_bias: false}",
    "Conv2D: {filters: 6, kernel_size: 3}",
    "Conv2D: {filters: 6, kernel_size: [3, 2], strides: [2, 1], padding: same, use_bias: false}",
    "Conv2D: {filters: 6, kernel_size: 3, dilation_rate: 2, groups: 2}",
    "Convolution2D: {filters: 6, kernel_size: 3}",
    "Conv2DTranspose: {filters: 6, kernel_size: 3, strides: 2}",
    "Conv2DTranspose: {filters: 6, kernel_size: 2, strides: 3, padding: same}",
    "DepthwiseConv2D: {kernel_size: 3, depth_multiplier: 2}",
    "SeparableConv2D: {filters: 6, kernel_size: 3, depth_multiplier: 2, padding: same}",
    "MaxPooling2D",
    "MaxPool2D: {pool_size: 3, strides: 2, padding: same}",
    "AveragePooling2D: [3, 2]",
    "GlobalAveragePooling2D",
    "GlobalMaxPool2D: {keepdims: true}",
    "Flatten",
    "Reshape: {target_shape: [6, -1]}",
    "Permute: {dims: [3, 1, 2]}",
    "UpSampling2D",
    "UpSampling2D: [1, 3]",
    "ZeroPadding2D: 2",
    "ZeroPadding2D: {padding: [[1, 0], [2, 3]]}",
    "Cropping2D: [1, 2]",
    "Resizing: {height: 5, width: 7}",
    "CenterCrop: {height: 5, width: 7}",
    "BatchNormalization",
    "BatchNormalization: {scale: false}",
    "LayerNormalization",
    "GroupNormalization: 2",
    "UnitNormalization",
    "PReLU",
    "PReLU: {shared_axes: [1, 2]}",
    "ReLU",
    "Softmax",
    "Activation: gelu",
    "Dropout: 0.5",
    "SpatialDropout2D: 0.5",
    "GaussianNoise: 0.1",
    "Rescaling: 2",
]


def keras_says(spec: Spec, given: Shape) -> tuple[Shape, int]:
    made = getattr(keras.layers, spec.name)(**spec.arguments)
    shape = made(keras.Input(given)).shape[1:]
    return shape, made.count_params()


@pytest.mark.parametrize("text", LAYERS)
def test_a_layer_makes_and_has_what_keras_says(text: str) -> None:
    spec = layer(text)
    assert sized(spec, PICTURE) == keras_says(spec, PICTURE)


def test_layers_for_rows_of_numbers_make_and_have_what_keras_says() -> None:
    for text in ("Conv1D: {filters: 3, kernel_size: 2}", "MaxPooling1D", "ZeroPadding1D: 3"):
        assert sized(layer(text), (8, 4)) == keras_says(layer(text), (8, 4))
    assert sized(layer("RepeatVector: 3"), (8,)) == keras_says(layer("RepeatVector: 3"), (8,))


@pytest.mark.parametrize("text", ["LSTM: 3", "Conv2D: {filters: 3, kernel_size: 20}"])
def test_what_has_no_rule_or_does_not_fit_is_left_to_keras(text: str) -> None:
    assert sized(layer(text), PICTURE) is None


def network(layers: str, more: str = "") -> str:
    return f"data: {{directory: x, image_size: 16}}\n{more}model:\n  layers: [{layers}]\n"


def test_the_size_of_a_network_is_that_of_the_one_that_keras_builds() -> None:
    branch = "{Residual: [{Conv2D: {filters: 6, kernel_size: 3, strides: 2, padding: same}}]}"
    declared = declared_network(
        load(network(f"{branch}, {{Residual: [ReLU]}}, Flatten, {{Dense: 5}}")), 3
    )
    size = size_of(declared)
    assert size.unknown is None
    assert size.weights == build_model(declared).count_params()


def test_what_comes_after_a_layer_without_a_rule_is_not_counted() -> None:
    text = network("{Reshape: {target_shape: [16, 48]}}, {LSTM: 5}, {Dense: 3}")
    size = size_of(declared_network(load(text), 2))
    assert size.unknown == "LSTM (model.layers.1)"
    assert size.weights == 0


def refusal(layers: str, more: str = "") -> Problem:
    with pytest.raises(ConfigError) as caught:
        declared_network(load(network(layers, more)), 2)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("layers", "key", "says"),
    [
        (
            "Flatten, {Dense: 60000}, {Dense: 60000}",
            "model.layers.2",
            "Dense would have 3,600,060,000 weights, 3,646,200,000 with those before it",
        ),
        (
            "{UpSampling2D: 1000}, Flatten",
            "model.layers.0",
            "would make 768,000,000 numbers of one",
        ),
        ("{ZeroPadding2D: 9000}, Flatten", "model.layers.0", "numbers of one picture"),
        ("{Residual: [{UpSampling2D: 1000}]}", "model.layers.0.layers.0", "numbers of one picture"),
        ("{Dense: 1000000000}, Flatten", "model.layers.0.units", "can't take this units"),
        (
            "{Conv2D: {filters: 8, kernel_size: 1000000}}, Flatten",
            "model.layers.0.kernel_size",
            "can't take this kernel_size",
        ),
        (
            "{Discretization: {num_bins: 1000000000}}, Flatten",
            "model.layers.0.num_bins",
            "can't take this num_bins",
        ),
    ],
)
def test_a_network_that_would_fill_the_memory_is_a_problem_of_its_line(
    layers: str, key: str, says: str
) -> None:
    problem = refusal(layers)
    assert problem.key == key
    assert problem.line == 3
    assert says in problem.message
    assert problem.received is not None
    assert problem.allowed is not None
    assert "at most" in problem.allowed


def test_a_metric_that_would_fill_the_memory_is_one_as_well() -> None:
    problem = refusal("Flatten", "training: {metrics: [AUC: {num_thresholds: 2000000000}]}\n")
    assert problem.key == "training.metrics.0.num_thresholds"
    assert problem.allowed == "1,048,576 at most"


def test_what_only_keras_can_tell_is_told_before_it_is_built() -> None:
    text = network("{TimeDistributed: {Dense: 9000000}}, GlobalAveragePooling2D")
    declared = declared_network(load(text), 2)
    with pytest.raises(ConfigError, match=r"TimeDistributed would make 2,304,000,000 numbers"):
        build_model(declared)


def test_trying_a_layer_leaves_the_weights_as_they_would_be() -> None:
    def first_weights() -> list[float]:
        keras.utils.set_random_seed(3)
        keras.backend.clear_session()
        text = network("{TimeDistributed: {Dense: 2}}, Flatten")
        model = build_model(declared_network(load(text), 2))
        assert [one.name for one in model.layers[1:]] == ["time_distributed", "flatten", "dense_1"]
        return [float(one.sum()) for one in model.get_weights()]

    keras.utils.set_random_seed(3)
    keras.backend.clear_session()
    pictures = keras.Input((16, 16, 3))
    inner = keras.layers.TimeDistributed(keras.layers.Dense(2))
    values = keras.layers.Flatten()(inner(pictures))
    plain = keras.Model(pictures, keras.layers.Dense(1, activation="sigmoid")(values))
    assert first_weights() == [float(one.sum()) for one in plain.get_weights()]
