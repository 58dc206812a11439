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
    graph = _as_graph(model)
    pictures = keras.Input(batch_shape=graph.input_shape, dtype=graph.inputs[0].dtype)
    copies = _Copies(rename, added, keep, dtype)
    flat = keras.Model(pictures, copies.run(graph, pictures), name=model.name)
    copies.take_weights()
    return flat


class _Copies:
    """Copies of layers and operations; the arguments are those of `flat_copy`."""

    def __init__(
        self,
        rename: Rename,
        added: Callable[[keras.Operation], keras.Layer | None],
        keep: Callable[[keras.Operation], bool],
        dtype: keras.DTypePolicy | None,
    ) -> None:
        self._rename, self._added, self._keep, self._dtype = rename, added, keep, dtype
        # By identity, for a layer may be called more than once: itself, its copy, what follows.
        self._made: dict[
            int, tuple[keras.Operation, keras.Operation | None, keras.Layer | None]
        ] = {}

    def run(self, graph: keras.Model, values: keras.KerasTensor) -> keras.KerasTensor:
        """What the copies make of symbolic values, in place of the originals in a graph."""
        return run_through(graph, values, call=self._call)

    def take_weights(self) -> None:
        """Gives the copies the weights of the originals."""
        for original, copy, _ in self._made.values():
            if copy is not None and getattr(copy, "weights", []):
                copy.set_weights(original.get_weights())

    def _call(self, operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, keras.Model):
            return self.run(_as_graph(operation), args[0])
        if id(operation) not in self._made:
            self._made[id(operation)] = (operation, *self._copied(operation))
        _, copy, following = self._made[id(operation)]
        if copy is None:
            return args[0]
        values = copy(*args, **kwargs)
        return values if following is None else following(values)

    def _copied(
        self, operation: keras.Operation
    ) -> tuple[keras.Operation | None, keras.Layer | None]:
        if not self._keep(operation):
            return None, None
        config = operation.get_config() | {"name": self._rename(operation)}
        if isinstance(operation, keras.layers.Normalization) and operation.weights:
            # What it was adapted to: as weights, Keras would forget it where weights are set.
            mean, variance, _ = operation.get_weights()
            config |= {"mean": mean.tolist(), "variance": variance.tolist()}
        if self._dtype is not None and isinstance(operation, keras.Layer):
            config["dtype"] = self._dtype
        return type(operation).from_config(config), self._added(operation)


def _as_graph(model: keras.Model) -> keras.Model:
    """A Sequential as Functional, and without lists around its input."""
    return keras.Model(model.inputs[0], model.outputs[0])
