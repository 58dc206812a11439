"""Making a classifier of a plain Keras model that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, first_line
from imgclf.model.flat_graph import UniqueNames, flat_outputs
from imgclf.model.layer_names import FEATURES
from imgclf.model.probabilities import Activation, activation_of
from imgclf.model_file.dense_end import is_in_our_form
from imgclf.model_file.keras_io import load_checked
from imgclf.model_file.keras_parts import PASSING
from imgclf.model_file.screening import Contents

# Layers and operations that bring pictures to the values that a network was trained on.
_SCALING = {
    *("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization"),
    *("Add", "Divide", "TrueDivide", "Multiply", "Subtract"),
}
# Names that no other layer has, which Keras insists on.
_PICTURES, _SCALING_LAYER = "pictures", "scale_for_adoption"

# Of outputs, against the largest of them: a graph that computes something else is off by more.
_ROUNDING = 1e-4


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

    Args:
        model: One flat graph.

    Raises:
        ModelFileError: It ends as no classifier does.
    """
    return activation_of(_last_activation(model), model.output_shape[-1])


def scales_its_input(model: keras.Model) -> bool:
    """Whether a flat graph does arithmetic on the pictures before its first layer with weights."""
    for operation in model.operations:
        if type(operation).__name__ in _SCALING:
            return True
        if getattr(operation, "weights", ()):
            return False
    return False


def as_flat_graph(
    path: Path, model: keras.Model, height: int, width: int, scale: float | None, offset: float
) -> keras.Model:
    """The same network for float32 pictures of one size, without a model inside of it.

    Args:
        path: Its file, for what is said.
        model: Takes pictures of this size, or of any.
        height: In pixels.
        width: In pixels.
        scale: What values from 0 to 255 are multiplied by first; None to leave them.
        offset: What is added then.

    Raises:
        ModelFileError: Keras can't build it so.
    """
    ours = [_PICTURES, _SCALING_LAYER, *([] if is_in_our_form(model) else [FEATURES])]
    names = UniqueNames(*ours)
    pictures = keras.Input((height, width, 3), name=_PICTURES)
    values = pictures
    if scale is not None:
        values = keras.layers.Rescaling(scale, offset, name=_SCALING_LAYER)(values)
    try:
        return keras.Model(pictures, flat_outputs(model, values, names), name=model.name)
    except Exception as error:  # whatever its layers raise where they are built again
        raise ModelFileError(
            f"{path} can't be made one graph for pictures of {height}x{width}: {first_line(error)}"
        ) from error


def require_same_answers(
    path: Path,
    model: keras.Model,
    flat: keras.Model,
    pixels: Pixels,
    scale: float | None,
    offset: float,
) -> None:
    """Makes sure that a network says what it was made of says.

    Args:
        path: Its file, for what is said.
        model: As it was loaded.
        flat: Made of it.
        pixels: uint8, shape (pictures, height, width, 3).
        scale: That `flat` scales by.
        offset: That it adds then.

    Raises:
        ModelFileError: It doesn't, or can't be run on so many pictures.
    """
    given = pixels.astype(np.float32)
    scaled = given if scale is None else given * np.float32(scale) + np.float32(offset)
    alone = isinstance(model, keras.Sequential)
    wrapped = scaled if alone else keras.tree.pack_sequence_as(model.input, [scaled])
    try:
        # Said out loud, for augmentation layers take the other by default.
        (said,) = keras.tree.flatten(model(wrapped, training=False))
        expected = np.asarray(said)
        found = np.asarray(flat(given, training=False))
    except Exception as error:  # whatever its layers raise
        raise ModelFileError(
            f"{path} can't be run on {len(pixels)} pictures at once: {first_line(error)}"
        ) from error
    largest = float(np.max(np.abs(expected), initial=1.0))
    if not np.allclose(found, expected, rtol=0, atol=_ROUNDING * largest, equal_nan=True):
        difference = np.abs(found - expected).max()
        raise ModelFileError(
            f"{path} can't be made one graph: its outputs would be others, by {difference:.1e}"
        )


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
    given = {name: _of_output(part) for name, part in (declared or {}).items() if name in wanted}
    try:
        model.compile(**suited | keras.saving.deserialize_keras_object(given, safe_mode=True))
    except Exception:  # whatever Keras stumbles over; for predictions it doesn't matter
        model.compile(**suited)


def _of_output(part: Any) -> Any:
    """What is said of the one output, without its name, which may be another here."""
    by_name = isinstance(part, dict) and len(part) == 1 and "class_name" not in part
    if not by_name:
        return part
    (said,) = part.values()
    return [said] if isinstance(said, int | float) else said  # a weight: Keras wants a list


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
    for operation in reversed(model.operations):
        kind = type(operation).__name__
        if kind in ("Softmax", "Sigmoid", "LogSoftmax"):
            return "log_softmax" if kind == "LogSoftmax" else kind.lower()
        name = getattr(getattr(operation, "activation", None), "__name__", "linear")
        # As people end mixed-precision models.
        is_linear = kind == "Activation" and name == "linear"
        if type(operation) not in PASSING and not is_linear:
            return name
    return "linear"
