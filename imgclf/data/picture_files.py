"""Files of pictures: found in class folders, and read once for what their bytes add up to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgclf.data.file_walk import (
    LINK_TO_NOTHING,
    list_folder,
    not_a_picture,
    unreadable,
    walk_files,
)
from imgclf.data.file_walk import Skipped as Skipped
from imgclf.data.folder_look import WAY_ON, folders_of_imgclf, holds_pictures, visible_folders
from imgclf.errors import DataError, suggestion
from imgclf.spelling import as_spelled, composed
from imgclf.system.threads import Meanwhile, work_through


@dataclass(frozen=True)
class Picture:
    """A labelled picture file.

    Attributes:
        path: Where it lies.
        label: Index into the class names; where there may be several, the first, or `NO_LABEL`.
        digest: SHA-256 of the file's bytes; equal files are one picture.
        several: All of its labels, in order, where there may be several or none; else None.
    """

    path: Path
    label: int
    digest: str
    several: tuple[int, ...] | None = None

    @property
    def labels(self) -> tuple[int, ...]:
        """All of them."""
        return (self.label,) if self.several is None else self.several

    def called(self, class_names: Sequence[str]) -> str:
        """What it is said to be, for people."""
        return ", ".join(class_names[label] for label in self.labels) or "no label"


NO_LABEL: Final = -1
"""In place of a class's index."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_pictures(
    directory: Path,
    class_names: tuple[str, ...],
    skipped: list[Skipped],
    others: Collection[Path] = (),
) -> list[tuple[Path, int]]:
    """The files that may be pictures, with their labels.

    Args:
        directory: Holds the class folders.
        class_names: In output order; folders may spell them otherwise.
        skipped: Gets the files that take no part.
        others: Folders in it that are no classes.

    Raises:
        DataError: A folder with pictures is none of the classes, or nobody may look into one.
    """
    folders = visible_folders(directory)
    stored = as_spelled(class_names, (path.name for path in folders))
    for path in folders:
        if path.name in stored or path in others:
            continue
        if holds_pictures(path):
            raise none_of_the_classes(path, path.name, class_names)
        skipped.append(Skipped(path, "no pictures in it, so it is no class", "no picture"))
    skipped.extend(left_beside(directory, stored))
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(stored):
        if os.path.lexists(directory / name):
            found.extend((path, label) for path in _in_class(directory / name, skipped))
    return found


def may_be_picture(path: Path, skipped: list[Skipped]) -> bool:
    """Whether a file's name or first bytes, and its size, say so; else `skipped` gets it."""
    reason = not_a_picture(path)
    try:
        if reason is None and not path.stat().st_size:
            reason = Skipped(path, "empty file")
    except OSError as error:
        reason = unreadable(path, error)
    if reason is not None:
        skipped.append(reason)
    return reason is None


def _in_class(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """The files of a class that may be pictures.

    Raises:
        DataError: Nobody may look into the folder.
    """
    left_out: list[Skipped] = []
    for path in walk_files(folder, left_out.append):
        try:
            if path.stat().st_size:
                yield path
            else:
                left_out.append(Skipped(path, "empty file"))
        except OSError as error:
            left_out.append(unreadable(path, error))
    for one in left_out:
        if one.path == folder:
            raise DataError(f"{folder}: {one.reason}, so that the class would be missing", WAY_ON)
    skipped.extend(left_out)


def left_beside(directory: Path, class_names: Collection[str] = ()) -> list[Skipped]:
    """What lies beside the class folders.

    Args:
        directory: Holds them.
        class_names: As the disk spells them.

    Raises:
        DataError: Nobody may look into the folder, or a class folder is a link to nothing.
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
            raise DataError(f"{one.path}: {one.reason}, so that a class would be missing", WAY_ON)
    ours = [
        Skipped(path, "made by imgclf, so it is no class", "a program's")
        for path in folders_of_imgclf(directory)
    ]
    shown = [
        one
        for one in left_out
        if not one.path.name.startswith(".") and one.path.name not in class_names
    ]
    return [*ours, *shown]


def none_of_the_classes(path: Path, name: str, class_names: Sequence[str]) -> DataError:
    """What to say of a folder of pictures that the classes don't have."""
    classes = ", ".join(map(composed, class_names))
    return DataError(f"{path} is none of the classes: {classes}" + suggestion(name, class_names))


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
