"""The pictures that a table of labels names: where they lie, what they are, which are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.class_folders import nearest_beside
from imgclf.data.decoder import PICTURE_SUFFIXES
from imgclf.data.label_sets import read_label_sets
from imgclf.data.label_table import Row, read_table, refuse
from imgclf.data.part_names import PARTS, PartName
from imgclf.data.picture_files import NO_LABEL, Skipped, may_be_picture
from imgclf.errors import DataError, suggestion
from imgclf.spelling import path_as_spelled

_MOST_GUESSED = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Tabled:
    """What a table comes to.

    Attributes:
        class_names: In output order.
        parts: By part: files with their labels. Without a column for it all are of training. Where
            pictures may have several labels, a file is there once for each, or with `NO_LABEL`.
        skipped: Files that take no part.
        divided: Whether there is such a column.
        groups: What a picture's group is called, of those that have one.
        notes: How it was read, in sentences, where that could be otherwise.
    """

    class_names: tuple[str, ...]
    parts: Mapping[PartName, Sequence[tuple[Path, int]]]
    skipped: tuple[Skipped, ...]
    divided: bool
    groups: Mapping[Path, str]
    notes: tuple[str, ...] = ()


def find_tabled(
    table: Path,
    directory: Path,
    class_names: Sequence[str] | None = None,
    group_column: str | None = None,
    *,
    multi_label: bool = False,
) -> Tabled:
    """Finds the pictures of a table.

    Args:
        table: See `read_table`.
        directory: Where relative paths are looked for that aren't found from the table's folder.
        class_names: The model's that shall judge them; None for those of the table.
        group_column: See `read_table`.
        multi_label: Whether a picture may have several labels, or none; see `read_label_sets`.

    Raises:
        DataError: The table can't be used, one picture has two labels, or none is there.
    """
    if not table.is_file():
        raise DataError(f"data.table: {_missing_table(table)}")
    notes: tuple[str, ...] = ()
    if multi_label:
        sets = read_label_sets(table, group_column)
        read, labels, notes = sets.rows, sets.labels, (sets.note,)
    else:
        read = read_table(table, group_column)
        labels = [(row.label,) if row.label else () for row in read]
    places = [(row, _place(row, table.parent, directory)) for row in read]
    of_path: dict[Path, dict[str, Row]] = {}
    for (row, path), own in zip(places, labels, strict=True):
        of_path.setdefault(path, {}).update((label, row) for label in own)
    contradictions, hint = _contradictions(table, places, multi_label=multi_label)
    refuse(contradictions, hint if class_names is None else None)
    names = tuple(class_names or sorted({label for own in labels for label in own}))
    if class_names is None and len(names) < 2:
        only = f"one label only ({names[0]})" if names else "no labels"
        raise DataError(f"{table} has {only}; a classifier needs two")
    skipped: list[Skipped] = []
    parts: dict[PartName, list[tuple[Path, int]]] = {}
    there = False
    rows: dict[Path, Row] = {}
    for row, path in places:
        rows.setdefault(path, row)  # a line that is there twice says nothing more
    # Of pictures that somebody else has the labels of, as those of a competition.
    unlabelled = {"test"} - {row.part for row, path in places if of_path[path]}
    for path, row in rows.items():
        where = f"{table}, line {row.line}"
        if not path.exists():
            skipped.append(Skipped(path, f"no such file ({where})"))
            continue
        there = True
        said = of_path[path]
        if not said and (not multi_label or row.part in unlabelled):
            skipped.append(Skipped(path, f"no label ({where})", "no picture"))
            continue
        for label, at in said.items():
            if label not in names:
                raise DataError(
                    f"{table}, line {at.line}: {label} is none of the classes: {', '.join(names)}"
                    + suggestion(label, names)
                )
        if may_be_picture(path, skipped):
            positions = [names.index(label) for label in said] or [NO_LABEL]
            files = parts.setdefault(row.part or "training", [])
            files.extend((path, position) for position in positions)
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
    return Tabled(names, ordered, tuple(skipped), divided, groups, notes)


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


def _contradictions(
    table: Path, places: Sequence[tuple[Row, Path]], *, multi_label: bool
) -> tuple[list[str], str | None]:
    """Two labels, parts or groups for one picture, in words, and what may have been meant."""
    first: dict[Path, Row] = {}
    found: list[str] = []
    hint = None
    for row, path in places:
        before = first.setdefault(path, row)
        said = [(before.part, row.part), (before.group, row.group)]
        if not multi_label:
            said.insert(0, (before.label, row.label))
            if before.label != row.label:
                hint = "if a picture may have several labels: --set data.multi_label=true"
        for one, other in said:
            if one != other:
                where = f"{table}, lines {before.line} and {row.line}"
                found.append(f"{where}: {row.path} is {one} and {other}")
    return found, hint
