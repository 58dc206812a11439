"""Where a network can be cut in two, and the two parts.

Between them goes one row of numbers for each picture, as features do: a map is laid out flat by the
lower part, and put back in its form by the upper one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from imgclf.backend import keras
from imgclf.config.keras_private import run_through
from imgclf.model.layer_names import FEATURES


@dataclass(frozen=True)
class Place:
    """Where exactly one array crosses from the operations below to those above.

    Attributes:
        below: How many operations lie below it, in the order in which Keras runs them.
        shape: Of the array, for one picture.
    """

    below: int
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many numbers cross for one picture."""
        return math.prod(self.shape)


def places(model: keras.Model) -> list[Place]:
    """Where a model on a backbone can be cut so that training changes nothing below.

    Below are layers with weights of which none is trained, and none that acts at random in
    training (Dropout, say); above are the features at least.

    Args:
        model: From `build_model` on a backbone, without augmentation.

    Returns:
        From the pictures on; empty if there are none.
    """
    pictures, steps = _steps(model)
    last_use = {id(one): number for number, step in enumerate(steps) for one in step.given}
    crossing, weights, found = {id(pictures)}, False, list[Place]()
    for number, step in enumerate(steps):
        operation = step.operation
        variables = getattr(operation, "variables", ())
        is_random = len(variables) > len(getattr(operation, "weights", ()))
        if operation.name == FEATURES or is_random or _is_trained(operation):
            break
        weights = weights or bool(variables)
        crossing |= {id(one) for one in step.values}
        crossing = {one for one in crossing if last_use.get(one, -1) > number}
        if weights and crossing == {id(step.values[0])}:
            found.append(Place(number + 1, tuple(step.values[0].shape[1:])))
    return [place for place in found if None not in place.shape]


def lower_part(model: keras.Model, below: int) -> keras.Model:
    """From pictures to what crosses, shape (batch, numbers).

    Args:
        model: As `places` was given it.
        below: Of a place.
    """
    pictures, steps = _steps(model)
    return keras.Model(pictures, keras.layers.Flatten()(steps[below - 1].values[0]))


def upper_part(model: keras.Model, below: int) -> keras.Model:
    """From what crosses to the model's outputs; not compiled.

    Its layers are the model's own: to train it is to train the model.

    Args:
        model: As `places` was given it.
        below: Of a place.
    """
    given, done = None, 0

    def call(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        nonlocal given, done
        values, done = operation(*args, **kwargs), done + 1
        if done != below:
            return values
        shape = tuple(values.shape[1:])
        given = keras.Input((math.prod(shape),), dtype=values.dtype)
        return keras.layers.Reshape(shape, name="crossing")(given)

    outputs = run_through(model, _input_like(model), call=call)
    return keras.Model(given, outputs)


@dataclass(frozen=True)
class _Step:
    """An operation where it is called: what it is given, and what it makes of that."""

    operation: keras.Operation
    given: list[keras.KerasTensor]
    values: list[keras.KerasTensor]


def _steps(model: keras.Model) -> tuple[keras.KerasTensor, list[_Step]]:
    """The pictures, and what is done from there on, in its order."""
    pictures, steps = _input_like(model), list[_Step]()

    def call(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        values = operation(*args, **kwargs)
        given = [
            one for one in keras.tree.flatten((args, kwargs)) if isinstance(one, keras.KerasTensor)
        ]
        steps.append(_Step(operation, given, keras.tree.flatten(values)))
        return values

    run_through(model, pictures, call=call)
    return pictures, steps


def _input_like(model: keras.Model) -> keras.KerasTensor:
    return keras.Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)


def _is_trained(operation: keras.Operation) -> bool:
    return bool(getattr(operation, "trainable_weights", ()))
