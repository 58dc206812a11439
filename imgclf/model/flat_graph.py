"""Networks as one flat graph: no model is inside of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imgclf.backend import keras
from imgclf.config.keras_private import run_through

Rename = Callable[[keras.Operation], str]


class UniqueNames:
    """Keeps all names, and numbers those that are taken: `conv`, `conv_1`.

    Args:
        taken: Names that nothing may have.
    """

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)

    def __call__(self, operation: keras.Operation) -> str:
        """The name for a copy of a layer, or of an operation such as `x + y`."""
        return self.unique(str(operation.name))

    def unique(self, wanted: str) -> str:
        """The name that a layer gets that would have this one."""
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


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
    pictures = keras.Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)
    outputs = _Copies(rename, added, keep, dtype).of(model, pictures)
    return keras.Model(pictures, outputs, name=model.name)


def flat_outputs(model: keras.Model, values: keras.KerasTensor, rename: Rename) -> Any:
    """What copies of a network's layers, with its weights, make of symbolic values.

    Args:
        model: As `flat_copy` takes it.
        values: In place of its input; another size is fine if it takes any.
        rename: Gives the name of each copy.
    """
    return _Copies(rename).of(model, values)


class _Copies:
    """Copies of layers and operations; the arguments are those of `flat_copy`."""

    def __init__(
        self,
        rename: Rename,
        added: Callable[[keras.Operation], keras.Layer | None] = lambda operation: None,
        keep: Callable[[keras.Operation], bool] = lambda operation: True,
        dtype: keras.DTypePolicy | None = None,
    ) -> None:
        self._rename, self._added, self._keep, self._dtype = rename, added, keep, dtype
        # By identity, for a layer may be called more than once: itself, its copy, what follows.
        self._made: dict[
            int, tuple[keras.Operation, keras.Operation | None, keras.Layer | None]
        ] = {}
        self._graphs: dict[int, keras.Model] = {}

    def of(self, model: keras.Model, values: keras.KerasTensor) -> Any:
        """What the copies, with the weights of the originals, make of values."""
        outputs = self._run(model, values)
        for original, copy, _ in self._made.values():
            if copy is not None and getattr(copy, "weights", []):
                copy.set_weights(original.get_weights())
        return outputs

    def _run(self, model: keras.Model, given: Any) -> Any:
        """The copies in place of a model's layers; a list of one is what is in it."""
        graph = self._graphs.setdefault(id(model), _as_graph(model))
        outputs = run_through(graph, _as_given(graph, given), call=self._call)
        alone = isinstance(outputs, list | tuple) and len(outputs) == 1
        return outputs[0] if alone else outputs

    def _call(self, operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, keras.Model):
            # `training` and `mask` are let go: Keras sets the one for all layers when it trains,
            # whatever a call says, and tensors bring the other along.
            return self._run(operation, args[0] if args else kwargs["inputs"])
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
    """A Sequential as Functional."""
    if not isinstance(model, keras.Sequential):
        return model
    return keras.Model(model.inputs[0], model.outputs[0])


def _as_given(graph: keras.Model, given: Any) -> list[Any]:
    """What a model inside of a model is called with, in the order and types of its inputs."""
    named = isinstance(given, dict) and not isinstance(graph.input, dict)
    values = [given[one.name] for one in graph.inputs] if named else keras.tree.flatten(given)
    return [_cast(value, to=one.dtype) for value, one in zip(values, graph.inputs, strict=True)]


def _cast(value: Any, to: str) -> Any:
    """As Keras does it where a model is called; but floats stay as precise as they come."""
    if value.dtype == to or ("float" in value.dtype and "float" in to):
        return value
    return keras.ops.cast(value, to)
