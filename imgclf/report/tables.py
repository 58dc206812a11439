"""Tables for a terminal: columns two spaces apart, a row a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from imgclf.spelling import Lines, on_one_line


class Column(Struct, frozen=True):
    """A column of a table.

    Attributes:
        title: Stands above it.
        align: Numbers to the right, text to the left.
        width: Characters, at least; a table whose rows come one by one is as wide as this says.
    """

    title: str
    align: Literal["left", "right"] = "right"
    width: int = 0


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Lines:
    """Titles and rows, each column as wide as its longest cell; without a newline at the end.

    Args:
        columns: From left to right.
        rows: A cell for each column.
    """
    cells = [[on_one_line(cell) for cell in row] for row in rows]
    fitted = [
        replace(column, width=max(column.width, len(on_one_line(column.title)), *map(len, below)))
        for column, below in zip(columns, _transposed(cells, len(columns)), strict=True)
    ]
    return Lines.of(heading(fitted), *(line(fitted, row) for row in cells))


def heading(columns: Sequence[Column]) -> str:
    """The titles as a line, of columns whose `width` is set."""
    return line(columns, [column.title for column in columns])


def line(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """A row as a line, of columns whose `width` is set.

    The last column is not filled up with spaces if it is aligned to the left.
    """
    shown = [on_one_line(cell) for cell in cells]
    *before, last = [
        f"{cell:>{column.width}}" if column.align == "right" else f"{cell:<{column.width}}"
        for column, cell in zip(columns, shown, strict=True)
    ]
    return "  ".join([*before, shown[-1] if columns[-1].align == "left" else last])


def _transposed(rows: Sequence[Sequence[str]], columns: int) -> list[tuple[str, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * columns
