"""The walk through folders as it was at first, for runs and models that began with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imgclf.data.file_walk import LeaveOut, Skipped
from imgclf.data.formats import PICTURE_SUFFIXES


def walk_files_at_first(folder: Path, leave_out: LeaveOut) -> Iterator[Path]:
    """Yields the files below a folder whose names are pictures'; see `FIRST_RULES`."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if name.startswith("."):
                leave_out(Skipped(path, "hidden file", "no picture"))
            elif path.suffix.lower() not in PICTURE_SUFFIXES:
                reason = f"not a picture ({path.suffix or 'no suffix'})"
                leave_out(Skipped(path, reason, "no picture"))
            else:
                yield path
