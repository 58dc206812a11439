"""Classes that lie in folders of folders: each folder of pictures is one, and its path its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from imgclf.data.file_walk import LeaveOut, walk_files
from imgclf.data.folder_look import visible_folders
from imgclf.data.picture_files import Skipped, left_beside, may_be_picture, none_of_the_classes
from imgclf.spelling import composed


def find_leaf_names(directory: Path, others: Collection[Path] = ()) -> tuple[str, ...]:
    """The paths of the folders that hold pictures, in output order.

    Args:
        directory: Holds them at any depth.
        others: Folders in it that are left out.
    """
    found = {name for name, _ in _files(directory, others, lambda _: None)}
    return tuple(sorted(found))


def find_leaf_pictures(
    directory: Path,
    class_names: Sequence[str],
    skipped: list[Skipped],
    others: Collection[Path] = (),
) -> list[tuple[Path, int]]:
    """The files that may be pictures, with their labels; see `find_pictures`.

    Raises:
        DataError: A folder with pictures is none of the classes.
    """
    positions = {composed(name): label for label, name in enumerate(class_names)}
    found: list[tuple[Path, int]] = []
    for name, path in _files(directory, others, skipped.append):
        if may_be_picture(path, skipped):
            label = positions.get(composed(name))
            if label is None:
                raise none_of_the_classes(path.parent, name, class_names)
            found.append((path, label))
    skipped += left_beside(directory)
    return sorted(found, key=lambda file: file[1])


def _files(
    directory: Path, others: Collection[Path], leave_out: LeaveOut
) -> Iterator[tuple[str, Path]]:
    for folder in visible_folders(directory):
        if folder not in others:
            for path in walk_files(folder, leave_out):
                yield path.parent.relative_to(directory).as_posix(), path
