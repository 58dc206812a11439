"""Folders laid out as a description says, and folders that nobody may look into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.pictures import encoded, motif

PICTURE = encoded(motif(8, 8))
_NOBODY = 65534


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
    Path().chmod(0o777)  # what is written beside them can be
    for path in paths:
        Path(path).chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in modes.items():
            Path(path).chmod(mode)
