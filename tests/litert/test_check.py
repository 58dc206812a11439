"""LiteRT graphs: ours pass, and what the interpreter would believe to its harm is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from imgclf.backbones.applications import as_backbone, construct
from imgclf.backend import keras
from imgclf.litert.check import CheckedGraph
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.build import build_features
from imgclf.model.litert_graph import LiteRTGraph
from imgclf.model_file.converters import litert_graph, signed_litert_graph
from imgclf.model_file.features_graph import make_features_graph
from tests.support.graphs import code_of, edited, operation, tensor
from tests.support.pretrained import on_backbone

Layers = keras.layers
Ops = keras.ops
SIZE = (16, 20)


def network(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((*SIZE, 3)), *layers])


def small_cnn() -> Any:
    return network(
        Layers.Rescaling(1 / 255),
        Layers.Conv2D(4, 3, strides=2, activation="relu"),
        Layers.Flatten(),
        Layers.Dense(3, activation="softmax"),
    )


@pytest.fixture(scope="module")
def cnn() -> bytes:
    return litert_graph(small_cnn())


@pytest.fixture(scope="module")
def features() -> bytes:
    return make_features_graph(on_backbone(Layers.Dense(3, activation="softmax")))


# What passes.


def runs_as_keras_does(model: Any) -> None:
    graph = LiteRTGraph(litert_graph(model), ranks=(2,))
    pixels = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)
    (outputs,) = zip(*graph.run(pixels), strict=True)
    expected = model.predict_on_batch(pixels.astype(np.float32))
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(np.concatenate(outputs) - expected).max() < 1e-4 * scale


ACTIVATIONS = """
relu relu6 leaky_relu elu selu gelu silu hard_silu hard_sigmoid sigmoid tanh softplus softsign
exponential linear mish celu squareplus tanh_shrink soft_shrink hard_shrink hard_tanh sparse_plus
log_sigmoid log_softmax softmax
"""


@pytest.mark.parametrize("activation", ACTIVATIONS.split())
def test_activations_pass(activation: str) -> None:
    runs_as_keras_does(
        network(
            Layers.Rescaling(1 / 255),
            Layers.Conv2D(4, 3, strides=2, activation=activation),
            Layers.GlobalAveragePooling2D(),
            Layers.Dense(3),
        )
    )


LAYERS: dict[str, Callable[[], Any]] = {
    "AveragePooling2D": lambda: Layers.AveragePooling2D(3, padding="same"),
    "Conv2D, dilated": lambda: Layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "Conv2D, in groups": lambda: Layers.Conv2D(6, 3, groups=3),
    "Conv2DTranspose": lambda: Layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    "Conv2DTranspose, valid": lambda: Layers.Conv2DTranspose(
        4, 3, strides=2, bias_initializer="ones"
    ),
    "Cropping2D": lambda: Layers.Cropping2D(((1, 0), (0, 3))),
    "DepthwiseConv2D": lambda: Layers.DepthwiseConv2D(3, depth_multiplier=2),
    "GroupNormalization": lambda: Layers.GroupNormalization(groups=1),
    "LayerNormalization": Layers.LayerNormalization,
    "MaxPooling2D": lambda: Layers.MaxPooling2D((3, 2), (1, 2)),
    "Normalization": lambda: Layers.Normalization(mean=[1, 2, 3.0], variance=[1, 2, 3.0]),
    "PReLU": Layers.PReLU,
    "Permute": lambda: Layers.Permute((2, 1, 3)),
    "RandomFlip in float64": lambda: Layers.RandomFlip(dtype="float64"),
    "ReLU": lambda: Layers.ReLU(6, 0.1, 0.5),
    "Reshape": lambda: Layers.Reshape((20, 4, 12)),
    "Resizing": lambda: Layers.Resizing(10, 12),
    "Resizing, nearest": lambda: Layers.Resizing(10, 12, interpolation="nearest"),
    "SeparableConv2D": lambda: Layers.SeparableConv2D(6, 3, padding="same"),
    "UnitNormalization": Layers.UnitNormalization,
    "UpSampling2D": lambda: Layers.UpSampling2D(2),
    "UpSampling2D, bilinear": lambda: Layers.UpSampling2D(2, interpolation="bilinear"),
    "ZeroPadding2D": lambda: Layers.ZeroPadding2D(((0, 1), (2, 1))),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_pass(layer: str) -> None:
    runs_as_keras_does(
        network(Layers.Rescaling(1 / 255), LAYERS[layer](), Layers.Flatten(), Layers.Dense(3))
    )


def _attention(values: Any) -> Any:
    rows = Layers.Reshape((20, 16))(Layers.Conv2D(16, 4, 4)(values))
    rows = Layers.LayerNormalization()(rows + Layers.MultiHeadAttention(2, 4)(rows, rows))
    return Layers.GlobalAveragePooling1D()(rows)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": lambda x: Ops.sqrt(Ops.abs(x)),
    "attention": _attention,
    "average": lambda x: Layers.Average()([x, 1 - x]),
    "clip": lambda x: Ops.clip(x, 0.2, 0.8),
    "concatenate": lambda x: Layers.Concatenate()([x, Ops.exp(-x)]),
    "flip": lambda x: Ops.flip(x, axis=-1),
    "maximum": lambda x: Layers.Maximum()([x, 1 - x]),
    "maximum of five dimensions": lambda x: Ops.maximum(
        Ops.reshape(x, (-1, *SIZE, 3, 1)), Ops.reshape(x, (-1, *SIZE, 1, 3))
    ),
    "multiply by channel": lambda x: x * Layers.GlobalAveragePooling2D(keepdims=True)(x),
    "pad, reflected": lambda x: Ops.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)), mode="reflect"),
    "pad, with ones": lambda x: Ops.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)), constant_values=1.0),
    "slice": lambda x: x[:, 2:10, ::2, 1:],
    "split": lambda x: Ops.split(x, 3, axis=-1)[1],
    "stack": lambda x: Ops.stack([x, 1 - x], axis=1),
    "take": lambda x: Ops.take(x, [0, 2, 4], axis=1),
    "transpose": lambda x: Ops.transpose(x, (0, 3, 1, 2)),
    "var": lambda x: Ops.var(x, axis=(1, 2)),
    "whole numbers": lambda x: Ops.cast(Ops.cast(x * 255, "uint8"), "float32"),
    "where": lambda x: Ops.where(Ops.logical_and(x > 0.1, x <= 0.9), x, -x),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_pass(function: str) -> None:
    pictures = keras.Input((*SIZE, 3))
    values = FUNCTIONS[function](Layers.Rescaling(1 / 255)(pictures))
    runs_as_keras_does(keras.Model(pictures, Layers.Dense(3)(Layers.Flatten()(values))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_networks_of_keras_pass(name: str) -> None:
    backbone = as_backbone(construct(name, (64, 64), None), name, None)
    graph = CheckedGraph(make_features_graph(build_features(backbone)))
    assert graph.input_shape == (64, 64, 3)
    assert sorted(map(len, graph.output_shapes)) == [1, 3]


def test_a_graph_with_a_signature_passes() -> None:
    assert CheckedGraph(signed_litert_graph(small_cnn())).output_shapes == [(3,)]


def test_shapes_follow_from_the_number_of_pictures(features: bytes) -> None:
    graph = CheckedGraph(features)
    assert graph.input_shape == (24, 32, 3)
    assert sorted(graph.output_shapes) == [(6, 8, 10), (10,)]
    assert sorted(graph.check(7)) == [(7, 6, 8, 10), (7, 10)]


# What is refused.


def other_type(kind: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        tensor(model, model.subgraphs[0].operators[0].outputs[0]).type = kind

    return edit


def other_operation(name: str) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        code = code_of(model, operation(model, "CONV_2D"))
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)

    return edit


def custom(name: bytes) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        other_operation("CUSTOM")(model)
        model.operatorCodes[0].customCode = name

    return edit


def options(name: str, **values: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        vars(operation(model, name).builtinOptions).update(values)

    return edit


def output_shape(*shape: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        made = tensor(model, operation(model, "CONV_2D").outputs[0])
        made.shape, made.shapeSignature = list(shape), None

    return edit


def integers(name: str, place: int, *numbers: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        given = tensor(model, operation(model, name).inputs[place])
        model.buffers[given.buffer].data = np.array(numbers, np.int32).view(np.uint8)

    return edit


def inputs(name: str, *, drop: int = 0, put: int | None = None) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        found = operation(model, name)
        numbers = list(map(int, found.inputs))
        if drop:
            del numbers[-drop:]
        if put is not None:
            numbers[0] = put
        found.inputs = numbers

    return edit


def cut_weights(model: Any) -> None:
    buffer = model.buffers[tensor(model, operation(model, "CONV_2D").inputs[1]).buffer]
    buffer.data = buffer.data[:-4]


def outside_buffer(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size = 1 << 40, 1 << 40


def quantised(model: Any) -> None:
    tensor(model, 1).quantization = schema.QuantizationParametersT()
    tensor(model, 1).quantization.scale = [0.5]


def sparse(model: Any) -> None:
    tensor(model, 1).sparsity = schema.SparsityParametersT()


def variable(model: Any) -> None:
    tensor(model, 1).isVariable = True


def two_subgraphs(model: Any) -> None:
    model.subgraphs.append(model.subgraphs[0])


def backwards(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


def twice(model: Any) -> None:
    operators = model.subgraphs[0].operators
    operators.insert(1, operators[0])


def other_output(model: Any) -> None:
    model.subgraphs[0].outputs = [len(model.subgraphs[0].tensors) + 5]


def dependencies(model: Any) -> None:
    model.metadata[0].name = b"model_control_dependencies"


def version(model: Any) -> None:
    code_of(model, operation(model, "CONV_2D")).version = 99


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        *((other_type(kind), f"of type {kind}") for kind in (9, 12, 13, 14)),
        (other_type(schema.TensorType.INT32), "it gives float32"),
        *(
            (custom(name), "custom operation")
            for name in (b"Mfcc", b"AudioSpectrogram", b"TFLite_Detection_PostProcess")
        ),
        (other_operation("HASHTABLE_FIND"), "its operation 137 is not known here"),
        (other_operation("WHILE"), "its operation 119 is not known here"),
        (other_operation("DEPTHWISE_CONV_2D"), "DEPTHWISE_CONV_2D: it has options of kind 1"),
        (other_operation("CONCATENATION"), "CONCATENATION: it has options of kind 1"),
        (other_operation("RELU"), "RELU: it has options of kind 1"),
        (version, "an operation is of version 99"),
        (options("CONV_2D", strideW=0), "its stride width is 0"),
        (options("CONV_2D", strideW=3), "it gives"),
        (options("CONV_2D", dilationHFactor=1 << 30), "its dilation height is"),
        (options("CONV_2D", fusedActivationFunction=77), "its activation is 77"),
        (options("CONV_2D", padding=0), "it gives"),
        (options("PACK", valuesCount=200), "it takes 2 and not 200"),
        (options("STRIDED_SLICE", ellipsisMask=1), "its ellipsis mask is 1"),
        (options("FULLY_CONNECTED", weightsFormat=1), "its weights format is 1"),
        (output_shape(65536, 65536), "and not"),
        (output_shape(1, 7, 9, 5), "and not"),
        (output_shape(1, -7, 9, 4), "has the shape"),
        (integers("STRIDED_SLICE", 1, 1 << 30), "it has no place"),
        (integers("STRIDED_SLICE", 3, 0), "it goes on by 0"),
        (integers("PACK", 1, 1 << 30), "can't become"),
        (inputs("CONV_2D", drop=1), "it is given other types"),
        (inputs("CONV_2D", put=-1), "CONV_2D lacks what it takes"),
        (inputs("CONV_2D", put=1 << 30), "it has no tensor"),
        (inputs("FULLY_CONNECTED", drop=1), "FULLY_CONNECTED takes 2 tensors"),
        (cut_weights, "a constant of shape"),
        (outside_buffer, "fields that are not known here"),
        (quantised, "a tensor is quantised"),
        (sparse, "has the field 6"),
        (variable, "a tensor is a variable"),
        (two_subgraphs, "it has 2 subgraphs"),
        (backwards, "it takes what isn't there yet"),
        (twice, "it gives what is there already"),
        (other_output, "it has no tensor"),
        (dependencies, "it has metadata"),
    ],
)
def test_what_the_interpreter_would_believe_is_refused(
    cnn: bytes, edit: Callable[[Any], None], reason: str
) -> None:
    assert CheckedGraph(edited(cnn, lambda _: None)).output_shapes == [(3,)]
    with pytest.raises(GraphError, match=reason):
        CheckedGraph(edited(cnn, edit))


def many_inputs(model: Any) -> None:
    operation(model, "PACK").inputs = [0] * 2000


def many_tensors(model: Any) -> None:
    tensors = model.subgraphs[0].tensors
    tensors += [tensors[0]] * 20_000


def long_name(model: Any) -> None:
    tensor(model, 1).name = b"n" * 70_000


@pytest.mark.parametrize("edit", [many_inputs, many_tensors, long_name])
def test_what_would_take_long_to_be_looked_at_is_refused(
    cnn: bytes, edit: Callable[[Any], None]
) -> None:
    # All of them could be one place in the file.
    with pytest.raises(GraphError, match=r"has \d+ parts, and \d+ are allowed"):
        CheckedGraph(edited(cnn, edit))


def test_a_depthwise_convolution_without_a_bias_is_refused(features: bytes) -> None:
    # Of which LiteRT 2.3 dies.
    with pytest.raises(GraphError, match="DEPTHWISE_CONV_2D: it is given other types"):
        CheckedGraph(edited(features, inputs("DEPTHWISE_CONV_2D", drop=1)))


def test_what_takes_more_memory_than_a_picture_may_is_refused() -> None:
    # 16 bytes of options and shapes; 4,096 x 5,120 x 64 numbers are 5 GB.
    model = network(
        Layers.UpSampling2D(256, interpolation="bilinear"),
        Layers.Conv2D(64, 1),
        Layers.GlobalAveragePooling2D(),
    )
    with pytest.raises(GraphError, match=r"bytes, and \d+ are allowed"):
        CheckedGraph(litert_graph(model))


def test_what_takes_longer_than_a_picture_may_is_refused() -> None:
    layers = [Layers.Conv2D(2048, 1) for _ in range(2)]
    model = network(Layers.Resizing(64, 64), *layers, Layers.GlobalAveragePooling2D())
    with pytest.raises(GraphError, match="it takes longer than any network"):
        CheckedGraph(litert_graph(model))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\0\0\0\0TFL3", np.random.default_rng(0).bytes(64), b"\xff" * 999]
)
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(GraphError):
        CheckedGraph(content)


def test_a_graph_that_ends_early_is_refused_or_is_whole(cnn: bytes) -> None:
    for length in range(0, len(cnn), 37):
        with pytest.raises(GraphError):
            CheckedGraph(cnn[:length])


def test_offsets_that_lead_outside_are_refused(cnn: bytes) -> None:
    refused = 0
    for place in range(0, len(cnn) - 3, 4):
        spoiled = cnn[:place] + (0x7FFFFFFF).to_bytes(4, "little") + cnn[place + 4 :]
        try:
            CheckedGraph(spoiled)  # most places are weights
        except GraphError:
            refused += 1
    assert refused > 300
