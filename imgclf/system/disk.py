"""What the file system refuses, told so that it can be put right: which file, and how much."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgclf.errors import ImgclfError, WriteError

# No more room; all of these can end a write half way.
_FULL = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit for the size of a file is reached",
}
_REFUSED = (
    errno.EACCES,
    errno.EIO,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


_ELSEWHERE = "TMPDIR=FOLDER imgclf ... puts them elsewhere"


class Attempt:
    """A write that is under way.

    Attributes:
        file: What is being written to, once there is anything.
        written: How many bytes of it there were when the write failed.
    """

    def __init__(self) -> None:
        self.file: Path | None = None
        self.written = 0

    def measure(self, error: BaseException) -> None:
        """To be called when it failed, before what was written is removed."""
        if self.file is not None and problem_of(error) is not None:
            files = self.file.rglob("*") if self.file.is_dir() else [self.file]
            self.written = sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def write_problems(target: Path | None, size: int | None = None) -> Iterator[Attempt]:
    """Turns what the file system refuses inside into a `WriteError` about `target`.

    Whatever raised it: Keras, TensorFlow, h5py and zipfile pass such errors on in classes of
    their own, with the system's words in the message.

    Args:
        target: The file that is being written; None for temporary files, wherever they are.
        size: About how many bytes it will have, if that is known.

    Raises:
        WriteError: It can't be written.
    """
    attempt = Attempt()
    try:
        yield attempt
    except ImgclfError:
        raise
    except Exception as error:
        reason = problem_of(error)
        if reason is not None and target is None:
            raise WriteError(f"can't write temporary files: {reason}", _ELSEWHERE) from error
        if reason is None or target is None or not _is_about(error, target, attempt.file):
            raise
        raise WriteError(
            f"can't write {target}: {reason}{_amounts(target, size, attempt.written)}",
            f"{target} is as it was" if target.is_file() else None,
        ) from error


def refuse_full_disk(target: Path, size: int | None) -> None:
    """Raises what a write of so many bytes beside `target` would end in, if that can be told."""
    if size is None:
        return
    if size > _size_limit():
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if size > shutil.disk_usage(target.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def problem_of(error: BaseException) -> str | None:
    """What the file system refused, in words for people; None if it is no such error."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return _FULL[error.errno]
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return os.strerror(error.errno)
    text = str(error).casefold()
    if "no usable temporary directory" in text:  # Python has tried to write into all of them
        return "there is no folder for them that can be written to"
    found = (words for number, words in _FULL.items() if os.strerror(number).casefold() in text)
    return next(found, None)


def is_refused(error: WriteError) -> bool:
    """Whether there is no leave to write at all, by which nothing is wrong with the disk."""
    cause = error.__cause__
    refusals = (errno.EACCES, errno.ENOTDIR, errno.EPERM, errno.EROFS)
    return isinstance(cause, OSError) and cause.errno in refusals


def _is_about(error: BaseException, target: Path, temporary: Path | None) -> bool:
    """Whether it is not about another file, one that was being read, say."""
    named = getattr(error, "filename", None)
    if not isinstance(named, str | os.PathLike):
        return True
    path, target = Path(named).absolute(), target.absolute()
    is_temporary = path.parent == target.parent and path.name.startswith(f".{target.stem}.")
    inside = {target, temporary} & set(path.parents)
    return is_temporary or bool(inside) or path in (target, *target.parents)


def _amounts(target: Path, size: int | None, written: int) -> str:
    if size is not None:
        folder = next(one for one in target.absolute().parents if one.is_dir())
        missing = size - min(shutil.disk_usage(folder).free, _size_limit())
        if missing > 0:
            return f" (it takes {size_text(size)}, of which {size_text(missing)} are missing)"
    return f" (after {size_text(written)})" if written else ""


def _size_limit() -> float:
    if sys.platform == "win32":
        return float("inf")
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return float("inf") if limit == resource.RLIM_INFINITY else limit


def size_text(count: float) -> str:
    """So many bytes, for people."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count:.0f} bytes"
