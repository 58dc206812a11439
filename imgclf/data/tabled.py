"""The pictures that a table of labels names: where they lie, what they are, which are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.class_folders import nearest_beside
from imgclf.data.decoder import PICTURE_SUFFIXES
from imgclf.data.label_table import Row, read_table, refuse
from imgclf.data.part_names import PARTS, PartName
from imgclf.data.picture_files import Skipped, may_be_picture
from imgclf.errors import DataError, suggestion
from imgclf.spelling import path_as_spelled

_MOST_GUESSED = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Tabled:
    """What a table comes to.

    Attributes:
        class_names: In output order.
        parts: By part: files with their labels. Without a column for it all are of training.
        skipped: Files that take no part.
        divided: Whether there is such a column.
        groups: What a picture's group is called, of those that have one.
    """

    class_names: tuple[str, ...]
    parts: Mapping[PartName, Sequence[tuple[Path, int]]]
    skipped: tuple[Skipped, ...]
    divided: bool
    groups: Mapping[Path, str]


def find_tabled(
    table: Path,
    directory: Path,
    class_names: Sequence[str] | None = None,
    group_column: str | None = None,
) -> Tabled:
    """Finds the pictures of a table.

    Args:
        table: See `read_table`.
        directory: Where relative paths are looked for that aren't found from the table's folder.
        class_names: The model's that shall judge them; None for those of the table.
        group_column: See `read_table`.

    Raises:
        DataError: The table can't be used, one picture has two labels, or none is there.
    """
    if not table.is_file():
        raise DataError(f"data.table: {_missing_table(table)}")
    places = [
        (row, _place(row, table.parent, directory)) for row in read_table(table, group_column)
    ]
    refuse(list(_contradictions(table, places)))
    names = tuple(class_names or sorted({row.label for row, _ in places if row.label}))
    if class_names is None and len(names) < 2:
        raise DataError(f"{table} has one label only ({names[0]}); a classifier needs two")
    skipped: list[Skipped] = []
    parts: dict[PartName, list[tuple[Path, int]]] = {}
    there = False
    rows: dict[Path, Row] = {}
    for row, path in places:
        rows.setdefault(path, row)  # a line that is there twice says nothing more
    for path, row in rows.items():
        where = f"{table}, line {row.line}"
        if not path.exists():
            skipped.append(Skipped(path, f"no such file ({where})"))
            continue
        there = True
        if not row.label:
            skipped.append(Skipped(path, f"no label ({where})", "no picture"))
        elif row.label not in names:
            raise DataError(
                f"{where}: {row.label} is none of the classes: {', '.join(names)}"
                + suggestion(row.label, names)
            )
        elif may_be_picture(path, skipped):
            parts.setdefault(row.part or "training", []).append((path, names.index(row.label)))
    if not there:
        first = places[0][0].path
        tried = " and in ".join(dict.fromkeys(map(str, (table.parent, directory))))
        raise DataError(
            f"{table}: none of its {len(places)} pictures is there; {first} was looked for in "
            f"{tried}",
            "say where they are: data.directory, or --set data.directory=FOLDER",
        )
    if class_names is None and "training" not in parts:
        raise DataError(f"{table} has no pictures to train on: no line's part is training")
    ordered = {part: parts[part] for part in PARTS if part in parts}
    divided = any(row.part is not None for row in rows.values())
    groups = {path: row.group for path, row in rows.items() if row.group}
    return Tabled(names, ordered, tuple(skipped), divided, groups)


def _missing_table(table: Path) -> str:
    if table.is_dir():
        return f"{table} is a folder, not a table"
    return f"no file {table}" + nearest_beside(table, folders=False)


def _place(row: Row, *folders: Path) -> Path:
    """Where the picture lies; in the first of the folders, if it lies in none."""
    names = [row.path]
    if "\\" in row.path:
        names.append(row.path.replace("\\", "/"))  # written on Windows
    if Path(row.path).suffix.lower() not in PICTURE_SUFFIXES:
        names += [row.path + suffix for suffix in _MOST_GUESSED]  # an id, as Kaggle has it
    for name in names:
        for folder in folders:
            if (stored := path_as_spelled(folder / name)).exists():
                return stored
    return folders[0] / row.path


def _contradictions(table: Path, places: Sequence[tuple[Row, Path]]) -> Iterator[str]:
    """Two labels, parts or groups for one picture."""
    first: dict[Path, Row] = {}
    for row, path in places:
        before = first.setdefault(path, row)
        said = (before.label, row.label), (before.part, row.part), (before.group, row.group)
        for one, other in said:
            if one != other:
                where = f"{table}, lines {before.line} and {row.line}"
                yield f"{where}: {row.path} is {one} and {other}"
