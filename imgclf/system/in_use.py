"""Files that a process is using, and files that nobody uses: told by locks that die with it."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

# A pipe in a file's place would be waited for.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


def hold(file: Path, until: object) -> bool:
    """Marks a file as in use, and as used just now, for as long as an object lives.

    Args:
        file: One that `unused` may find.
        until: What uses it.

    Returns:
        Whether the file is there.
    """
    while True:
        try:
            descriptor = os.open(file, _READ)
        except OSError:
            return False
        with suppress(OSError):  # a file system without locks
            _lock(descriptor, shared=True)
        try:
            there = file.stat()
        except OSError:
            os.close(descriptor)
            return False
        if os.path.samestat(os.fstat(descriptor), there):
            break
        os.close(descriptor)  # it was replaced meanwhile
    weakref.finalize(until, os.close, descriptor)
    with suppress(OSError):  # somebody else's file, or one that can't be written to
        os.utime(file)  # not the time of access alone, which whoever only looks changes, too
    return True


@contextmanager
def unused(file: Path) -> Iterator[bool]:
    """Yields whether nobody uses a file; inside, nobody begins to."""
    try:
        descriptor = os.open(file, _READ)
    except OSError:
        yield False
        return
    try:
        try:
            _lock(descriptor, shared=False)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield True
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool) -> None:
    if sys.platform != "win32":  # where a file that is open can't be removed anyway
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
