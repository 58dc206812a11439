"""Writing files so that a crash leaves the old one or the new one, whole, and never neither.

A write that fails for want of room, or for a reason of the file system's, is a `WriteError`
that names the file. What a process leaves behind that was killed while it wrote is removed by
the next one that writes the same file.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import IO, TextIO, TypeAlias

from imgclf.errors import WriteError
from imgclf.system.disk import refuse_full_disk, write_problems
from imgclf.system.standard_streams import ESCAPED

if sys.platform != "win32":
    import fcntl

Hold: TypeAlias = int | None
"""An open file that is locked; None on Windows, where a file that is open can't be renamed."""


@contextmanager
def atomic_path(target: Path, size: int | None = None) -> Iterator[Path]:
    """Yields a temporary name beside `target`; on success it is synced and renamed over it.

    The folder is made if it is missing. If the body raises, the temporary file is removed and
    `target` is as it was. For writers that insist on opening a path themselves.

    Args:
        target: The file.
        size: About how many bytes it will have, if that is known: where there is no room for
            them, nothing is begun.

    Raises:
        WriteError: It can't be written.
    """
    with write_problems(target, size) as attempt:
        _make_folder(target.parent)
        refuse_full_disk(target, size)
        remove_stale(target.parent, f".{target.stem}.")
        descriptor, temporary = make_temporary(target)
        attempt.file = temporary
        try:
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.chmod(_default_mode(target))
            temporary.replace(target)
        except BaseException as error:
            attempt.measure(error)
            temporary.unlink(missing_ok=True)
            raise
        finally:
            let_go(descriptor)
        sync_folder(target.parent)


@contextmanager
def atomic_folder(
    target: Path, size: int | None = None, *, replace: bool = False
) -> Iterator[Path]:
    """Yields an empty folder beside `target`; on success it is synced and renamed to it.

    If the body raises, the folder is removed and `target` is as it was.

    Args:
        target: The folder.
        size: See `atomic_path`.
        replace: Where there is a `target`, the two change places at once, and the old one is
            removed then with all that is in it.

    Raises:
        OSError: There is a `target` already that isn't to be replaced, and it isn't empty.
        WriteError: It can't be written.
    """
    with write_problems(target, size) as attempt:
        _make_folder(target.parent)
        refuse_full_disk(target, size)
        remove_stale(target.parent, f".{target.name}.")
        descriptor, temporary = _make_temporary_folder(target.parent, f".{target.name}.")
        attempt.file = temporary
        try:
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    with path.open("rb+") as written:
                        os.fsync(written.fileno())
                else:
                    sync_folder(path)
            sync_folder(temporary)
            temporary.chmod(0o777 & ~_umask())
            try:
                temporary.rename(target)
            except OSError as error:
                # There is one, maybe since a moment ago.
                if not replace or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                _exchange(temporary, target)
        except BaseException as error:
            attempt.measure(error)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            let_go(descriptor)
        sync_folder(target.parent)
        shutil.rmtree(temporary, ignore_errors=True)  # the old one, if they changed places


@contextmanager
def temporary_files() -> Iterator[Path]:
    """Inside, temporary files lie in a folder of their own, which is removed at the end.

    For libraries that leave theirs behind where the disk is full. What a process left that was
    killed is removed by the next one.
    """
    import tempfile  # see `make_temporary`

    folder, before = Path(tempfile.gettempdir()), tempfile.tempdir
    remove_stale(folder, "imgclf-")
    descriptor, temporary = _make_temporary_folder(folder, "imgclf-")
    tempfile.tempdir = str(temporary)
    try:
        yield temporary
    finally:
        tempfile.tempdir = before
        let_go(descriptor)
        shutil.rmtree(temporary, ignore_errors=True)


def atomic_write(
    target: Path, write: Callable[[IO[bytes]], object], size: int | None = None
) -> None:
    """Calls `write` with an open temporary file, which then replaces `target`.

    Args and errors are those of `atomic_path`.
    """
    with atomic_path(target, size) as temporary, temporary.open("wb") as stream:
        write(stream)


def atomic_write_bytes(target: Path, content: bytes) -> None:
    """Replaces `target` by `content`."""
    atomic_write(target, lambda stream: stream.write(content), len(content))


def atomic_write_text(target: Path, text: str) -> None:
    """Replaces `target` by `text` in UTF-8."""
    atomic_write_bytes(target, text.encode("utf-8"))


