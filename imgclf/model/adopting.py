"""Making a classifier of a plain Keras model that was trained elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.errors import ModelFileError
from imgclf.model.head import Activation
from imgclf.model.keras_file import load_checked
from imgclf.model.trust import Contents

# Layers and operations that bring pictures to the values that a network was trained on.
_SCALING = {
    *("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization"),
    *("Divide", "TrueDivide", "Multiply", "Subtract"),
}
_PASSING = {"Activation", "Dropout", "Identity", "InputLayer"}  # if they have no activation


def load_plain(path: Path, contents: Contents) -> keras.Model:
    """The network of a plain `.keras` file, in float32 and not compiled.

    Args:
        path: The file.
        contents: From `ModelArchive.refuse_code`.

    Raises:
        ModelFileError: Keras can't load it, or it has not one input and one output.
    """
    model = load_checked(path, contents, compiled=False)
    if not getattr(model, "inputs", None):
        raise ModelFileError(f"{path} was saved before it had seen a picture: it has no weights")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelFileError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "a classifier has one of each"
        )
    if all(variable.dtype == layer.compute_dtype for layer in _layers(model) for variable in layer.variables if layer.trainable):
        return model
    return model


def read_head(model: keras.Model, from_logits: bool) -> tuple[Activation, bool]:
    """How to read the network's outputs as probabilities, and whether that had to be guessed.

    Args:
        model: Its outputs have shape (pictures, units).
        from_logits: What its loss says of the outputs.

    Raises:
        ModelFileError: It ends as no classifier does.
    """
    name, units = _last_activation(model), model.output_shape[-1]
    if units == 1 and name in ("sigmoid", "linear"):
        return ("sigmoid" if name == "sigmoid" else "sigmoid_logits"), _guessed(name, from_logits)
    # The logarithms of probabilities are logits of these probabilities.
    if units > 1 and name in ("softmax", "linear", "log_softmax"):
        return ("softmax" if name == "softmax" else "softmax_logits"), _guessed(name, from_logits)
    raise ModelFileError(
        f"a classifier ends in 1 sigmoid unit or several softmax units; this model ends in "
        f"{units} units with activation {name}"
    )


def scales_its_input(model: keras.Model) -> bool:
    """Whether it does arithmetic on the pictures before its first layer of weights."""
    for operation in _operations(model):
        if type(operation).__name__ in _SCALING:
            return True
        if getattr(operation, "weights", ()):
            return False
    return False
