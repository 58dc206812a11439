"""Which files a data set had by the first rules, that trainings of earlier versions began with.

It stays as it is, whatever else comes to be followed, skipped or taken for a part: a training that
was interrupted goes on with the pictures that it began with, and a model is judged by those that
were held out from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imgclf.data.found_files import FoundFiles
from imgclf.data.part_names import PartName
from imgclf.errors import DataError

_PARTS: dict[str, PartName] = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".avif"),
        *(".bmp", ".tif", ".tiff", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
        *(".heic", ".heif"),
    }
)


def find_by_first_rules(directory: Path) -> FoundFiles:
    """Finds the pictures of a data set as they were found first.

    Raises:
        DataError: There were none, or no classes.
    """
    try:
        parts = _parts(directory) or {"training": directory}
        names = tuple(path.name for path in _folders(parts["training"]))
    except OSError as error:
        raise DataError(f"{directory}: {error.strerror or error}") from error
    if len(names) < 2:
        raise DataError(f"{directory} has no class folders in it")
    found = {
        part: [(path, label) for label, name in enumerate(names) for path in _files(folder / name)]
        for part, folder in parts.items()
    }
    return FoundFiles(directory, names, found, ())


def _folders(directory: Path) -> list[Path]:
    ours = ("runs", "models") if directory.resolve() == Path.cwd() else ()
    return sorted(
        path
        for path in directory.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in ours
    )


def _parts(directory: Path) -> dict[PartName, Path] | None:
    folders = {path.name: path for path in _folders(directory)}
    if not set(folders) <= set(_PARTS) or not {"train", "training"} & set(folders):
        return None
    return {_PARTS[name]: path for name, path in folders.items()}


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            named = not name.startswith(".") and path.suffix.lower() in _SUFFIXES
            try:
                if named and path.stat().st_size:
                    yield path
            except OSError:
                continue
