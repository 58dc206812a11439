"""Networks as one flat graph, whose layers have names that nothing else has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from imgclf.backend import keras
from imgclf.config.keras_private import run_through

PREFIX = "backbone_"
"""What names begin with that Keras, or somebody else, would give to other layers as well."""

Rename = Callable[[keras.Operation], str]


class OwnNames:
    """Keeps the names that a network's layers were given, and replaces those that Keras made up.

    Keras numbers layers through a process (`conv2d_17`), so that those names are others each time,
    and would be those of layers that a config declares.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, operation: keras.Operation) -> str:
        """The name for a copy of a layer, or of an operation such as `x + y`."""
        stem = re.sub(r"_\d+$", "", operation.name)
        if stem.replace("_", "") != type(operation).__name__.lower():
            return str(operation.name)
        return self.numbered(stem)

    def numbered(self, stem: str) -> str:
        """The next name of this kind: `backbone_conv2d`, `backbone_conv2d_1`."""
        number = self._counts[stem]
        self._counts[stem] += 1
        return f"{PREFIX}{stem}_{number}" if number else f"{PREFIX}{stem}"


def prefixed(operation: keras.Operation) -> str:
    """Its name behind a prefix, for networks that may have any names."""
    return f"{PREFIX}{operation.name}"


def flat_copy(
    model: keras.Model,
    rename: Rename,
    *,
    added: Callable[[keras.Operation], keras.Layer | None] = lambda operation: None,
    keep: Callable[[keras.Operation], bool] = lambda operation: True,
    dtype: keras.DTypePolicy | None = None,
) -> keras.Model:
    """A copy of a network, with its weights, in which no model is inside of another.

    Args:
        model: Functional or Sequential, with one input and one output.
        rename: Gives the name of each copy.
        added: A layer that comes after one of them, if there shall be one.
        keep: Which are copied; others hand on what they are given.
        dtype: What the copies compute in; None for what the originals do.
    """
    copies: dict[int, keras.Operation | None] = {}  # a layer may be called more than once
    copied: list[tuple[keras.Layer, keras.Layer]] = []

    def copy_of(operation: keras.Operation) -> keras.Operation | None:
        if isinstance(operation, keras.Model):
            return operation
        if id(operation) not in copies:
            copies[id(operation)] = copy(operation) if keep(operation) else None
        return copies[id(operation)]

    def copy(operation: keras.Operation) -> keras.Operation:
        config = operation.get_config() | {"name": rename(operation)}
        if isinstance(operation, keras.layers.Normalization) and operation.weights:
            # What it was adapted to: as weights, Keras would forget it where weights are set.
            mean, variance, _ = operation.get_weights()
            config |= {"mean": mean.tolist(), "variance": variance.tolist()}
        if dtype is not None and isinstance(operation, keras.Layer):
            config["dtype"] = dtype
        clone = type(operation).from_config(config)
        after[id(clone)] = added(operation)
        if isinstance(operation, keras.Layer):
            copied.append((operation, clone))
        return clone

    def call(clone: keras.Operation | None, *args: Any, **kwargs: Any) -> Any:
        if clone is None:
            return args[0]
        if isinstance(clone, keras.Model):
            return run_through(_as_graph(clone), args[0], copy_of, call)
        values = clone(*args, **kwargs)
        layer = after[id(clone)]
        return values if layer is None else layer(values)

    after: dict[int, keras.Layer | None] = {}
    graph = _as_graph(model)
    pictures = keras.Input(batch_shape=graph.input_shape, dtype=graph.inputs[0].dtype)
    flat = keras.Model(pictures, run_through(graph, pictures, copy_of, call), name=model.name)
    for original, clone in copied:
        if clone.weights:
            clone.set_weights(original.get_weights())
    return flat


def _as_graph(model: keras.Model) -> keras.Model:
    """A Sequential as Functional, and without lists around its input."""
    return keras.Model(model.inputs[0], model.outputs[0])
