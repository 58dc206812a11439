"""What a new run would see of a data set that is read by earlier rules."""

from __future__ import annotations

from imgclf.data.dataset import DataSet
from imgclf.data.folder import find_files
from imgclf.errors import DataError


def seen_anew(data: DataSet) -> str | None:
    """What is to be said of it; None if a new run would see the same.

    Args:
        data: As it was read by its own rules.
    """
    folder = data.folder
    try:
        files = find_files(folder.directory)
    except DataError as error:
        return f"a new run would not begin with these pictures: {error.message}"
    taken = {
        picture.path
        for part in (folder.training, folder.validation, folder.test)
        for picture in part
    }
    unreadable = {one.path for one in folder.skipped if one.why == "unreadable"}
    now = {path for part in files.parts.values() for path, _ in part}
    more, fewer = len(now - taken - unreadable), len(taken - now)
    held_out = {one.digest for one in folder.validation}
    trained_on = {one.digest for one in folder.training}
    divided = [
        group
        for group in data.near_copies
        if {one.digest for one in group} & held_out and {one.digest for one in group} & trained_on
    ]
    changes = [
        *([f"take {more} more {_files(more)}"] if more else []),
        *([f"leave out {fewer} {_files(fewer)}"] if fewer else []),
        *([f"keep {len(divided)} pictures and their near copies in one part"] if divided else []),
    ]
    if not changes:
        return None
    return (
        f"this training keeps the {len(taken)} pictures that it "
        f"began with; a new one (--fresh) would {' and '.join(changes)}"
    )


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
