"""Reading what was written earlier and may be damaged since, or somebody else's by now.

What lies beside a model or in a run's folder is sent around with it. It is looked at before it is
read: a pipe would never end, and a packed file or a header of a few bytes can ask for terabytes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def open_kept(path: Path, most: int) -> Iterator[IO[bytes]]:
    """Opens a regular file of at most so many bytes.

    Raises:
        FileNotFoundError: There is none.
        OSError: It can't be opened.
        ValueError: It is something else, or larger; the text says what.
    """
    # A pipe that nobody writes to would be waited for.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if status.st_size > most:
            raise ValueError(f"it has {status.st_size} bytes, and {most} are the most")
        yield stream


def read_kept(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most so many.

    Errors are those of `open_kept`.
    """
    with open_kept(path, most) as stream:
        return stream.read(most)
