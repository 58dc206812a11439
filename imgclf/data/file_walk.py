"""The files below a folder, and which of them are pictures by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imgclf.data.decoder import PICTURE_SUFFIXES


def walk_files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder in a stable order, hidden folders left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            yield Path(root, name)


def not_a_picture(path: Path) -> str | None:
    """Why a file's name rules it out as a picture, or None if it doesn't."""
    if path.name.startswith("."):
        return "hidden file"
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return f"not a picture ({path.suffix or 'no suffix'})"
    return None
