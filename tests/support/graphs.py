"""LiteRT graphs that are not what a converter wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def unpacked(content: bytes) -> Any:
    """All that is in a graph, to be changed."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def packed(model: Any) -> bytes:
    """The graph of that."""
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def edited(content: bytes, edit: Callable[[Any], object]) -> bytes:
    """A graph in which something is another."""
    model = unpacked(content)
    edit(model)
    return packed(model)


def code_of(model: Any, operation: Any) -> Any:
    """Which operation it is."""
    return model.operatorCodes[operation.opcodeIndex]


def operation(model: Any, name: str) -> Any:
    """The first operation of a kind."""
    wanted = getattr(schema.BuiltinOperator, name)
    found = model.subgraphs[0].operators
    return next(one for one in found if code_of(model, one).builtinCode == wanted)


def with_custom_operation(content: bytes) -> bytes:
    """A graph with an operation of somebody's own, which nobody can check."""

    def edit(model: Any) -> None:
        code = model.operatorCodes[operation(model, "CONV_2D").opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"Mfcc"

    return edited(content, edit)


def tensor(model: Any, number: int) -> Any:
    """A tensor."""
    return model.subgraphs[0].tensors[number]
