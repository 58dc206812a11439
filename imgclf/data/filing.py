"""Filing pictures into folders by label, without ever overwriting one."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from enum import StrEnum
from pathlib import Path

from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError
from imgclf.spelling import path_as_spelled
from imgclf.system.files import let_go, make_temporary, remove_stale

_BLOCK = 1 << 20


class Filing(StrEnum):
    """What becomes of the picture where it lay."""

    COPY = "copy"
    MOVE = "move"
    LINK = "link"


def file_picture(source: Path, directory: Path, label: str, how: Filing) -> Path:
    """Puts a picture into `directory/label/`, under its own name.

    A folder that spells the label otherwise is the label's. A label that is a path, as those of
    nested classes are, leads into folders of folders.

    It can be done again: a picture that is there already stays as it is, and another picture
    of the same name gets a name of its own, the same each time.

    Args:
        source: The picture.
        directory: Where the folders of the labels are; made as needed.
        label: The folder.
        how: Copy, move, or make a symbolic link.

    Returns:
        Where it is now.

    Raises:
        DataError: The label can't be a folder's name, or the file system refuses.
    """
    if not is_folder_path(label):
        raise DataError(f"{label!r} can't be the name of a folder")
    folder = path_as_spelled(directory / label)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = file_digest(source)
        for target in (folder / source.name, folder / _own_name(source, digest)):
            if not os.path.lexists(target):
                _put(source, target, how)
                return target
            if target.is_file() and file_digest(target) == digest:
                return target
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{source} can't be put into {folder}: {reason}") from error
    raise DataError(f"{source} can't be put into {folder}: {target.name} is there, and is another")


def is_folder_path(label: str) -> bool:
    """Whether a label can be a folder's name, or a path that leads down and nowhere else."""
    unfit = ("", ".", "..")
    return not any(name in unfit for name in label.split("/")) and not set("\\\0") & set(label)


def _own_name(source: Path, digest: str) -> str:
    return f"{source.stem}-{digest[:8]}{source.suffix}"


def _put(source: Path, target: Path, how: Filing) -> None:
    """Makes `target` appear whole and all at once; fails if something else took its place."""
    if how is Filing.LINK:
        target.symlink_to(source.absolute())
        return
    if how is Filing.MOVE:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without hard links
            _copy(source, target)
        source.unlink()
        return
    _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if not _copy_without_a_name(source, target):
        _copy_under_another_name(source, target)


def _copy_without_a_name(source: Path, target: Path) -> bool:
    """Copies into a file that has no name until it is whole: a process that is killed leaves none.

    Returns:
        Whether that can be done here: not every system and file system can.

    Raises:
        FileExistsError: Something else took the name.
    """
    if sys.platform != "linux" or not hasattr(os, "O_TMPFILE"):
        return False
    try:
        descriptor = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return False
    try:
        with source.open("rb") as read, os.fdopen(os.dup(descriptor), "wb") as written:
            shutil.copyfileobj(read, written, _BLOCK)
        status = source.stat()
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(descriptor)
        os.link(f"/proc/self/fd/{descriptor}", target, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP):
            raise
        return False  # no /proc, or no links, which the other way finds out about
    finally:
        os.close(descriptor)
    return True


def _copy_under_another_name(source: Path, target: Path) -> None:
    remove_stale(target.parent, f".{target.stem}.")
    descriptor, temporary = make_temporary(target)
    try:
        shutil.copy2(source, temporary)
        with temporary.open("rb+") as copied:
            os.fsync(copied.fileno())
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:  # no hard links there; a file that appears just now would be lost
            temporary.rename(target)
            return
    finally:
        temporary.unlink(missing_ok=True)
        let_go(descriptor)
