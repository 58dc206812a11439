"""Files of pictures: found in class folders, and read once for what their bytes add up to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgclf.data.file_walk import LINK_TO_NOTHING, Walk, list_folder, unreadable, walk_files
from imgclf.data.file_walk import Skipped as Skipped
from imgclf.data.file_walk_at_first import walk_files_at_first
from imgclf.data.layout import visible_folders
from imgclf.data.rules import FIRST_RULES, RULES
from imgclf.errors import DataError, suggestion
from imgclf.system.threads import Meanwhile, work_through

_WAY_ON: Final = "give yourself leave to read it (chmod u+rX), mount what it leads to, or remove it"


@dataclass(frozen=True)
class Picture:
    """A labelled picture file.

    Attributes:
        path: Where it lies.
        label: Index into the class names.
        digest: SHA-256 of the file's bytes; equal files are one picture.
    """

    path: Path
    label: int
    digest: str


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_pictures(
    directory: Path, class_names: tuple[str, ...], skipped: list[Skipped], rules: int = RULES
) -> list[tuple[Path, int]]:
    """The files that may be pictures, with their labels.

    Args:
        directory: Holds the class folders.
        class_names: In output order.
        skipped: Gets the files that take no part.
        rules: By which they are found; see `data.rules`.

    Raises:
        DataError: A folder is none of the classes, or one that nobody may look into.
    """
    for path in visible_folders(directory):
        if path.name not in class_names:
            raise DataError(
                f"{path} is none of the classes: {', '.join(class_names)}"
                + suggestion(path.name, class_names)
            )
    walk = walk_files if rules > FIRST_RULES else walk_files_at_first
    skipped.extend(_passed_over(directory, class_names))
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(class_names):
        if os.path.lexists(directory / name):
            found.extend((path, label) for path in _in_class(directory / name, walk, skipped))
    return found


def _in_class(folder: Path, walk: Walk, skipped: list[Skipped]) -> Iterator[Path]:
    """The files of a class that may be pictures.

    Raises:
        DataError: Nobody may look into the folder.
    """
    left_out: list[Skipped] = []
    for path in walk(folder, left_out.append):
        try:
            if path.stat().st_size:
                yield path
            else:
                left_out.append(Skipped(path, "empty file"))
        except OSError as error:
            left_out.append(unreadable(path, error))
    for one in left_out:
        if one.path == folder:
            raise DataError(f"{folder}: {one.reason}, so that the class would be missing", _WAY_ON)
    skipped.extend(left_out)


def _passed_over(directory: Path, class_names: Sequence[str]) -> list[Skipped]:
    """What lies beside the class folders.

    Raises:
        DataError: Nobody may look into the data set, or a class folder is a link to nothing.
    """
    left_out: list[Skipped] = []
    for entry in list_folder(directory, left_out.append).files:
        path = Path(entry)
        if not entry.name.startswith("."):
            lost = entry.is_symlink() and not path.exists()
            reason = LINK_TO_NOTHING if lost else "not in a class folder"
            left_out.append(Skipped(path, reason, "unreadable" if lost else "no picture"))
    for one in left_out:
        if one.path == directory or (one.why == "unreadable" and not one.path.suffix):
            raise DataError(f"{one.path}: {one.reason}, so that a class would be missing", _WAY_ON)
    names = (one.path.name for one in left_out)
    return [
        one
        for one, name in zip(left_out, names, strict=True)
        if not name.startswith(".") and name not in class_names
    ]


def read_pictures(
    found: Sequence[tuple[Path, int]],
    skipped: list[Skipped],
    *,
    longest_step: bool = False,
) -> list[Picture]:
    """The pictures of these files, with what their bytes add up to.

    Args:
        found: Files with their labels.
        skipped: Gets the files that can't be read.
        longest_step: Whether nothing longer is to come, such as decoding them.
    """

    def read(file: tuple[Path, int]) -> Picture | Skipped:
        path, label = file
        try:
            return Picture(path, label, file_digest(path))
        except OSError as error:
            return unreadable(path, error)

    pictures: list[Picture] = []
    # In one thread: several take turns at Python's lock so often that small files take longer.
    meanwhile: Meanwhile = "needed" if longest_step else "nothing"
    reading = work_through(read, found, "reading pictures", meanwhile=meanwhile, threads=1)
    with closing(reading):
        for one in reading:
            if isinstance(one, Picture):
                pictures.append(one)
            else:
                skipped.append(one)
    return pictures
