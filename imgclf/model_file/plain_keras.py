"""Making a classifier of a plain Keras model that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.errors import ModelFileError
from imgclf.model.probabilities import Activation, activation_of
from imgclf.model_file.keras_io import load_checked
from imgclf.model_file.screening import Contents

# Layers and operations that bring pictures to the values that a network was trained on.
_SCALING = {
    *("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization"),
    *("Add", "Divide", "TrueDivide", "Multiply", "Subtract"),
}
# What hands on the outputs of the layer before it, as people end mixed-precision models.
_PASSING = {"Dropout", "Identity", "InputLayer"}


def load_plain(path: Path, contents: Contents) -> keras.Model:
    """The network of a plain `.keras` file, in float32 and not compiled.

    Args:
        path: The file.
        contents: From `screen_graph`.

    Raises:
        ModelFileError: Keras can't load it, or it is no network from one input to one output.
    """
    model = load_checked(path, contents, compiled=False)
    if not model.built or not getattr(model, "inputs", None):
        raise ModelFileError(f"{path} was saved before it had seen a picture: it has no weights")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelFileError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "a classifier has one of each"
        )
    config = _plain(contents.config)
    if config == contents.config:
        return model
    plain = keras.saving.deserialize_keras_object(config | {"compile_config": None}, safe_mode=True)
    plain.set_weights([np.asarray(values, np.float32) for values in model.get_weights()])
    return plain


def read_head(model: keras.Model) -> Activation:
    """How to read the network's outputs, of shape (pictures, units), as probabilities.

    Raises:
        ModelFileError: It ends as no classifier does.
    """
    return activation_of(_last_activation(model), model.output_shape[-1])


def scales_its_input(model: keras.Model) -> bool:
    """Whether it does arithmetic on the pictures before its first layer with weights."""
    for operation in _operations(model):
        if type(operation).__name__ in _SCALING:
            return True
        if getattr(operation, "weights", ()):
            return False
    return False


def with_input(
    model: keras.Model, height: int, width: int, scale: float | None, offset: float
) -> keras.Model:
    """The same network for float32 pictures of one size, which are scaled first if asked.

    Args:
        model: Takes pictures of this size, or of any.
        height: In pixels.
        width: In pixels.
        scale: What values from 0 to 255 are multiplied by; None to leave them.
        offset: What is added then.
    """
    shape = (None, height, width, 3)
    if scale is None and model.input_shape == shape and model.inputs[0].dtype == "float32":
        return model
    # A name that no other layer has, which Keras insists on.
    scaling = (
        [] if scale is None else [keras.layers.Rescaling(scale, offset, name="scale_for_adoption")]
    )
    pictures = keras.Input(shape[1:])
    if isinstance(model, keras.Sequential):
        return keras.Sequential([pictures, *scaling, *model.layers], name=model.name)
    values = scaling[0](pictures) if scaling else pictures
    return keras.Model(pictures, model(values), name=f"{model.name}_adopted")


def compile_as_declared(
    model: keras.Model, declared: dict[str, Any] | None, head: Activation
) -> None:
    """Compiles it as its author did, with a fresh optimizer, or as its outputs suggest.

    Args:
        model: The network.
        declared: From `screen_graph`; what is missing there is chosen by the outputs.
        head: How its outputs are read.
    """
    from_logits = head.endswith("_logits")
    suited: dict[str, Any] = {
        "optimizer": "adam",
        "loss": keras.losses.BinaryCrossentropy(from_logits=from_logits)
        if head.startswith("sigmoid")
        else keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        "metrics": ["accuracy"],
    }
    wanted = (*suited, "loss_weights", "weighted_metrics")
    given = {name: part for name, part in (declared or {}).items() if name in wanted}
    try:
        model.compile(**suited | keras.saving.deserialize_keras_object(given, safe_mode=True))
    except Exception:  # whatever Keras stumbles over; for predictions it doesn't matter
        model.compile(**suited)


def _plain(config: Any) -> Any:
    """The same config in float32, whatever precision it was trained in.

    Tensors become arrays: ONNX takes a tensor that is captured in a graph for one more input.
    """
    if isinstance(config, list):
        return [_plain(child) for child in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config | {"config": {"name": "float32"}}
    if config.get("class_name") == "__tensor__":
        return config | {"class_name": "__numpy__"}
    return {name: _plain(child) for name, child in config.items()}


def _last_activation(model: keras.Model) -> str:
    for operation in reversed(_operations(model)):
        kind = type(operation).__name__
        if kind in ("Softmax", "Sigmoid", "LogSoftmax"):
            return "log_softmax" if kind == "LogSoftmax" else kind.lower()
        name = getattr(getattr(operation, "activation", None), "__name__", "linear")
        if kind not in _PASSING and not (kind == "Activation" and name == "linear"):
            return name
    return "linear"


def _operations(model: keras.Model) -> list[keras.Operation]:
    """Layers and operations from input to output, those of models inside of it in their place."""
    listed = model.layers if isinstance(model, keras.Sequential) else model.operations
    return [
        inner
        for operation in listed
        for inner in (_operations(operation) if isinstance(operation, keras.Model) else [operation])
    ]
