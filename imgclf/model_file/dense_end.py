"""The end of a network as corrections need it: its features, then one Dense layer.

    body -> features -> Dropout, if there was one -> Dense, with the activation

The layer `features` is found by its name, as in models that were built on a pretrained network.
Many networks end in what is equal to this: a Softmax after the Dense layer, or a convolution in
place of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.config.keras_private import call_that_made
from imgclf.errors import ModelFileError
from imgclf.model.flat_graph import UniqueNames
from imgclf.model.layer_names import ANSWER, FEATURES
from imgclf.model_file.keras_parts import PASSING, is_built_on_features, read_numpy_head

_ADOPT_AGAIN = (
    "adopt the .keras file that it was made of again, by the same name and with the same options: "
    "imgclf adopt MODEL.keras --classes FIRST,SECOND --name NAME"
)
_TRAIN = "end it in GlobalAveragePooling2D and Dense, train that, and adopt it"

# What layers and operations put out, if it is the activation of what is before them.
_ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "log_softmax"}


def with_dense_end(model: keras.Model) -> keras.Model:
    """The same network, in the form that can be corrected.

    Args:
        model: One flat graph, with outputs of shape (pictures, units).

    Raises:
        ModelFileError: It has no such form; says why, and what to do.
    """
    if model.layers[-1].name == ANSWER or is_in_our_form(model):
        return model
    return _ending_in(_read_end(model.outputs[0]), model)


def require_dense_end(model: keras.Model) -> None:
    """Makes sure that a model can be corrected.

    Raises:
        ModelFileError: It can't, or earlier versions adopted it in a form that can't.
    """
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        raise ModelFileError(
            "a model that has another model inside of it, as earlier versions adopted them, can't "
            "be corrected",
            _ADOPT_AGAIN,
        )
    last, _ = call_that_made(model.outputs[0])
    if isinstance(last, keras.layers.Dense):
        return
    try:
        with_dense_end(model)
    except ModelFileError as error:
        message = f"this model can't be corrected: {error.message}"
        raise ModelFileError(message, error.hint) from error
    raise ModelFileError(
        f"a model can be corrected if its last layer is Dense; this one's is {_called(last)}, as "
        "earlier versions adopted it",
        _ADOPT_AGAIN,
    )


def is_in_our_form(model: keras.Model) -> bool:
    """Whether a model says already what its features are, as those do that imgclf has written."""
    return is_built_on_features(model) and read_numpy_head(model) is not None


@dataclass(frozen=True)
class _End:
    """What gives the outputs, in other words.

    Attributes:
        given: What the features are made of: shape (pictures, features), or a map.
        averaged: They are the averages of this map.
        silent: Layers between features and Dense that do nothing in prediction.
        dense: The config of the Dense layer.
        weights: Its weights.
    """

    given: keras.KerasTensor
    averaged: bool
    silent: Sequence[keras.Layer]
    dense: dict[str, Any]
    weights: list[Any]


def _ending_in(end: _End, model: keras.Model) -> keras.Model:
    """The model with this end in place of its own."""
    pictures, values = model.inputs[0], end.given
    body = keras.Model(pictures, values)
    names = UniqueNames(*(operation.name for operation in body.operations))
    # Without a map there is no graph of the features, which gives both.
    has_map = any(map(_puts_out_map, body.layers))
    if end.averaged:
        name = FEATURES if has_map else names.unique("averages")
        values = keras.layers.GlobalAveragePooling2D(name=name)(values)
    else:
        if len(values.shape) == 4:
            values = keras.layers.Flatten(name=names.unique("flat"))(values)
        if has_map:
            values = keras.layers.Identity(name=FEATURES)(values)
    for layer in end.silent:
        config = layer.get_config() | {"name": names(layer)}
        values = type(layer).from_config(config)(values)
    config = end.dense | {"name": names.unique(end.dense["name"])}
    dense = keras.layers.Dense.from_config(config)
    values = dense(values)
    dense.set_weights(end.weights)
    return keras.Model(pictures, values, name=model.name)


def _puts_out_map(layer: keras.Layer) -> bool:
    is_input = isinstance(layer, keras.layers.InputLayer)
    return not is_input and len(getattr(layer.output, "shape", ())) == 4


def _read_end(outputs: keras.KerasTensor) -> _End:
    """What a graph ends in.

    Raises:
        ModelFileError: It isn't a Dense layer, nor equal to one.
    """
    tensor, _ = _before_silent(outputs)
    operation, given = call_that_made(tensor)
    activation = _activation(operation)
    if activation is not None:
        tensor, _ = _before_silent(given[0])
        operation, given = call_that_made(tensor)
    if isinstance(operation, keras.layers.Dense) and len(given[0].shape) == 2:
        end = _dense(operation, given[0])
    else:
        end = _convolution(tensor)
    own = end.dense["activation"]
    if activation is None:
        return end
    if own != "linear":
        raise _refusal(
            f"{end.dense['name']} has the activation {own}, and {activation} comes after it"
        )
    return replace(end, dense=end.dense | {"activation": activation})


def _dense(layer: keras.layers.Dense, given: keras.KerasTensor) -> _End:
    features, silent = _before_silent(given)
    operation, before = call_that_made(features)
    averaged = isinstance(operation, keras.layers.GlobalAveragePooling2D) and not operation.keepdims
    return _End(
        before[0] if averaged else features,
        averaged,
        silent,
        layer.get_config(),
        layer.get_weights(),
    )


def _convolution(outputs: keras.KerasTensor) -> _End:
    """The end, if a convolution gives the outputs: over the whole map, or 1x1 and averaged then."""
    tensor = outputs
    operation, given = call_that_made(tensor)
    if _is_one_place(given) and isinstance(operation, keras.layers.Flatten | keras.layers.Reshape):
        tensor, _ = _before_silent(given[0])
        operation, given = call_that_made(tensor)
    averaged = isinstance(operation, keras.layers.GlobalAveragePooling2D)
    if averaged:
        tensor, _ = _before_silent(given[0])
        operation, given = call_that_made(tensor)
    is_convolution = type(operation) is keras.layers.Conv2D
    if not is_convolution and not isinstance(operation, keras.layers.Dense):
        raise _refusal(f"its outputs are not a Dense layer's, but come from {_called(operation)}")
    given_map, silent = _before_silent(given[0])
    config, (kernel, *bias) = operation.get_config(), operation.get_weights()
    if not is_convolution:  # which does the same at each place
        kernel = kernel[np.newaxis, np.newaxis]
    if averaged and config["activation"] != "linear":
        raise _refusal(
            f"its outputs are averages of what {_called(operation)} puts out, after its activation "
            f"{config['activation']}"
        )
    size = (1, 1) if averaged else tuple(given_map.shape[1:3])
    if kernel.shape[:2] != size or (is_convolution and not _is_plain(operation)):
        raise _refusal(
            f"{_called(operation)} looks at more than one place, or at a part of its map"
        )
    source, before = call_that_made(given_map)
    if size == (1, 1) and isinstance(source, keras.layers.GlobalAveragePooling2D):
        averaged, given_map = True, before[0]
    wanted = "name", "trainable", "activation", "use_bias", "kernel_regularizer", "bias_regularizer"
    dense = {"units": kernel.shape[-1], **{key: config[key] for key in wanted}}
    return _End(given_map, averaged, silent, dense, [kernel.reshape(-1, kernel.shape[-1]), *bias])


def _before_silent(
    tensor: keras.KerasTensor,
) -> tuple[keras.KerasTensor, list[keras.Layer]]:
    """What a tensor is in prediction, and the layers that only hand it on, from first to last."""
    handing_on: list[keras.Layer] = []
    while True:
        operation, given = call_that_made(tensor)
        if type(operation) in PASSING:
            handing_on.insert(0, operation)
        elif not _is_linear(operation):
            return tensor, handing_on
        tensor = given[0]


def _is_linear(operation: keras.Operation) -> bool:
    """An activation that is none, or a cast to what all is computed in, as in mixed precision."""
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    return type(operation).__name__ == "Cast" and operation.dtype == "float32"


def _activation(operation: keras.Operation) -> str | None:
    if isinstance(operation, keras.layers.Activation):
        name = operation.activation.__name__
        return name if name in _ACTIVATIONS.values() else None
    is_last_axis = getattr(operation, "axis", -1) in (-1, 1)
    return _ACTIVATIONS.get(type(operation).__name__) if is_last_axis else None


def _is_one_place(given: Sequence[keras.KerasTensor]) -> bool:
    return bool(given) and len(given[0].shape) == 4 and tuple(given[0].shape[1:3]) == (1, 1)


def _is_plain(layer: keras.layers.Conv2D) -> bool:
    """Whether each output is a sum over one place of the kernel, and all of that."""
    if layer.groups != 1 or layer.strides != (1, 1) or layer.data_format != "channels_last":
        return False
    is_whole = layer.padding == "valid" and layer.dilation_rate == (1, 1)
    return is_whole or bool(layer.kernel_size == (1, 1))


def _refusal(why: str) -> ModelFileError:
    return ModelFileError(why, _TRAIN)


def _called(operation: keras.Operation) -> str:
    return f"{type(operation).__name__} {operation.name!r}"
