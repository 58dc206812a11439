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
from typing import IO, TextIO

from imgclf.disk import refuse_full_disk, write_problems

if sys.platform != "win32":
    import fcntl


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
        _remove_stale(target.parent, f".{target.stem}.", f".tmp{target.suffix}")
        descriptor, temporary = _make_temporary(target)
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
            os.close(descriptor)
        sync_folder(target.parent)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target`; on success it is synced and renamed to it.

    If the body raises, the folder is removed and there is no `target`.

    Raises:
        OSError: There is a `target` already, and it isn't empty.
        WriteError: It can't be written.
    """
    import tempfile  # 4 ms, which a prediction in a pipe can do without

    with write_problems(target) as attempt:
        _make_folder(target.parent)
        _remove_stale(target.parent, f".{target.name}.", ".tmp")
        temporary = Path(
            tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        )
        attempt.file = temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            _hold(descriptor)
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    with path.open("rb+") as written:
                        os.fsync(written.fileno())
                else:
                    sync_folder(path)
            sync_folder(temporary)
            temporary.chmod(0o777 & ~_umask())
            temporary.rename(target)
        except BaseException as error:
            attempt.measure(error)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            os.close(descriptor)
        sync_folder(target.parent)


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


@contextmanager
def open_output(target: Path | None) -> Iterator[TextIO]:
    """Yields a text stream for results: a file that appears when it is whole, or stdout.

    File names that are no text go out byte for byte as they came in.

    Raises:
        WriteError: The file can't be written.
    """
    if target is None:
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        with write_problems(Path("standard output")):
            yield sys.stdout
            sys.stdout.flush()
        return
    with (
        atomic_path(target) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
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


def _make_temporary(target: Path) -> tuple[int, Path]:
    """A temporary file, held so that no other process takes it for a dead one's."""
    import tempfile  # see atomic_folder

    while True:
        descriptor, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}"
        )
        _hold(descriptor)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), Path(name).stat()):
                return descriptor, Path(name)
        os.close(descriptor)  # another process removed it before it was held


def _hold(descriptor: int, *, wait: bool = True) -> bool:
    """Locks an open file for as long as it is open; the system lets go if the process dies.

    False if it is held already, or if the file system has no locks.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove_stale(folder: Path, prefix: str, suffix: str) -> None:
    """Removes temporary files and folders of this name whose process is gone."""
    for path in folder.glob(f"{escape(prefix)}????????{escape(suffix)}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                if _hold(descriptor, wait=False):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(descriptor)


def _default_mode(target: Path) -> int:
    """Permissions that `target` has, or that a new file would get; mkstemp's 0600 is neither."""
    if target.exists():
        return target.stat().st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
