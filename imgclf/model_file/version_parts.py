"""A kept version as parts: where other kept files have its bytes, and the bytes that only it has.

`NAME.history/versions/0007.parts` is four bytes with the length of a recipe, the recipe, and the
version's own bytes. A part names a file and a place in it, never another version's part, so that
damage to one file harms those versions alone that share its bytes.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path

import msgspec
import numpy as np

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import HELD_OUT, PICTURES_SEEN
from imgclf.model_file.lookup import IN_PARTS
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.version_recipe import OWN, Copied, Recipe
from imgclf.system.files import atomic_write_bytes

_PREFIX = 4
_MOST_RECIPE = 64 << 20


class PartsFile:
    """A kept version that is in parts.

    Args:
        path: The `.parts` file.

    Raises:
        ModelFileError: It is missing, damaged, or not to be trusted.

    Attributes:
        recipe: What it is put together from.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = _regular_size(path)
            with path.open("rb") as stream:
                length = int.from_bytes(stream.read(_PREFIX), "little")
                if length > min(size, _MOST_RECIPE):
                    raise ValueError("it ends early")
                self.recipe = msgspec.msgpack.decode(stream.read(length), type=Recipe)
            self._own_at = _PREFIX + length
            if size != self._own_at + self.recipe.own:
                raise ValueError("it ends early")
        except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
            raise ModelFileError(f"{path} is damaged: {error}") from error

    def manifest(self) -> Manifest:
        """What the version says of itself.

        Raises:
            ModelFileError: It can't be read.
        """
        try:
            return manifest_in(self.recipe, self.own_bytes())
        except ValueError as error:
            raise ModelFileError(f"{self.path} is damaged: its manifest: {error}") from error

    def pictures_seen(self, manifest: Manifest) -> bytes | None:
        """As `ModelArchive.pictures_seen`, without putting the version together."""
        return self._member(PICTURES_SEEN, manifest.pictures_seen_sha256)

    def held_out(self, manifest: Manifest) -> bytes | None:
        """As `ModelArchive.held_out`, without putting the version together."""
        return self._member(HELD_OUT, manifest.held_out_sha256)

    def _member(self, name: str, digest: str | None) -> bytes | None:
        """A member of the archive, if the manifest knows of it.

        Raises:
            ModelFileError: It is not the one that the manifest was written with.
        """
        if digest is None:
            return None
        start, end = self.recipe.members.get(name, (0, 0))
        found, place = bytearray(), 0
        with ExitStack() as stack:
            for part in self.recipe.parts:
                first, last = max(start, place), min(end, place + part.length)
                if first < last and isinstance(part, Copied):
                    stream, begins = self._open(part.source, stack)
                    stream.seek(begins + part.offset + first - place)
                    found += stream.read(last - first)
                place += part.length
        if hashlib.sha256(found).hexdigest() != digest:
            raise self._unusable(self.path, f"{name} is not what was written")
        return bytes(found)

    def own_bytes(self) -> bytes:
        """Those that only it has."""
        with self.path.open("rb") as stream:
            stream.seek(self._own_at)
            return stream.read(self.recipe.own)

    def require_sources(self) -> None:
        """Makes sure that the files that it shares bytes with are there, and long enough.

        Raises:
            ModelFileError: One is not.
        """
        ends: dict[int, int] = {}
        for one in self.recipe.ranges():
            ends[one.source] = max(ends.get(one.source, 0), one.offset + one.length)
        for place, end in ends.items():
            path = self._file(place)
            try:
                missing = _regular_size(path) < end
            except (OSError, ValueError) as error:
                raise self._unusable(path, str(error)) from error
            if missing:
                raise self._unusable(path, "it ends early")

    def content(self) -> bytearray:
        """The whole file, unchecked.

        Raises:
            ModelFileError: A file that it shares bytes with can't be read.
        """
        content = bytearray(self.recipe.size)
        place, view = 0, memoryview(content)
        with ExitStack() as stack:
            opened: dict[int, tuple[BufferedReader, int]] = {}

            def read(one: Copied, into: memoryview) -> None:
                if one.source not in opened:
                    opened[one.source] = self._open(one.source, stack)
                stream, start = opened[one.source]
                stream.seek(start + one.offset)
                if stream.readinto(into) != one.length:
                    raise self._damaged()

            for part in self.recipe.parts:
                into = view[place : place + part.length]
                if isinstance(part, Copied):
                    read(part, into)
                else:
                    columns = np.empty((len(part.columns), part.rows), "<u4")
                    for one, row in zip(part.ranges, columns, strict=True):
                        read(one, row.data.cast("B"))
                    into[:] = np.ascontiguousarray(columns.T).data.cast("B")
                place += part.length
        return content

    def checked_content(self) -> bytearray:
        """The whole file as it was kept, byte for byte.

        Raises:
            ModelFileError: It isn't, or a file that it shares bytes with can't be read.
        """
        content = self.content()
        if hashlib.sha256(content).hexdigest() != self.recipe.sha256:
            raise self._damaged()
        return content

    def _file(self, source: int) -> Path:
        return self.path if source == OWN else self.path.parent / self.recipe.sources[source]

    def _open(self, source: int, stack: ExitStack) -> tuple[BufferedReader, int]:
        """A file to read from, and where its bytes begin."""
        path, start = self._file(source), 0
        if path.suffix == IN_PARTS:
            start = self._own_at if source == OWN else PartsFile(path)._own_at
        try:
            _regular_size(path)
            return stack.enter_context(path.open("rb")), start
        except (OSError, ValueError) as error:
            raise self._unusable(path, str(error)) from error

    def _damaged(self) -> ModelFileError:
        """Names the file that is to blame, which may be one of those that bytes are shared with."""
        for place in range(len(self.recipe.sources)):
            path = self._file(place)
            if not _is_sound(path):
                return self._unusable(path, "its checksum is wrong")
        return self._unusable(self.path, "it comes to another file than was kept")

    def _unusable(self, path: Path, reason: str) -> ModelFileError:
        what = "" if path == self.path else f", and {self.path} shares bytes with it"
        return ModelFileError(
            f"{path} is damaged: {reason}{what}", "imgclf history lists the other versions"
        )


def shareable_bytes(path: Path) -> bytes:
    """The bytes of a kept version that others may speak of: of a file in parts, its own."""
    return PartsFile(path).own_bytes() if path.suffix == IN_PARTS else path.read_bytes()


def manifest_in(recipe: Recipe, own: bytes) -> Manifest:
    """The manifest among a version's own bytes.

    Raises:
        ValueError: It can't be read.
    """
    try:
        return msgspec.json.decode(own[slice(*recipe.manifest)], type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def write_parts(path: Path, recipe: Recipe, own: bytes) -> None:
    """Writes a version in parts.

    Args:
        path: Where to.
        recipe: What it is put together from; its `own` and `own_crc` are filled in here.
        own: The bytes that only it has.

    Raises:
        WriteError: There is no room for it.
    """
    recipe = msgspec.structs.replace(recipe, own=len(own), own_crc=zlib.crc32(own))
    header = msgspec.msgpack.encode(recipe)
    atomic_write_bytes(path, len(header).to_bytes(_PREFIX, "little") + header + own)


def _is_sound(path: Path) -> bool:
    try:
        if path.suffix == IN_PARTS:
            file = PartsFile(path)
            return zlib.crc32(file.own_bytes()) == file.recipe.own_crc
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # whatever a damaged archive raises
        return False


def _regular_size(path: Path) -> int:
    """The size of a file that is no folder or pipe.

    Raises:
        OSError: It isn't there.
        ValueError: It is something else.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    return found.st_size
