"""Tables that give a picture several labels, or none.

As exports have them: several in a cell, a line for each, or a column for each class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgclf.data.class_folders import listed
from imgclf.data.joined_labels import MARK, divided_labels
from imgclf.data.label_table import (
    Columns,
    Row,
    find_columns,
    group_place,
    read_row,
    read_rows,
    refuse,
)
from imgclf.errors import DataError
from imgclf.spelling import Lines, composed

_MARKS = (MARK, ";", ",")
# CelebA has -1 for no.
_YES = frozenset({"1", "1.0", "true", "yes", "x"})
_NO = frozenset({"0", "0.0", "false", "no", "", "-1"})


@dataclass(frozen=True)
class LabelSets:
    """What a table of several labels says.

    Attributes:
        rows: As of any table; their `label` says nothing.
        labels: Of each row.
        note: How it was read, in a sentence.
    """

    rows: Sequence[Row]
    labels: Sequence[tuple[str, ...]]
    note: str


def read_label_sets(path: Path, group_column: str | None = None) -> LabelSets:
    """What a table says of pictures that may have several labels.

    With a column for the label, that has them, divided by `|`, `;` or `,`: the first of these that
    is in any of its cells. Without one, each column of 0 and 1 is a class. Several lines of one
    picture add up.

    Args:
        path: The table.
        group_column: The name of the column that says which pictures must not be divided.

    Raises:
        DataError: It can't be read, has no labels, or with every line that can't be understood.
    """
    problems: list[str] = []
    lines = read_rows(path, problems)
    if not lines:
        refuse(problems)
        raise DataError(f"{path} is empty", "expected: a header, path,labels, and lines below it")
    (number, header), *rest = lines
    columns = find_columns(header)
    if columns is None:
        raise DataError(
            Lines.of(
                f"{path}, line {number}: a column path is wanted",
                f"    received: {', '.join(header)}",
            ),
            "call it path, and have a column labels, or one of 0 and 1 for each class",
        )
    if group_column is not None:
        columns = replace(columns, group=group_place(path, number, header, group_column))
    rows: list[Row] = []
    cells_of: list[Sequence[str]] = []
    for number, cells in rest:
        row = read_row(number, cells, columns, len(header), needs_label=False)
        if isinstance(row, str):
            problems.append(f"{path}, line {number}: {row}")
        else:
            rows.append(row)
            cells_of.append([*(cell.strip() for cell in cells), *[""] * (len(header) - len(cells))])
    refuse(problems)
    if not rows:
        raise DataError(f"{path} has a header and no line below it")
    if columns.label is not None:
        return _from_cells(path, header[columns.label].strip(), rows)
    return _from_columns(path, header, columns, rows, cells_of)


def _from_cells(path: Path, column: str, rows: Sequence[Row]) -> LabelSets:
    mark = next((one for one in _MARKS if any(one in row.label for row in rows)), None)
    labels = [divided_labels(row.label, mark) for row in rows]
    if mark is not None:
        note = f"{path}: the labels of a picture are divided by {mark!r} in the column {column}"
    elif max(Counter(row.path for row in rows).values()) > 1:
        note = f"{path}: a picture has a line for each of its labels"
    else:
        note = f"{path}: no picture has more than one label in the column {column}"
    return LabelSets(rows, labels, note)


def _from_columns(
    path: Path,
    header: Sequence[str],
    columns: Columns,
    rows: Sequence[Row],
    cells: Sequence[Sequence[str]],
) -> LabelSets:
    known = (columns.path, columns.part, columns.group)
    others = {place: name.strip() for place, name in enumerate(header) if place not in known}
    problems: list[str] = []
    classes: dict[int, str] = {}
    for place, name in others.items():
        if not any(own[place] for own in cells):
            continue
        odd = [row for row, own in zip(rows, cells, strict=True) if not _is_mark(own[place])]
        if name and not odd:
            classes[place] = composed(name)
        elif name and 2 * len(odd) < len(rows):  # a slip, for of most lines it is a class
            at = rows.index(odd[0])
            problems.append(
                f"{path}, line {odd[0].line}: the column {name} has {cells[at][place]!r}; "
                "allowed: 0, 1"
            )
    refuse(problems)
    if not classes:
        raise DataError(
            Lines.of(
                f"{path}, line 1: there is no column for labels, and none of 0 and 1",
                f"    received: {', '.join(header)}",
            ),
            "call it labels, with | between those of a picture, or have a column for each class",
        )
    twice = [name for name, count in Counter(classes.values()).items() if count > 1]
    if twice:
        raise DataError(f"{path}, line 1: the column {twice[0]} is there twice")
    left_out = [name for place, name in others.items() if place not in classes and name]
    note = f"{path}: a column of 0 and 1 for each class: {listed(classes.values())}"
    if left_out:
        note += f"; of other values, and no classes: {listed(left_out)}"
    return LabelSets(rows, [tuple(_marked(classes, own)) for own in cells], note)


def _is_mark(cell: str) -> bool:
    return cell.lower() in _YES or cell.lower() in _NO


def _marked(classes: Mapping[int, str], cells: Sequence[str]) -> Iterator[str]:
    return (name for place, name in classes.items() if cells[place].lower() in _YES)
