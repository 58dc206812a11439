"""Building layers without their weights, to see what they would take."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imgclf.backend import keras
from imgclf.config.keras_private import no_variable_left_to_initialize, numbered_as_before
from imgclf.config.loaded import ConfigFile
from imgclf.config.network_size import LayerSize, refuse_giant_layer
from imgclf.config.spec import Spec
from imgclf.model.keras_objects import make


@contextmanager
def without_weights() -> Iterator[None]:
    """What is built inside has no values, takes no memory, and leaves no trace in Keras."""
    drawn = random.getstate()  # of which Keras makes the seeds of initializers
    try:
        with (
            numbered_as_before(),
            no_variable_left_to_initialize(),
            keras.StatelessScope(initialize_variables=False),
        ):
            yield
    finally:
        random.setstate(drawn)


def largest_output(layer: keras.Layer) -> int:
    """How many numbers a layer puts out for one picture, or the largest inside of it."""
    shapes = [tensor.shape for tensor in keras.tree.flatten(getattr(layer, "output", ()))]
    inside = [largest_output(inner) for inner in getattr(layer, "layers", ())]
    return max([*(math.prod(filter(None, shape[1:])) for shape in shapes), *inside], default=0)


def number_of_weights(layer: keras.Layer) -> int:
    """Of all that it has."""
    return sum(math.prod(weight.shape) for weight in layer.weights)


def refuse_giant_built(values: Any, key: str, spec: Spec, file: ConfigFile) -> None:
    """As `refuse_giant`, for a layer of which only Keras knows what it makes.

    Args:
        values: Symbolic, what the layer is to be given.
        key: Where it stands in the config.
        spec: Its declaration.
        file: Names the line.

    Raises:
        ConfigError: It would fill the memory; or Keras refuses it.
    """
    with without_weights():
        layer = make("layers", spec, key, file)
        try:
            made = layer(keras.Input(batch_shape=values.shape, dtype=values.dtype))
            shape = made.shape[1:]
        except Exception:  # whatever it raises, it raises again where it is told
            return
        weights = number_of_weights(layer)
    refuse_giant_layer(LayerSize(key, spec, values.shape[1:], shape, weights), weights, file)
