"""Keeping two imgclf apart that would write the same model or run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from imgclf.errors import BusyError, UsageError


@contextmanager
def lock(what: Path, patience: float = 0) -> Iterator[None]:
    """Holds the lock of a model file or a folder of runs; the system drops it if we crash.

    Args:
        what: The file or folder.
        patience: Seconds to wait for another process that holds it.

    Raises:
        BusyError: Another process holds it.
        UsageError: The folder can't be written to.
    """
    held = FileLock(_lock_file(what), timeout=patience)
    try:
        what.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout:
        raise BusyError(
            f"another imgclf is at work on {what}", "try again when it has ended"
        ) from None
    except OSError as error:
        raise UsageError(f"can't lock {what}: {error.strerror or error}") from error
    try:
        yield
    finally:
        held.release()


def is_locked(what: Path) -> bool:
    """Whether a process holds the lock of a model file or a folder of runs just now."""
    file = _lock_file(what)
    if not file.exists():
        return False
    held = FileLock(file, timeout=0)
    try:
        held.acquire()
    except Timeout:
        return True
    except OSError:  # somebody else's file; a process that could hold it is theirs too
        return False
    held.release()
    return False


def _lock_file(what: Path) -> Path:
    return what.parent / f".{what.name}.lock"
