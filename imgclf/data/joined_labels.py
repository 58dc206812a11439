"""Several labels in one cell, as `predict` writes them and tables of labels have them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MARK: Final = "|"
"""Between labels; escaped by a backslash in a name."""

_BETWEEN_MARKS = re.compile(r"(?:\\[\\|]|[^|])+")
_ESCAPED = re.compile(r"\\([\\|])")


def joined_labels(labels: Iterable[str]) -> str:
    """One cell; no labels are an empty one."""
    return MARK.join(label.replace("\\", r"\\").replace(MARK, rf"\{MARK}") for label in labels)


def divided_labels(cell: str, mark: str | None = MARK) -> tuple[str, ...]:
    """The labels in a cell, each once, without the spaces around them.

    Args:
        cell: As `joined_labels` wrote it, or as others do.
        mark: What divides them, of which only `MARK` may be escaped; None if there is but one.
    """
    if mark is None:
        parts = [cell]
    elif mark == MARK:
        parts = [_ESCAPED.sub(r"\1", part) for part in _BETWEEN_MARKS.findall(cell)]
    else:
        parts = cell.split(mark)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
