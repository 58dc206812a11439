"""How a data set is arranged of which no config says anything yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.class_folders import find_class_folders
from imgclf.data.folder_look import Look, look_into, tables_in, visible_folders
from imgclf.data.layout import find_layout
from imgclf.data.tabled import find_tabled
from imgclf.errors import DataError
from imgclf.spelling import Lines


def find_arrangement(directory: Path) -> tuple[Path, Arrangement]:
    """Where the pictures are, and what a config has to say of them.

    Leaves are the classes where no class folder holds pictures itself, and the folders in them
    differ from one to the other: their names are no years or numbers, and say more.

    Args:
        directory: The data set's.

    Raises:
        DataError: Neither class folders nor a table can be made out.
    """
    if not directory.is_dir():
        return directory, AS_FOUND  # who reads it says what is wrong
    try:
        layout = find_layout(directory)
        folders = find_class_folders(layout.parts["training"], layout.among_classes)
    except DataError as error:
        return _by_table(directory, error)
    looks = [look_into(path) for path in folders]
    return directory, Arrangement(classes="leaves" if _are_kinds(looks) else "folders")


def _are_kinds(looks: list[Look]) -> bool:
    """Whether what is in class folders are classes rather than, say, the days of one."""
    looks = [look for look in looks if look.holds_any]
    names = [name for look in looks for name in look.inside]
    return (
        len(names) > len(looks)
        and not any(look.pictures for look in looks)
        and len(set(names)) == len(names)
        and any(mark.isalpha() for name in names for mark in name)
    )


def _by_table(directory: Path, otherwise: DataError) -> tuple[Path, Arrangement]:
    """By the table that names most of the pictures that are there.

    Raises:
        DataError: `otherwise`, and why the first table can't be used, if there is one.
    """
    best, chosen, reasons = 0, None, list[str]()
    for table, place in _places(directory):
        try:
            parts = find_tabled(table, place).parts
        except DataError as error:
            reasons.append(error.message)
            continue
        count = sum(map(len, parts.values()))
        if count > best:
            best, chosen = count, (place, Arrangement(table=table))
    if chosen is None:
        raise DataError(Lines.of(otherwise.message, *reasons[:1]), otherwise.hint)
    return chosen


def _places(directory: Path) -> Iterator[tuple[Path, Path]]:
    """Each table with the folders that its paths may be relative to."""
    for table in tables_in(directory):
        yield table, directory
        for inside in visible_folders(directory):
            yield table, inside
            for deeper in visible_folders(inside):
                yield table, deeper
