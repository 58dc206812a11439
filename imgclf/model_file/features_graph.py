"""The LiteRT graph of a network's features: from a picture to its last feature map and features.

A correction changes neither, so the graph is a member of its own in a model file. Making one
takes seconds; those of pretrained networks are kept in the user's cache folder, by a key that
says which network it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgclf.errors import UsageError, WriteError
from imgclf.litert.check import CheckedGraph
from imgclf.litert.flatbuffer import GraphError
from imgclf.system.files import atomic_write_bytes
from imgclf.system.kept_files import read_kept
from imgclf.work_folders import CACHE_DIRECTORY, user_cache

_MOST_OF_A_GRAPH = 1 << 31

if TYPE_CHECKING:
    from imgclf.backend import keras


def make_features_graph(model: keras.Model) -> bytes:
    """The LiteRT graph up to the layer `features`, which plain LiteRT can run.

    Args:
        model: With a layer of that name.

    Raises:
        UsageError: LiteRT can't express the network, or not by its own operations alone; or it
            has no feature map.
        WriteError: There is no room for temporary files.
    """
    from imgclf.model_file.keras_parts import features_network

    return plain_graph(features_network(model))


def plain_graph(network: keras.Model) -> bytes:
    """A LiteRT graph that needs plain LiteRT only.

    Raises:
        UsageError: LiteRT can't express the network, or not by its own operations alone, or by
            some that can't be checked.
        WriteError: There is no room for temporary files.
    """
    from imgclf.model_file.converters import litert_graph

    graph = litert_graph(network)
    foreign = foreign_operations(graph)
    if foreign:
        raise UsageError(f"plain LiteRT can't run this model: it has no {', '.join(foreign)}")
    try:
        CheckedGraph(graph)
    except GraphError as error:
        raise UsageError(f"the LiteRT graph of this model can't be checked: {error}") from error
    return graph


def foreign_operations(graph: bytes) -> list[str]:
    """The operations in a LiteRT graph that are none of LiteRT's own, by name.

    TensorFlow's, which are called Flex, need TensorFlow where the graph is run.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = schema.Model.GetRootAs(graph)
    codes = [content.OperatorCodes(index) for index in range(content.OperatorCodesLength())]
    return sorted(
        (code.CustomCode() or b"custom operation").decode(errors="replace")
        for code in codes
        if schema.BuiltinOperator.CUSTOM in (code.BuiltinCode(), code.DeprecatedBuiltinCode())
    )


def stored_graph(key: str) -> bytes | None:
    """A graph that was kept before; None if there is none, or if it is damaged.

    Args:
        key: As it was given to `store_graph`.
    """
    for folder in _folders():
        for path in sorted(folder.glob(f"{key}.*.tflite")):
            with suppress(OSError, ValueError):
                graph = read_kept(path, _MOST_OF_A_GRAPH)
                if path.name == _name(key, graph):
                    with suppress(OSError):
                        os.utime(path)  # by which `imgclf cache --keep` knows what is used
                    return graph
    return None


def store_graph(key: str, graph: bytes) -> None:
    """Keeps a graph for later trainings of this user.

    Where no folder can be written to, it is made anew by the next one.

    Args:
        key: Letters, digits and dashes that say which network it is; a graph that was kept by
            the same key before is removed.
        graph: Whole.
    """
    for folder in _folders():
        try:
            atomic_write_bytes(folder / _name(key, graph), graph)
        except (WriteError, OSError):
            continue
        for path in folder.glob(f"{key}.*.tflite"):
            if path.name != _name(key, graph):
                with suppress(OSError):
                    path.unlink()
        return


def _name(key: str, graph: bytes) -> str:
    """Says what the file must hold, for a damaged graph would answer all the same."""
    return f"{key}.{hashlib.sha256(graph).hexdigest()}.tflite"


def _folders() -> Iterator[Path]:
    """Where graphs are kept: the first that can be written to is taken."""
    users = user_cache()
    if users is not None:
        yield users / "graphs"
    yield CACHE_DIRECTORY / "graphs"
