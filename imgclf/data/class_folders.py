"""Which folders are classes, and what folder was meant where there are none."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from imgclf.data.folder_look import (
    holds_documents_only,
    holds_files,
    holds_pictures,
    look_into,
    tables_in,
    visible_folders,
)
from imgclf.errors import DataError, nearest_match
from imgclf.spelling import Lines

LAYOUT = Lines.of(
    "expected one folder of pictures per class, such as dataset/cat/*.jpg and dataset/dog/*.jpg;",
    "to use another folder: imgclf train CONFIG --set data.directory=FOLDER",
)

_LISTED = 6
_DEEPEST = 3


def missing(directory: Path) -> str:
    """Why there is no such folder, with the nearest that there is."""
    if directory.exists():
        return f"{directory} is a file, not a folder"
    return f"no folder {directory}" + nearest_beside(directory, folders=True)


def nearest_beside(path: Path, *, folders: bool) -> str:
    """What a message ends with after a path that isn't there: the folder, or file, meant."""
    parent = path.parent
    near = None
    if parent.is_dir():
        near = nearest_match(path.name, (p.name for p in parent.iterdir() if p.is_dir() == folders))
    return f"; did you mean {parent / near}?" if near else ""


def find_class_folders(directory: Path, others: Collection[Path] = ()) -> Sequence[Path]:
    """The class folders in a folder, by name.

    A folder that holds nothing but documents is none; one without a file is a class that somebody
    has yet to fill.

    Args:
        directory: Holds them.
        others: Folders in it that are none.

    Raises:
        DataError: There are fewer than two; names the folder that was probably meant.
    """
    found = [path for path in visible_folders(directory) if path not in others]
    full = [path for path in found if holds_pictures(path)]
    empty = [path for path in found if path not in full]
    documents = [path for path in empty if holds_documents_only(path)]
    if not found:
        raise no_class_folders(directory)
    if len(full) == 1 and all(holds_files(path) for path in empty):
        meant = _meant_below(full[0])
        if meant is not None:
            raise DataError(
                f"{directory} has one class folder only ({full[0].name}); a classifier needs "
                f"two. {meant} may be meant, with {listed(look_into(meant).inside)} in it",
                use(meant),
            )
    if len(found) == 1:
        raise DataError(
            f"{directory} has one class folder only ({found[0].name}); a classifier needs two",
            LAYOUT,
        )
    if len(found) - len(documents) < 2:
        return found
    return [path for path in found if path not in documents]


def no_class_folders(directory: Path) -> DataError:
    """What to say of a folder with none, and what was probably meant."""
    message = f"{directory} has no class folders in it"
    if not look_into(directory).pictures:
        return DataError(message, LAYOUT)
    message += ", but pictures"
    tables = [*tables_in(directory), *tables_in(directory.absolute().parent)]
    if tables:
        table = shlex.quote(str(tables[0]))
        return DataError(
            message,
            Lines.of(f"if {tables[0]} says what they are: --set data.table={table}", LAYOUT),
        )
    above = directory.parent
    beside = look_into(above).inside if directory.name else ()
    if len(beside) > 1:
        return DataError(
            f"{message}. {above} may be meant, with {listed(beside)} in it", use(above)
        )
    return DataError(message, LAYOUT)


def use(directory: Path) -> Lines:
    """The commands that take another folder."""
    quoted = shlex.quote(str(directory))
    return Lines.of(
        f"to train on it: imgclf train CONFIG --set data.directory={quoted}",
        f"to write a config for it: imgclf init {quoted}",
    )


def listed(names: Iterable[str]) -> str:
    """The first of several names, for people."""
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _meant_below(folder: Path) -> Path | None:
    """The folder that holds several, if one and only one leads to it."""
    for _ in range(_DEEPEST):
        look = look_into(folder)
        if look.pictures or not look.inside:
            return None
        if len(look.inside) > 1:
            return folder
        folder = folder / look.inside[0]
    return None
