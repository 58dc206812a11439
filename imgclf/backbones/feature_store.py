"""Features that were computed once, kept in the cache by the content of their pictures.

Two files for each network and decoder: `features-KEY.f16` has one row of float16 numbers for each
picture and view, and `features-KEY.pictures` 32 bytes for each row that say which one it is. Rows
are only ever added. Both can be deleted at any time, and nothing but their absence is noticed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.errors import WriteError
from imgclf.system import console
from imgclf.system.disk import is_refused, write_problems
from imgclf.system.files import refuse_unwritable
from imgclf.system.in_use import hold
from imgclf.system.kept_files import open_kept
from imgclf.system.lock import lock

_NAME_LENGTH = 32
# To add rows takes milliseconds; somebody who waits for longer has found a machine that hangs.
_PATIENCE = 60.0

_MOST_OF_NAMES = 1 << 30

Features = NDArray[np.float16]


class FeatureStore:
    """The features of one network.

    Args:
        directory: The cache.
        key: Of all that features depend on beside the picture and its view.
        width: How many numbers a picture has.
    """

    def __init__(self, directory: Path, key: str, width: int) -> None:
        self._rows_file = directory / f"features-{key}.f16"
        self._names_file = directory / f"features-{key}.pictures"
        self._width = width
        self._held = False

    def can_be_added_to(self) -> bool:
        """Whether there is leave to write here."""
        try:
            refuse_unwritable(self._rows_file)
        except WriteError as error:
            if is_refused(error):
                return False
            raise
        return True

    def places(self) -> dict[bytes, int]:
        """The row of each picture that is known, by its name of 32 bytes."""
        names = self._names()
        return {
            names[place : place + _NAME_LENGTH]: place // _NAME_LENGTH
            for place in range(0, len(names), _NAME_LENGTH)
        }

    def rows(self) -> Features:
        """All rows, memory-mapped, shape (rows, width)."""
        count = len(self._names()) // _NAME_LENGTH
        if count == 0:
            return np.zeros((0, self._width), np.float16)
        rows = np.memmap(self._rows_file, np.float16, "r", shape=(count, self._width))
        hold(self._rows_file, until=rows)
        return rows

    def add(self, names: Sequence[bytes], rows: NDArray[np.floating]) -> None:
        """Adds rows, of which some may be there already.

        The names follow when the rows are safe: a row without a name does not exist.

        Args:
            names: Of the pictures in their views, 32 bytes each.
            rows: Shape (names, width).

        Raises:
            WriteError: The disk is full, say.
        """
        content = rows.astype("<f2").tobytes()
        with lock(self._rows_file, _PATIENCE):
            count = len(self._names()) // _NAME_LENGTH
            _write_at(self._rows_file, count * self._width * 2, content)
            _write_at(self._names_file, count * _NAME_LENGTH, b"".join(names))
            self._hold()

    def _names(self) -> bytes:
        """Those whose rows are there as a whole."""
        self._hold()
        try:
            most = self._rows_file.stat().st_size // (2 * self._width)
            with open_kept(self._names_file, _MOST_OF_NAMES) as stream:
                names = stream.read(most * _NAME_LENGTH)
        except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
            return b""
        return names[: len(names) // _NAME_LENGTH * _NAME_LENGTH]

    def _hold(self) -> None:
        """Keeps others from removing the files as long as this store is used."""
        self._held = self._held or hold(self._rows_file, until=self)


class StoreInMemory:
    """Features that nothing is left of."""

    def __init__(self, width: int) -> None:
        self._names: list[bytes] = []
        self._rows = [np.zeros((0, width), np.float16)]

    def places(self) -> dict[bytes, int]:
        """See `FeatureStore.places`."""
        return {name: place for place, name in enumerate(self._names)}

    def rows(self) -> Features:
        """See `FeatureStore.rows`."""
        return np.concatenate(self._rows)

    def add(self, names: Sequence[bytes], rows: NDArray[np.floating]) -> None:
        """See `FeatureStore.add`."""
        self._names += names
        self._rows.append(rows.astype(np.float16))


def store_in(
    folders: Sequence[Path], key: str, width: int, wanted: Set[bytes]
) -> FeatureStore | StoreInMemory:
    """The store that knows all that is wanted; else the first that can be added to, and be it
    in memory, which is said.
    """
    stores = [FeatureStore(folder, key, width) for folder in folders]
    for store in stores:
        if wanted <= store.places().keys():
            return store
    for place, store in enumerate(stores):
        if store.can_be_added_to():
            if place > 0:
                console.note(f"can't write {folders[0]}; features are kept in {folders[place]}")
            return store
    console.note(f"can't write {folders[0]}; features are kept in memory")
    return StoreInMemory(width)


def _write_at(file: Path, place: int, content: bytes) -> None:
    if file.exists() and not file.is_file():  # a pipe, say, would be waited for
        raise WriteError(f"{file} is no regular file", f"rm {shlex.quote(str(file))}")
    with write_problems(file, len(content)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            stream.truncate(place)  # what a process that was killed had half written
            stream.seek(place)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
