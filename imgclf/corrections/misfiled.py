"""Corrected pictures that lie in the data set under the wrong label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import walk_files
from imgclf.data.filing import Filing, file_picture
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.trained_on import directory_of


@dataclass(frozen=True)
class Misfiled:
    """A picture of the data set whose folder says something else than its correction.

    Attributes:
        path: Where it lies.
        label: Of the folder.
        is_really: What it was corrected to.
        moved_to: Where it lies now; None if it was left where it is.
    """

    path: str
    label: str
    is_really: str
    moved_to: str | None = None


@dataclass(frozen=True)
class _Found:
    path: Path
    root: Path
    label: str
    digest: str


def find_misfiled(
    manifest: Manifest, said: Mapping[str, str], sizes: set[int], *, fix: bool = False
) -> list[Misfiled]:
    """Looks through the data set that a model was trained on, if it is there.

    Only files of the right size are read, so it takes no longer than listing the folders.

    Args:
        manifest: The model's.
        said: What pictures are, by the SHA-256 of their files.
        sizes: Of these files, in bytes.
        fix: Move them to the folder of the class that they are; nothing is ever overwritten.

    Raises:
        DataError: A picture can't be moved.
    """
    directory = directory_of(manifest)
    if directory is None:
        return []
    wrong = [
        found
        for found in _equal_files(directory, manifest.class_names, set(said), sizes)
        if found.label != said[found.digest]
    ]
    result = []
    for found in wrong:
        label = said[found.digest]
        moved_to = str(_move(found, label)) if fix else None
        result.append(Misfiled(str(found.path), found.label, label, moved_to))
    return result


def _equal_files(
    directory: Path, class_names: tuple[str, ...], digests: set[str], sizes: set[int]
) -> Iterator[_Found]:
    for root in _roots(directory):
        for label in class_names:
            # Nothing if there is no such folder; what training leaves out, it has said.
            for path in walk_files(root / label, lambda _: None):
                try:
                    if path.stat().st_size in sizes and (digest := file_digest(path)) in digests:
                        yield _Found(path, root, label, digest)
                except OSError:
                    continue


def _roots(directory: Path) -> list[Path]:
    """Where class folders may lie: in the data set itself, or in its train/, test/ and so on."""
    try:
        inside = sorted(path for path in directory.iterdir() if path.is_dir())
    except OSError:
        return []
    return [directory, *inside]


def _move(found: _Found, label: str) -> Path:
    target = file_picture(found.path, found.root, label, Filing.MOVE)
    try:
        # It stays if the right folder had the same picture already. Folders may be links to one
        # another, and then it is the only one.
        if found.path.exists() and found.path.resolve() != target.resolve():
            found.path.unlink()
    except OSError as error:
        raise DataError(f"{found.path} can't be removed: {error.strerror or error}") from error
    return target
