"""What lies in a folder, as far as it must be known to tell classes from parts and from neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import not_a_picture, unreadable, walk_files
from imgclf.data.label_table import is_table
from imgclf.data.left_by_programs import is_programs_folder
from imgclf.errors import DataError
from imgclf.work_folders import MODELS_DIRECTORY, RUNS_DIRECTORY

# And what is in them.
_MADE_HERE = {str(RUNS_DIRECTORY): "*/*/run.json", str(MODELS_DIRECTORY): "*.keras"}

# A folder that holds nothing else is no class that somebody has yet to fill.
_DOCUMENT_SUFFIXES = """
txt md rst pdf html htm doc docx csv tsv xlsx json jsonl xml yaml yml toml cfg ini log py ipynb sh
mat h5 keras tflite onnx pt pth zip
"""
_DOCUMENTS = frozenset(f".{suffix}" for suffix in _DOCUMENT_SUFFIXES.split())


WAY_ON = "give yourself leave to read it (chmod u+rX), mount what it leads to, or remove it"
"""What is to be done about a class that nobody may look into."""


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
        if not path.name.startswith(".")
        and not _is_ours(path)
        and not is_programs_folder(path.name)
    )


def folders_of_imgclf(directory: Path) -> list[Path]:
    """The folders that imgclf has made there, by name; none in the working directory.

    What it makes there is nothing to speak of.
    """
    if directory.resolve() == Path.cwd():
        return []
    return sorted(path for path in _folders(directory) if _is_ours(path))


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
    return any(walk_files(folder, lambda _: None))


def holds_documents_only(folder: Path) -> bool:
    """Whether there are files below, and all are texts, tables, models and the like."""
    suffixes = {path.suffix.lower() for path in _all_files(folder)}
    return bool(suffixes) and suffixes <= _DOCUMENTS


def holds_files(folder: Path) -> bool:
    """Whether there is a file below, whatever it is."""
    return any(_all_files(folder))


def tables_in(folder: Path) -> list[Path]:
    """The tables right inside, by name."""
    return sorted(path for path in folder.iterdir() if is_table(path) and path.is_file())


def _all_files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        yield from (Path(root, name) for name in files if name[0] != ".")


def _folders(directory: Path) -> list[Path]:
    """Without asking for the status of each file, of which there may be many thousands."""
    return [directory / one.name for one in _entries(directory) if one.is_dir()]


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except OSError as error:
        reason = unreadable(directory, error).reason
        message = f"{directory}: {reason}, so that a class would be missing"
        raise DataError(message, WAY_ON) from error


def _is_ours(path: Path) -> bool:
    """Whether imgclf has made it, or would, in the working directory."""
    inside = _MADE_HERE.get(path.name)
    if inside is None:
        return False
    return path.parent.resolve() == Path.cwd() or any(path.glob(inside))