def refuse_unwritable(target: Path) -> None:
    """Finds out before long work whether a file can be made at its end.

    The folder is made if it is missing.

    Raises:
        WriteError: It can't.
    """
    with write_problems(target):
        _make_folder(target.parent)
        descriptor, temporary = make_temporary(target)
        temporary.unlink()
        let_go(descriptor)


@contextmanager
def open_output(target: Path | None) -> Iterator[TextIO]:
    """Yields a text stream for results: a file that appears when it is whole, or stdout.

    A device or a pipe, such as /dev/null, is written to as it is.

    File names that are no text go out byte for byte as they came in; see `standard_streams`.

    Raises:
        WriteError: The file can't be written.
    """
    if target is None:
        with write_problems(Path("standard output")):
            yield sys.stdout
            sys.stdout.flush()
        return
    if target.exists() and not target.is_file() and not target.is_dir():
        with (
            write_problems(target),
            target.open("w", encoding="utf-8", errors=ESCAPED, newline="") as stream,
        ):
            yield stream
        return
    with write_problems(target):
        if target.is_dir():  # `.` has no name that a file could take
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    with (
        atomic_path(target) as temporary,
        temporary.open("w", encoding="utf-8", errors=ESCAPED, newline="") as stream,
    ):
        yield stream


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power cut (a no-op where folders can't be opened)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # a file is there, about which "exists" would puzzle people
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from error
    except FileNotFoundError as error:  # in /proc and the like nobody can make any
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder) from error


def make_temporary(target: Path) -> tuple[Hold, Path]:
    """A temporary file beside `target`, held so that no other process takes it for a dead one's.

    Returns:
        What holds it, to be let go of at the end, and its path.
    """
    import tempfile  # 4 ms, which a prediction in a pipe can do without

    while True:
        descriptor, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}"
        )
        if sys.platform == "win32":
            os.close(descriptor)
            return None, Path(name)
        if _hold_new(descriptor, name):
            return descriptor, Path(name)


def _make_temporary_folder(parent: Path, prefix: str) -> tuple[Hold, Path]:
    import tempfile  # see `make_temporary`

    while True:
        name = tempfile.mkdtemp(dir=parent, prefix=prefix, suffix=".tmp")
        if sys.platform == "win32":
            return None, Path(name)
        with suppress(FileNotFoundError):
            descriptor = os.open(name, os.O_RDONLY)
            if _hold_new(descriptor, name):
                return descriptor, Path(name)


def let_go(hold: Hold) -> None:
    """Ends what `make_temporary` began."""
    if hold is not None:
        os.close(hold)


def _hold_new(descriptor: int, name: str) -> bool:
    """Holds what was just made; if another process removed it before that, closes it."""
    _hold(descriptor)
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), Path(name).stat()):
            return True
    os.close(descriptor)
    return False


def _exchange(new: Path, old: Path) -> None:
    """Makes two folders change places at once.

    Raises:
        WriteError: The system can't do that.
    """
    unable = "the system can't replace a folder at once here"
    if sys.platform == "linux":
        import ctypes

        current, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE; Python has no name for the call
        call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if call and call(current, os.fsencode(new), current, os.fsencode(old), exchange) == 0:
            return
    raise WriteError(f"can't write {old}: {unable}", "remove it, or name another")


def _hold(descriptor: int, *, wait: bool = True) -> bool:
    """Locks an open file for as long as it is open; the system lets go if the process dies.

    False if it is held already, or if the file system has no locks.
    """
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
    return False


def remove_stale(folder: Path, prefix: str) -> None:
    """Removes temporary files and folders of this name whose process is gone.

    Args:
        folder: Where they lie.
        prefix: What their names begin with; of those beside a file `.STEM.`
    """
    if sys.platform == "win32":  # where nothing tells a dead process's from another's
        return
    for path in folder.glob(f"{escape(prefix)}????????.tmp*"):
        with suppress(OSError):
            # A pipe in a folder that everybody may write to would be waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                if _hold(descriptor, wait=False):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(descriptor)


def _default_mode(target: Path) -> int:
    """Permissions that `target` has, or that a new file would get; mkstemp's 0600 is neither."""
    with suppress(OSError):  # another process may remove it at any moment; a link to itself
        return target.stat().st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
