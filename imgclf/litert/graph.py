"""What is in a LiteRT graph: its tensors and operations, as far as the file itself says.

The tables are those of https://ai.google.dev/edge/litert (`schema.fbs`, version 3). A part that
networks for pictures in float32 don't have is refused: several subgraphs, custom operations,
quantised and sparse tensors, variables, buffers outside of the file.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from msgspec import Struct

from imgclf.litert.flatbuffer import (
    BYTE,
    SIGNED,
    SIGNED_BYTE,
    UNSIGNED,
    FlatBuffer,
    GraphError,
    Table,
)

FLOAT32: Final = 0
INT32: Final = 2
UINT8: Final = 3  # what a network casts pictures to that was made for whole numbers
BOOL: Final = 6
FLOAT64: Final = 10  # what a layer computed in that does nothing in a prediction
TYPES: Final = {
    FLOAT32: "float32",
    INT32: "int32",
    UINT8: "uint8",
    BOOL: "bool",
    FLOAT64: "float64",
}
SIZES: Final = {FLOAT32: 4, INT32: 4, UINT8: 1, BOOL: 1, FLOAT64: 8}

_CUSTOM = 32
_LATEST_VERSION = 6  # of an operation that converters write for float32
_MOST_DIMENSIONS = 6
_MOST_OPTIONS = 7
_METADATA = {b"min_runtime_version", b"CONVERSION_METADATA"}

FEW: Final = 16
"""How many numbers are followed at most: those that say a shape, or what is to be done to one."""

Shape = tuple[int, ...]


class Tensor(Struct, frozen=True):
    """A tensor as the file declares it.

    Attributes:
        shape: For one picture.
        changes: Whether a dimension follows from the number of pictures, for each; empty if none.
        kind: The code of its type.
        constant: Whether its numbers are in the file.
        numbers: Those of a constant that is few int32; else None.
    """

    shape: Shape
    changes: tuple[bool, ...]
    kind: int
    constant: bool
    numbers: tuple[int, ...] | None


class Operation(Struct, frozen=True):
    """An operation, with the tensors that it takes and gives, by number; -1 for one left out.

    Attributes:
        code: Which one it is.
        options_kind: The code of the table that its options are in, 0 if it has none.
        options: The table.
    """

    code: int
    options_kind: int
    options: Table | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Graph(Struct, frozen=True):
    """A graph that takes one tensor."""

    tensors: list[Tensor]
    operations: list[Operation]
    input: int
    outputs: tuple[int, ...]


def read_graph(content: bytes) -> Graph:
    """A graph whose parts are all inside of the file, and are known here.

    Args:
        content: The FlatBuffer.

    Raises:
        GraphError: They are not.
    """
    model = FlatBuffer(content).root(b"TFL3", fields=8)
    if model.number(0, UNSIGNED) != 3:
        raise GraphError("it is of another version than 3")
    model.text(3)
    model.refuse(5)
    codes = [_code(table) for table in model.tables(1, fields=4)]
    buffers = [_buffer(table) for table in model.tables(4, fields=1)]
    _check_metadata(model, buffers)
    subgraphs = model.tables(2, fields=5)
    if len(subgraphs) != 1:
        raise GraphError(f"it has {len(subgraphs)} subgraphs")
    subgraph = subgraphs[0]
    subgraph.text(4)
    tensors = [_tensor(table, buffers, content) for table in subgraph.tables(0, fields=9)]
    inputs, outputs = subgraph.integers(1) or (), subgraph.integers(2) or ()
    if len(inputs) != 1 or not outputs:
        raise GraphError(f"it takes {len(inputs)} tensors and gives {len(outputs)}")
    _require_there(inputs + outputs, tensors)
    _check_signatures(model, tensors)
    operations = [_operation(table, codes, tensors) for table in subgraph.tables(3, fields=13)]
    return Graph(tensors, operations, inputs[0], outputs)


def _code(table: Table) -> int:
    """The code of an operation; the first of its fields is too small for later ones."""
    code = max(table.number(0, SIGNED_BYTE), table.number(3, SIGNED))
    version = table.number(2, SIGNED, 1)
    if code == _CUSTOM or table.has(1):
        raise GraphError("it has a custom operation")
    if not 1 <= version <= _LATEST_VERSION:
        raise GraphError(f"an operation is of version {version}")
    return code


def _buffer(table: Table) -> tuple[int, int] | None:
    where = table.bytes_at(0)
    return where if where is not None and where[1] else None


def _check_metadata(model: Table, buffers: list[tuple[int, int] | None]) -> None:
    for table in model.tables(6, fields=2):
        name, number = table.text(0), table.number(1, UNSIGNED)
        if name not in _METADATA:  # with some of them, interpreters order operations anew
            raise GraphError(f"it has metadata {name[:40]!r}")
        if number >= len(buffers) or buffers[number] is None:
            raise GraphError(f"it has no metadata {name.decode()}")


def _check_signatures(model: Table, tensors: list[Tensor]) -> None:
    for signature in model.tables(7, fields=5):
        if not signature.text(2) or signature.number(4, UNSIGNED) != 0:
            raise GraphError("a signature is of no subgraph")
        signature.refuse(3)
        for named in (*signature.tables(0, fields=2), *signature.tables(1, fields=2)):
            if not named.text(0):
                raise GraphError("a signature has tensors without a name")
            _require_there((named.number(1, UNSIGNED),), tensors)


def _tensor(table: Table, buffers: list[tuple[int, int] | None], content: bytes) -> Tensor:
    kind = table.number(1, SIGNED_BYTE)
    if kind not in TYPES:
        raise GraphError(f"a tensor is of type {kind}")
    shape = table.integers(0) or ()
    if len(shape) > _MOST_DIMENSIONS or (shape and min(shape) < 1):
        raise GraphError(f"a tensor has the shape {shape[:8]}")
    table.text(3)
    _refuse_quantised(table.table(4, fields=7))
    table.refuse(6)
    if table.number(5, BYTE):
        raise GraphError("a tensor is a variable")
    number = table.number(2, UNSIGNED)
    if number >= len(buffers):
        raise GraphError(f"a tensor has the buffer {number} of {len(buffers)}")
    signature = table.integers(7)
    changes = tuple(side == -1 for side in signature) if signature else ()
    if signature and not _agree(signature, shape):
        raise GraphError(f"a tensor has the shapes {shape} and {signature[:8]}")
    where = buffers[number]
    if where is None:
        return Tensor(shape, changes, kind, False, None)
    return Tensor(shape, changes, kind, True, _constant(shape, kind, where, content))


def _constant(
    shape: Shape, kind: int, where: tuple[int, int], content: bytes
) -> tuple[int, ...] | None:
    first, size = where
    count = 1
    for side in shape:
        count *= side
    if count * SIZES[kind] != size or first % 4:
        raise GraphError(f"a constant of shape {shape} has {size} bytes at {first}")
    if kind == INT32 and count <= FEW:
        return unpack_from(f"<{count}i", content, first)
    return None


def _agree(signature: tuple[int, ...], shape: Shape) -> bool:
    return len(signature) == len(shape) and all(
        one in (side, -1) for one, side in zip(signature, shape, strict=True)
    )


def _refuse_quantised(table: Table | None) -> None:
    if table is None or table.is_empty():
        return
    table.refuse(4, 5)
    for field in range(4):
        where = table.bytes_at(field)
        if where is not None and where[1]:
            raise GraphError("a tensor is quantised")


def _operation(table: Table, codes: list[int], tensors: list[Tensor]) -> Operation:
    number = table.number(0, UNSIGNED)
    if number >= len(codes):
        raise GraphError(f"an operation is number {number} of {len(codes)}")
    inputs, outputs = table.integers(1) or (), table.integers(2) or ()
    _require_there((*(one for one in inputs if one != -1), *outputs), tensors)
    # Custom options, what is large or comes second of them, variables that change.
    table.refuse(5, 7, 9, 10, 11, 12)
    if table.integers(8) or table.number(6, SIGNED_BYTE):
        raise GraphError("an operation has intermediate tensors")
    kind, options = table.number(3, BYTE), None
    if kind:
        options = table.table(4, fields=_MOST_OPTIONS)
        if options is None:
            raise GraphError("an operation has no options")
    else:
        table.refuse(4)
    return Operation(codes[number], kind, options, inputs, outputs)


def _require_there(numbers: tuple[int, ...], tensors: list[Tensor]) -> None:
    for number in numbers:
        if not 0 <= number < len(tensors):
            raise GraphError(f"it has no tensor {number}")
