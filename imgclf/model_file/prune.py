"""Removing old versions, with all that no other version needs.

What stays may have bytes in common with what goes. Those are moved first, into the oldest version
that needs them, which is written anew with them at its end: places in it that others speak of stay
where they are. So at any moment all versions that stay are whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path

import msgspec
from msgspec.structs import replace

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.lookup import IN_PARTS, kept_files, versions_directory
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.version_parts import PartsFile, shareable_bytes, write_parts
from imgclf.model_file.version_recipe import Columns, Copied, Part, Span
from imgclf.model_file.versions import versions
from imgclf.system.files import sync_folder


class Pruned(msgspec.Struct, frozen=True):
    """What there was to remove.

    Attributes:
        removed: Numbers of versions that are gone.
        left: Numbers of those that are still there.
        freed: Bytes that the disk has more now.
    """

    removed: tuple[int, ...]
    left: tuple[int, ...]
    freed: int


def prune(model: Path, newest: int) -> Pruned:
    """Removes all versions but the newest, the one in use and the one that was trained last.

    Killed at any moment, it leaves versions that are whole, and done again it ends what it began.

    Args:
        model: The model file.
        newest: How many of the newest stay.

    Raises:
        ModelFileError: The model in use can't be read.
        WriteError: There is no room for what is moved.
    """
    folder, there = versions_directory(model), versions(model)
    numbers = [one.version for one in there]
    left = {*numbers[-newest:], *_not_to_be_lost(there, model)}
    files = kept_files(folder)
    going = {number: path for number, path in files.items() if number in set(numbers) - left}
    before = _taken(folder)
    _move_shared_bytes(
        {path.name: path for path in going.values()},
        [path for number, path in files.items() if number in left and path.suffix == IN_PARTS],
    )
    # Newest first: should we be killed, those that are left still have all of their bytes.
    for path in reversed(going.values()):
        path.unlink()
    sync_folder(folder)
    return Pruned(tuple(going), tuple(sorted(left)), before - _taken(folder))


def _not_to_be_lost(there: Sequence[Manifest], model: Path) -> set[int]:
    """The version in use, and the newest that no correction has changed."""
    trained = [one.version for one in there if one.parent is None or not one.corrections]
    return {read_manifest(model).version, *trained[-1:]}


def _move_shared_bytes(going: Mapping[str, Path], staying: Iterable[Path]) -> None:
    """Writes those versions anew that have bytes in files that are to go, oldest first."""
    files = []
    for path in staying:
        with suppress(ModelFileError):  # a damaged one, which nobody can put together
            file = PartsFile(path)
            file.require_sources()
            files.append(file)
    wanted: dict[str, list[Span]] = {}
    for file in files:
        for one in file.recipe.ranges():
            name = file.recipe.sources[one.source]
            if name in going:
                wanted.setdefault(name, []).append((one.offset, one.offset + one.length))
    moved = {name: _Moved(going[name], spans) for name, spans in wanted.items()}
    for file in files:
        if not moved.keys().isdisjoint(file.recipe.sources):
            _without(file, moved)


def _without(file: PartsFile, moved: Mapping[str, _Moved]) -> None:
    """Writes a version anew that speaks of other files no more."""
    own = bytearray(file.own_bytes())
    sources = [""]

    def place(source: int, offset: int) -> tuple[int, int]:
        name = file.recipe.sources[source]
        if name in moved:
            name, offset = moved[name].place(offset, file.path.name, own)
        name = "" if name == file.path.name else name
        if name not in sources:
            sources.append(name)
        return sources.index(name), offset

    def again(part: Part) -> Part:
        if isinstance(part, Copied):
            return Copied(*place(part.source, part.offset), part.length)
        return Columns(part.rows, tuple(place(*column) for column in part.columns))

    parts = tuple(map(again, file.recipe.parts))
    recipe = replace(file.recipe, parts=parts, sources=tuple(sources), own=len(own))
    write_parts(file.path, recipe, bytes(own))


class _Moved:
    """Bytes of a file that is to go, and where they are now.

    Args:
        path: The file.
        wanted: Where in it they begin and end; these may overlap.
    """

    def __init__(self, path: Path, wanted: Iterable[Span]) -> None:
        self._path = path
        self._spans: list[Span] = []
        for start, end in sorted(wanted):
            if self._spans and start <= self._spans[-1][1]:
                self._spans[-1] = self._spans[-1][0], max(end, self._spans[-1][1])
            else:
                self._spans.append((start, end))
        self._places: dict[Span, tuple[str, int]] = {}

    def place(self, offset: int, name: str, own: bytearray) -> tuple[str, int]:
        """The file that has a byte now, and where.

        Args:
            offset: Where it was.
            name: A file that the bytes may be moved to, if they haven't been yet.
            own: Its own bytes, which get them then.
        """
        span = self._spans[bisect_right(self._spans, offset, key=itemgetter(0)) - 1]
        if span not in self._places:
            self._places[span] = name, len(own)
            own += shareable_bytes(self._path)[slice(*span)]
        now, start = self._places[span]
        return now, start + offset - span[0]


def _taken(folder: Path) -> int:
    """Bytes that the files of a folder take, those left aside that are elsewhere as well."""
    found = (path.lstat() for path in folder.glob("*"))
    return sum(one.st_size for one in found if one.st_nlink == 1)
