"""Tables that say what pictures are, a line for each: columns, rows, and where a picture lies."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from imgclf.data.part_names import PARTS, PartName, part_of_cell
from imgclf.errors import DataError, suggestion
from imgclf.spelling import Lines, composed

_DELIMITERS = {".csv": ",", ".tsv": "\t"}  # by the ending of a table
# As `predict` writes them in TSV, the last three for letters that its terminal's encoding lacks.
_ESCAPES = {r"\\": "\\", r"\t": "\t", r"\n": "\n", r"\r": "\r"}
_ESCAPED = re.compile(r"\\(?:[\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[01][0-9a-f]{4})")
_MOST_LISTED = 20

# Of several that a table has, the first counts. `given`, which the suspects' table has, is none:
# somebody has to look at that first.
_HEADERS = {
    "path": "path filepath imagepath filename file imagefile image imagename img picture photo "
    "imageid fileid id",
    "label": "label class classname category target species breed tag",
    "part": "part split dataset subset set partition fold usage",
}


class Columns(Struct, frozen=True):
    """Where each of them stands; None if there is none."""

    path: int
    label: int | None
    part: int | None
    group: int | None = None


class Row(Struct, frozen=True):
    """What a line says.

    Attributes:
        line: Its number, the first being 1.
        path: As written.
        label: What the picture is; empty where a test picture has none.
        part: None if there is no such column.
        group: What must not be divided, if a column for it was asked for; empty where it has none.
    """

    line: int
    path: str
    label: str
    part: PartName | None
    group: str = ""


def is_table(path: Path) -> bool:
    """Whether a path's ending is that of a table."""
    return path.suffix.lower() in _DELIMITERS


def find_columns(header: Sequence[str]) -> Columns | None:
    """Where path, label and part stand, by the names that tables have for them; None without path.

    Case, spaces and a plural make no difference: `Image Paths` is a path.
    """
    found = {
        what: next((at for name in names.split() if (at := _place(name, header)) is not None), None)
        for what, names in _HEADERS.items()
    }
    path = found["path"]
    return None if path is None else Columns(path, found["label"], found["part"])


def _place(name: str, header: Sequence[str]) -> int | None:
    for place, written in enumerate(header):
        folded = "".join(letter for letter in written.casefold() if letter.isalnum())
        if name in (folded, folded.removesuffix("s"), folded.removesuffix("es")):
            return place
    return None


def read_cells(
    lines: Iterable[str], delimiter: str, source: str, problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Rows that aren't empty, with the numbers of the lines that they end on."""
    if delimiter == "\t":
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, [_unescaped(cell) for cell in line.rstrip("\r\n").split("\t")]
        return
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        yield from ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    except csv.Error as error:
        problems.append(f"{source}, line {reader.line_num}: {error}")


def read_rows(path: Path, problems: list[str]) -> list[tuple[int, list[str]]]:
    """The rows of a table, the header first, with the numbers of their lines.

    A `.csv` whose header has semicolons and no comma is divided by these, as spreadsheets write
    it where the comma stands in numbers.

    Raises:
        DataError: The file can't be read.
    """
    try:
        # File names that are no text pass through as they are, and so do line ends within cells.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    delimiter, first = _DELIMITERS[path.suffix.lower()], text.partition("\n")[0]
    if delimiter == "," and "," not in first:
        delimiter = next((mark for mark in ";\t" if mark in first), delimiter)
    return list(read_cells(io.StringIO(text, newline=""), delimiter, str(path), problems))


def read_table(path: Path, group_column: str | None = None) -> list[Row]:
    """What a table says of pictures.

    Args:
        path: The table.
        group_column: The name of the column that says which pictures must not be divided.

    Raises:
        DataError: It can't be read, lacks a column, or with every line that can't be understood.
    """
    problems: list[str] = []
    lines = read_rows(path, problems)
    if not lines and not problems:
        raise DataError(f"{path} is empty", "expected: a header, path,label, and lines below it")
    rows: list[Row] = []
    if lines:
        (number, header), *rest = lines
        columns = find_columns(header)
        if columns is None or columns.label is None:
            raise DataError(
                Lines.of(
                    f"{path}, line {number}: the columns path and label are wanted",
                    f"    received: {', '.join(header)}",
                ),
                f"call them path and label, or {_also('path')}, and {_also('label')}; "
                "a column part may say training, validation or test",
            )
        if group_column is not None:
            columns = replace(columns, group=group_place(path, number, header, group_column))
        for number, cells in rest:
            row = read_row(number, cells, columns, len(header))
            if isinstance(row, str):
                problems.append(f"{path}, line {number}: {row}")
            else:
                rows.append(row)
    refuse(problems)
    if not rows:
        raise DataError(f"{path} has a header and no line below it")
    return rows


def group_place(path: Path, line: int, header: Sequence[str], column: str) -> int:
    """Where a column stands that the config names: exactly so, or but for case and spaces.

    Raises:
        DataError: There is no such column.
    """
    exactly = [place for place, name in enumerate(header) if name.strip() == column]
    folded = "".join(letter for letter in column.casefold() if letter.isalnum())
    found = exactly[0] if exactly else _place(folded, header) if folded else None
    if found is None:
        raise DataError(
            Lines.of(
                f"{path}, line {line}: there is no column {column}, which data.groups names",
                f"    received: {', '.join(header)}{suggestion(column, header)}",
            )
        )
    return found


def read_paths(path: Path) -> Iterator[Path]:
    """The pictures that a table names, whatever it says of them; relative to its folder.

    Raises:
        DataError: It can't be read, or has no column for the path.
    """
    problems: list[str] = []
    (_, header), *rows = read_rows(path, problems) or [(1, [])]
    columns = find_columns(header)
    if columns is None:
        problems.append(f"{path}, line 1: a column path is wanted; received: {', '.join(header)}")
    refuse(problems)
    for _, cells in rows:
        if columns is not None and columns.path < len(cells) and cells[columns.path].strip():
            yield path.parent / cells[columns.path].strip()


def refuse(problems: Sequence[str], hint: str | None = None) -> None:
    """Raises an error with the first of the lines that can't be understood, if there are any.

    Raises:
        DataError: There are.
    """
    if problems:
        more = len(problems) - _MOST_LISTED
        rest = [f"and {more} more"] if more > 0 else []
        raise DataError(Lines.of(*problems[:_MOST_LISTED], *rest), hint)


def _also(column: str) -> str:
    _, *others = _HEADERS[column].split()
    return ", ".join(others)


def read_row(
    number: int, cells: Sequence[str], columns: Columns, width: int, *, needs_label: bool = True
) -> Row | str:
    """What a line says, or what is wrong with it.

    Args:
        number: Of the line.
        cells: Its own.
        columns: Where they stand.
        width: How many there are.
        needs_label: Whether a picture must have one, unless it is of the test part.
    """
    if len(cells) > width:
        return f"{len(cells)} cells, and the header has {width}: quote what has commas in it"

    def cell(place: int | None) -> str:
        return "" if place is None or place >= len(cells) else cells[place].strip()

    path, label, said = cell(columns.path), cell(columns.label), cell(columns.part)
    part = part_of_cell(said)
    if not path:
        return "no path"
    if columns.part is not None and part is None:
        return f"the part is {said!r}; allowed: {', '.join(PARTS)}" if said else "no part"
    if needs_label and not label and part != "test":
        return f"{path} has no label"
    return Row(number, path, composed(label), part, cell(columns.group))


def _unescaped(cell: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[0]) or chr(int(found[0][2:], 16)), cell)
