"""Writing files so that a crash leaves the old one or the new one, whole, and never neither."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from imgclf.errors import UsageError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yields a temporary name beside `target`; on success it is synced and renamed over it.

    The folder is made if it is missing. If the body raises, the temporary file is removed and
    `target` is as it was. For writers that insist on opening a path themselves.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}"
    )
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(_default_mode(target))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target`; on success it is synced and renamed to it.

    If the body raises, the folder is removed and there is no `target`.

    Raises:
        OSError: There is a `target` already, and it isn't empty.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"))
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
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(target.parent)


def atomic_write(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Calls `write` with an open temporary file, which then replaces `target`."""
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        write(stream)


def atomic_write_text(target: Path, text: str) -> None:
    """Replaces `target` by `text` in UTF-8."""
    atomic_write(target, lambda stream: stream.write(text.encode("utf-8")))


@contextmanager
def open_output(target: Path | None) -> Iterator[TextIO]:
    """Yields a text stream for results: a file that appears when it is whole, or stdout.

    File names that are no text go out byte for byte as they came in.

    Raises:
        UsageError: The file can't be written.
    """
    if target is None:
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        yield sys.stdout
        return
    try:
        with (
            atomic_path(target) as temporary,
            temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
        ):
            yield stream
    except OSError as error:
        raise UsageError(f"can't write {target}: {error.strerror or error}") from error


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


def _default_mode(target: Path) -> int:
    """Permissions that `target` has, or that a new file would get; mkstemp's 0600 is neither."""
    if target.exists():
        return target.stat().st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
