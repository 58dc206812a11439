"""What is known of the tensors of a graph before it runs."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from imgclf.litert.flatbuffer import GraphError
from imgclf.litert.graph import FLOAT32, INT32, Shape

ANY: Final = -1
"""The type of what has that which the file says."""


class Value(Struct, frozen=True):
    """A tensor, as far as it is known.

    Attributes:
        shape: Of it.
        kind: The code of its type.
        numbers: What is in it, if that follows from the file alone; only of int32, and of few.
        constant: Whether it is in the file.
    """

    shape: Shape
    kind: int = FLOAT32
    numbers: tuple[int, ...] | None = None
    constant: bool = False


Given: TypeAlias = list[Value]


def need(holds: bool, what: str) -> None:
    """Makes sure that something holds.

    Raises:
        GraphError: It doesn't.
    """
    if not holds:
        raise GraphError(what)


def count_of(shape: Shape) -> int:
    """How many numbers a tensor has."""
    count = 1
    for side in shape:
        count *= side
    return count


def take(given: Given, *kinds: int) -> Given:
    """The inputs of an operation, which have to be so many, of these types."""
    need(tuple(value.kind for value in given) == kinds, "it is given other types, or other numbers")
    return given


def floats(given: Given, count: int) -> Given:
    """So many inputs in float32."""
    return take(given, *[FLOAT32] * count)


def known(value: Value, *shape: int) -> tuple[int, ...]:
    """The numbers of a small int32 tensor that has to be of a shape."""
    if value.kind != INT32 or value.numbers is None or value.shape != shape:
        raise GraphError("it takes numbers that are not known before it runs")
    return value.numbers


def axis_of(number: int, rank: int) -> int:
    """An axis, which may be counted from the end."""
    need(-rank <= number < rank, f"it has no axis {number} of {rank}")
    return number % rank


def joined(*shapes: Shape) -> Shape:
    """The shape of what arrays of these shapes come to, each stretched where it has a side of 1."""
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = tuple(map(max, zip(*padded, strict=True)))
    for shape in padded:
        need(
            all(side in (1, whole) for side, whole in zip(shape, result, strict=True)),
            f"shapes {shapes} don't go together",
        )
    return result
