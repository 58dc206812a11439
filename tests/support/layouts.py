"""Folders laid out as a description says, and folders that nobody may look into."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.pictures import encoded, motif

PICTURE = encoded(motif(8, 8))
_CAPABILITIES_VERSION = 0x20080522
_PASSES_OVER_PERMISSIONS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def lay_out(description: str, root: Path = Path()) -> None:
    """Makes what a description says, a line for each file, folder or link.

    `cat/a.jpg` is a picture; `cat/notes.txt: hello` a file that holds this text; `cat/sub/` an
    empty folder; `cat/b.jpg -> a.jpg` a link.
    """
    for number, line in enumerate(filter(None, map(str.strip, description.splitlines()))):
        path, link, target = line.partition(" -> ")
        name, text, content = path.partition(": ")
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if link:
            place.symlink_to(target)
        elif name.endswith("/"):
            place.mkdir()
        elif text:
            place.write_text(content)
        else:
            # Each another file: what follows the end of a PNG is no part of the picture.
            place.write_bytes(PICTURE + str(number).encode())


@contextmanager
def nobody_may_read(*paths: str | Path) -> Iterator[None]:
    """Inside, these can't be read, not even by root, who else may read everything."""
    modes = {path: Path(path).stat().st_mode for path in paths}
    for path in paths:
        Path(path).chmod(0)
    try:
        with _as_anybody():
            yield
    finally:
        for path, mode in modes.items():
            Path(path).chmod(mode)


@contextmanager
def _as_anybody() -> Iterator[None]:
    """Lays down what lets root pass over permissions, for this thread and those it starts."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, of 32 each
    assert libc.capget(header, before) == 0
    without = type(before)(*before)
    without[0] &= ~_PASSES_OVER_PERMISSIONS
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
