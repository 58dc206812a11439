"""What pictures are said to be: paths with a label, tables, class folders, a list on stdin."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import list_folder, not_a_picture, walk_files
from imgclf.data.left_out import LeftOut
from imgclf.errors import DataError, UsageError, suggestion

_TABLES = {".csv": ",", ".tsv": "\t"}
_ESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}  # as `predict` writes them in TSV
_MOST_LISTED = 20


@dataclass(frozen=True)
class Labelled:
    """A picture and what somebody says it is.

    Attributes:
        path: The picture; it may not exist.
        label: A class, perhaps none of the model's.
        source: Where this was said, such as `corrections.csv, line 3`.
    """

    path: Path
    label: str
    source: str = "--label"


def read_inputs(
    arguments: Sequence[str],
    label: str | None,
    standard_input: Iterable[str],
    left_out: LeftOut | None = None,
) -> list[Labelled]:
    """The pictures that arguments of `retrain` stand for, with their labels.

    An argument is a picture; a table (`.csv`, `.tsv`) whose header has the columns path and
    label; a folder with one folder for each class, or any folder of pictures if there is a
    label; or `-` for lines on standard input, paths if there is a label and else rows of path
    and label divided by a comma or a tab. Relative paths in a table are relative to the working
    directory, or to the table's folder where they aren't found there.

    Args:
        arguments: At least one.
        label: What all of them are; None if they say it themselves.
        standard_input: Its lines.
        left_out: Gets what lies in folders and is no picture, or can't be looked into.

    Raises:
        UsageError: A picture without a label, or one with two.
        DataError: With every line of the tables that can't be understood.
    """
    problems: list[str] = []
    found: list[Labelled] = []
    left_out = LeftOut() if left_out is None else left_out
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            found.extend(_from_stdin(standard_input, label, problems))
        elif path.is_dir():
            found.extend(_from_folder(path, label, left_out))
        elif path.suffix.lower() in _TABLES:
            found.extend(_from_table(path, label, problems))
        elif label is None:
            raise UsageError(f"{argument}: what is it?", f"imgclf retrain {argument} --label CLASS")
        else:
            found.append(Labelled(path, label))
    if problems:
        listed = "\n".join(problems[:_MOST_LISTED])
        more = len(problems) - _MOST_LISTED
        raise DataError(listed + (f"\nand {more} more" if more > 0 else ""), "nothing was changed")
    if not found:
        why = f"; left out {left_out}" if left_out.count else ""
        raise DataError(f"no pictures in {', '.join(arguments)}{why}")
    return found


def require_classes(
    labelled: Sequence[Labelled], class_names: Sequence[str], *, new_class: bool = False
) -> str | None:
    """Makes sure that every label is a class of the model.

    Args:
        labelled: The pictures.
        class_names: The model's.
        new_class: One label may be a class that the model doesn't have yet.

    Returns:
        That class, if there is one.

    Raises:
        UsageError: With every label that is none.
    """
    unknown: dict[str, str] = {}
    for one in labelled:
        if one.label not in class_names:
            unknown.setdefault(one.label, one.source)
    if not unknown:
        return None
    lines = []
    for label, source in unknown.items():
        where = f"--label {label}" if source == "--label" else f"{source}: {label}"
        lines.append(where + suggestion(label, class_names))
    the_classes = f"the model's classes are {', '.join(class_names)}"
    if not new_class:
        raise UsageError(
            f"{the_classes}:\n" + "\n".join(lines),
            "for a class that is new to the model: --new-class, with several pictures of it",
        )
    if len(unknown) > 1:
        raise UsageError(f"--new-class takes one at a time; {the_classes}:\n" + "\n".join(lines))
    [name] = unknown
    if name != name.strip() or "/" in name or "\\" in name or not name.isprintable():
        raise UsageError(f"--new-class: {name!r} is no class name")
    return name


def _from_folder(folder: Path, label: str | None, left_out: LeftOut) -> Iterator[Labelled]:
    if label is not None:
        yield from (Labelled(path, label) for path in walk_files(folder, left_out.add))
        return
    inside = list_folder(folder, left_out.add)
    for entry in inside.files:
        skipped = not_a_picture(Path(entry))
        if skipped is None:
            raise UsageError(
                f"{Path(entry)} is in no class folder, so what is it?",
                f"imgclf retrain {folder} --label CLASS",
            )
        left_out.add(skipped)
    # Class by class, for a picture that links put into two of them has two labels.
    for place in sorted((*inside.folders, *inside.links)):
        yield from (
            Labelled(path, place.name, str(place)) for path in walk_files(place, left_out.add)
        )


def _from_table(path: Path, label: str | None, problems: list[str]) -> Iterator[Labelled]:
    delimiter = _TABLES[path.suffix.lower()]
    try:
        # File names that are no text pass through as they are, and so do line ends within cells.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error

    def resolve(name: str) -> Path:
        beside = path.parent / name
        return beside if not Path(name).exists() and beside.exists() else Path(name)

    rows = list(_cells(io.StringIO(text, newline=""), delimiter, str(path), problems))
    if not rows:
        problems.append(f"{path} is empty")
        return
    (_, header), *rest = rows
    columns = _columns(header)
    if columns is None or (columns[1] is None and label is None):
        problems.append(
            f"{path}, line 1: the columns path and label are wanted; received: {', '.join(header)}"
        )
        return
    if columns[1] is not None and label is not None:
        raise UsageError(f"{path} says itself what the pictures are, and so does --label")
    yield from _labelled(rest, columns, label, str(path), resolve, problems)


def _from_stdin(lines: Iterable[str], label: str | None, problems: list[str]) -> Iterator[Labelled]:
    if label is not None:
        yield from (Labelled(Path(line.rstrip("\r\n")), label) for line in lines if line.strip())
        return
    kept = list(lines)
    first = next((line for line in kept if line.strip()), "")
    rows = list(_cells(kept, "\t" if "\t" in first else ",", "stdin", problems))
    columns = _columns(rows[0][1]) if rows else None
    if columns is None or columns[1] is None:
        columns = (0, 1)
    else:
        del rows[0]
    yield from _labelled(rows, columns, None, "stdin", Path, problems)


def _cells(
    lines: Iterable[str], delimiter: str, source: str, problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Rows that aren't empty, with the numbers of the lines that they end on."""
    if delimiter == "\t":
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, [_unescaped(cell) for cell in line.rstrip("\r\n").split("\t")]
        return
    reader = csv.reader(lines)
    try:
        yield from ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    except csv.Error as error:
        problems.append(f"{source}, line {reader.line_num}: {error}")


def _columns(header: Sequence[str]) -> tuple[int, int | None] | None:
    """Where path and label stand; None if this is no header."""
    names = [name.strip().lower() for name in header]
    if "path" not in names:
        return None
    return names.index("path"), names.index("label") if "label" in names else None


def _labelled(
    rows: Iterable[tuple[int, list[str]]],
    columns: tuple[int, int | None],
    label: str | None,
    source: str,
    resolve: Callable[[str], Path],
    problems: list[str],
) -> Iterator[Labelled]:
    for number, row in rows:
        where = f"{source}, line {number}"
        path, said = (
            row[column] if column is not None and column < len(row) else "" for column in columns
        )
        said = label or said.strip()
        if not path.strip():
            problems.append(f"{where}: no path")
        elif not said:
            problems.append(f"{where}: {path} has no label")
        else:
            yield Labelled(resolve(path), said, "--label" if label else where)


def _unescaped(cell: str) -> str:
    parts = iter(cell.split("\\"))
    result = next(parts)
    for part in parts:
        if part:
            result += _ESCAPES.get(part[0], "\\" + part[0]) + part[1:]
        else:  # two backslashes in a row stand for one
            result += "\\" + next(parts, "")
    return result
