"""Files of pictures: found in class folders, and read once for what their bytes add up to."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import not_a_picture, walk_files
from imgclf.data.folder_look import foreign_folders, holds_pictures, visible_folders
from imgclf.errors import DataError, suggestion
from imgclf.spelling import as_spelled, composed
from imgclf.system import console
from imgclf.system.threads import Meanwhile, work_through


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


@dataclass(frozen=True)
class Skipped:
    """A file that takes no part, and why."""

    path: Path
    reason: str


def warn_of_left_out(skipped: Iterable[Skipped]) -> None:
    """Names each of these files and why it takes no part."""
    for one in skipped:
        console.warning(f"left out {one.path}: {one.reason}")


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
        DataError: A folder with pictures is none of the classes.
    """
    folders = visible_folders(directory)
    stored = as_spelled(class_names, (path.name for path in folders))
    for path in folders:
        if path.name in stored or path in others:
            continue
        if holds_pictures(path):
            raise none_of_the_classes(path, path.name, class_names)
        skipped.append(Skipped(path, "no pictures in it, so it is no class"))
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(stored):
        for path in walk_files(directory / name):  # nothing if there is no such folder
            if may_be_picture(path, skipped):
                found.append((path, label))
    skipped += left_beside(directory)
    return found


def may_be_picture(path: Path, skipped: list[Skipped]) -> bool:
    """Whether a file's name and size say so; `skipped` gets it if not, with the reason."""
    try:
        reason = not_a_picture(path) or ("" if path.stat().st_size else "empty file")
    except OSError as error:
        skipped.append(_unreadable(path, error))
        return False
    if reason:
        skipped.append(Skipped(path, reason))
    return not reason


def left_beside(directory: Path) -> Iterator[Skipped]:
    """What lies beside class folders."""
    for path in foreign_folders(directory):
        yield Skipped(path, "left there by a program, so it is no class")
    for path in sorted(directory.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            yield Skipped(path, "not in a class folder")


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
            return _unreadable(path, error)

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


def _unreadable(path: Path, error: OSError) -> Skipped:
    return Skipped(path, error.strerror or "can't be read")
