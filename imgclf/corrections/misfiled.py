"""Corrected pictures that lie in the data set under the wrong label."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.class_levels import LEVEL, class_of
from imgclf.data.file_walk import walk_files
from imgclf.data.filing import Filing, file_picture
from imgclf.data.layout import find_layout
from imgclf.data.picture_files import file_digest
from imgclf.data.tabled import find_tabled
from imgclf.errors import DataError
from imgclf.model_file.manifest import Manifest, TrainedOn
from imgclf.spelling import path_as_spelled


@dataclass(frozen=True)
class Misfiled:
    """A picture of the data set whose folder says something else than its correction.

    Attributes:
        path: Where it lies.
        label: Of the folder.
        is_really: What it was corrected to.
        moved_to: Where it lies now; None if it was left where it is.
        table: The file that says what it is, if no folder does; it is left as it is.
    """

    path: str
    label: str
    is_really: str
    moved_to: str | None = None
    table: str | None = None


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
    data = manifest.data
    if data is None:
        return []
    wrong = [
        found
        for found in _equal_files(data, manifest.class_names, set(said), sizes)
        if found.label != said[found.digest]
    ]
    result = []
    for found in wrong:
        label = said[found.digest]
        moved_to = str(_move(found, label)) if fix and data.table is None else None
        result.append(Misfiled(str(found.path), found.label, label, moved_to, data.table))
    return result


def _equal_files(
    data: TrainedOn, class_names: Collection[str], digests: Collection[str], sizes: set[int]
) -> Iterator[_Found]:
    def may_be_equal(path: Path) -> bool:
        try:
            return path.stat().st_size in sizes
        except OSError:
            return False

    for path, root, label in _files(data, class_names, may_be_equal):
        if label in class_names:
            with suppress(OSError):
                if (digest := file_digest(path)) in digests:
                    yield _Found(path, root, label, digest)


def _files(
    data: TrainedOn, class_names: Collection[str], wanted: Callable[[Path], bool]
) -> Iterator[tuple[Path, Path, str]]:
    """Files of a data set, where their class folders lie, and what the data set says they are.

    Of a table's pictures no folder says what they are, so that none can be moved into the right
    one.
    """
    directory = Path(data.directory)
    if data.table is not None:
        try:
            tabled = find_tabled(Path(data.table), directory)
        except DataError:
            return
        for path, label in (file for files in tabled.parts.values() for file in files):
            if wanted(path):
                yield path, directory, tabled.class_names[label]
        return
    tops = dict.fromkeys(name.partition(LEVEL)[0] for name in class_names)
    for root in _roots(directory):
        for top in tops:
            # Nothing if there is no such folder; what training leaves out, it has said.
            for path in walk_files(path_as_spelled(root / top), lambda _: None):
                if wanted(path):
                    yield path, root, class_of(path.relative_to(root), class_names)


def _roots(directory: Path) -> list[Path]:
    """Where class folders may lie: in the data set itself, or in its train/, test/ and so on."""
    try:
        inside = sorted(path for path in directory.iterdir() if path.is_dir())
        parts = find_layout(directory).parts.values()
    except OSError:
        return []
    except DataError:
        return [directory, *inside]
    return list(dict.fromkeys([directory, *inside, *parts]))


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
