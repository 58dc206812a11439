"""What lies in a folder, as far as it must be known to tell classes from parts and from neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import not_a_picture, walk_files
from imgclf.data.label_table import is_table
from imgclf.errors import DataError

# See `RUNS_DIRECTORY` and `MODELS_DIRECTORY`, which this module does not know, and what is in them.
_MADE_HERE = {"runs": "*/*/run.json", "models": "*.keras"}

# What systems and unpacking leave anywhere, by names in lower case.
_FOREIGN = frozenset(
    {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "__pycache__"}
)

# A folder that holds nothing else is no class that somebody has yet to fill.
_DOCUMENT_SUFFIXES = """
txt md rst pdf html htm doc docx csv tsv xlsx json jsonl xml yaml yml toml cfg ini log py ipynb sh
mat h5 keras tflite onnx pt pth zip
"""
_DOCUMENTS = frozenset(f".{suffix}" for suffix in _DOCUMENT_SUFFIXES.split())


@dataclass(frozen=True)
class Look:
    """What lies in a folder.

    Attributes:
        inside: The names of the folders right inside that have pictures somewhere below.
        pictures: Whether there are pictures right inside.
    """

    inside: tuple[str, ...]
    pictures: bool

    @property
    def holds_any(self) -> bool:
        """Whether there is a picture somewhere below."""
        return bool(self.inside) or self.pictures


def visible_folders(directory: Path) -> list[Path]:
    """The folders that may be classes or parts, by name."""
    return sorted(
        path
        for path in _folders(directory)
        if not path.name.startswith(".") and not _is_ours(path) and not _is_foreign(path)
    )


def foreign_folders(directory: Path) -> list[Path]:
    """The folders that programs have left there, imgclf among them, by name.

    What imgclf makes in the working directory is nothing to speak of.
    """
    at_home = directory.resolve() == Path.cwd()
    return sorted(
        path
        for path in _folders(directory)
        if _is_foreign(path) or (_is_ours(path) and not at_home)
    )


def look_into(folder: Path) -> Look:
    """Looks as deep as it takes to find a first picture.

    Raises:
        DataError: The folder can't be read.
    """
    inside = tuple(path.name for path in visible_folders(folder) if holds_pictures(path))
    pictures = any(not not_a_picture(Path(one)) for one in _entries(folder) if not one.is_dir())
    return Look(inside, pictures)


def holds_pictures(folder: Path) -> bool:
    """Whether there is a file below that may be a picture."""
    return any(not not_a_picture(path) for path in walk_files(folder))


def holds_documents_only(folder: Path) -> bool:
    """Whether there are files below, and all are texts, tables, models and the like."""
    suffixes = {path.suffix.lower() for path in walk_files(folder) if path.name[0] != "."}
    return bool(suffixes) and suffixes <= _DOCUMENTS


def tables_in(folder: Path) -> list[Path]:
    """The tables right inside, by name."""
    return sorted(path for path in folder.iterdir() if is_table(path) and path.is_file())


def _folders(directory: Path) -> list[Path]:
    """Without asking for the status of each file, of which there may be many thousands."""
    return [directory / one.name for one in _entries(directory) if one.is_dir()]


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except OSError as error:
        raise DataError(f"{directory} can't be read: {error.strerror or error}") from error


def _is_ours(path: Path) -> bool:
    """Whether imgclf has made it, or would, in the working directory."""
    inside = _MADE_HERE.get(path.name)
    if inside is None:
        return False
    return path.parent.resolve() == Path.cwd() or any(path.glob(inside))


def _is_foreign(path: Path) -> bool:
    return path.name.casefold() in _FOREIGN
