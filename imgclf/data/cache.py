"""Decoding a data set once, in threads, and keeping what came of it where the config says.

On disk it is a memory-mapped file, so that the next run need not decode the pictures again.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.config.choices import Keep
from imgclf.data.decoder import DecoderSettings, Pixels, decode_and_look
from imgclf.data.formats import NO_HEIC, can_read_heic
from imgclf.data.looks import DTYPE, Look, Looks
from imgclf.data.on_demand import OnDemand
from imgclf.data.picture_files import Picture, Skipped
from imgclf.errors import PictureError, WriteError
from imgclf.system import console
from imgclf.system.cache_folders import cache_folders
from imgclf.system.disk import is_refused
from imgclf.system.files import atomic_path, atomic_write_bytes, atomic_write_text
from imgclf.system.in_use import hold
from imgclf.system.kept_files import open_kept, read_kept
from imgclf.system.threads import work_through
from imgclf.work_folders import CACHE_DIRECTORY

_MOST_OF_FAILURES = 1 << 26

DECODER_VERSION = 1
"""Raise it when `decode` gives other pixels for the same file, so that old caches are not used."""


@dataclass(frozen=True)
class Decoded:
    """The pixels of some pictures.

    Attributes:
        pixels: uint8, shape (pictures, height, width, 3), memory-mapped or as `Keep` says; the
            row of a picture that can't be read is black, if there is one.
        failures: The pictures that can't be read, and why.
        looks: What each picture looks like, shape (pictures,); zeros if it can't be read.
    """

    pixels: Pixels | OnDemand
    failures: tuple[Skipped, ...]
    looks: Looks


def decode_all(
    pictures: Sequence[Picture],
    settings: DecoderSettings,
    cache_directory: Path = CACHE_DIRECTORY,
    keep: Keep = "disk",
) -> Decoded:
    """Decodes pictures in threads, or opens what an earlier call has decoded.

    The cache file is named by the content of the pictures and the decoder's settings: it can
    be deleted at any time, and nothing but its absence is ever noticed.

    Args:
        pictures: All of them.
        settings: How they are decoded.
        cache_directory: Where the cache file is; where that can't be written, it is among the
            user's caches, and where these can't either, the pixels are in memory.
        keep: What comes of the pixels, unless they are in the cache already: "disk" writes them
            there; "memory" keeps them while they are used; "none" only looks, once, which pictures
            can be read, and decodes them anew whenever they are used.

    Raises:
        WriteError: The cache can't be written (the disk is full, say).
    """
    found: tuple[Pixels | OnDemand, _Noticed] | None
    key = _key(pictures, settings)
    entries = [_Entry(folder, key) for folder in cache_folders(cache_directory)]
    opened = (entry.open(len(pictures), settings) for entry in entries)
    found = next((one for one in opened if one is not None), None)
    if found is None and keep == "none":
        found = OnDemand(pictures, settings), _only_look(pictures, settings, entries)
    if found is None and keep == "disk":
        found = _fill_first(pictures, settings, entries)
    if found is None:
        in_memory = np.zeros((len(pictures), settings.height, settings.width, 3), np.uint8)
        found = in_memory, _decode_into(in_memory, pictures, settings)
    pixels, noticed = found
    failures = (Skipped(pictures[row].path, reason) for row, reason in noticed.failures.items())
    return Decoded(pixels, tuple(failures), noticed.looks)


def probably_decoded(
    count: int, settings: DecoderSettings, cache_directory: Path = CACHE_DIRECTORY
) -> bool:
    """Whether so many pictures lie there decoded, before it is known which these are."""
    size = _file_size((count, settings.height, settings.width, 3))
    try:
        return any(file.stat().st_size == size for file in cache_directory.glob("*.npy"))
    except OSError:  # deleted while it was looked at
        return False


@dataclass(frozen=True)
class _Noticed:
    """What came of decoding beside the pixels: which can't be read and why, and all looks."""

    failures: dict[int, str]
    looks: Looks


class _Entry:
    """The files of one set of pictures in a cache folder."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.array = folder / f"{key}.npy"
        self._failures = folder / f"{key}.json"
        self._looks = folder / f"{key}.looks"

    def open(self, count: int, settings: DecoderSettings) -> tuple[Pixels, _Noticed] | None:
        shape = (count, settings.height, settings.width, 3)
        header, noticed = _header(shape), self.read_noticed(count)
        try:
            # To the byte, for a damaged header may still be one, of an array that begins elsewhere.
            with open_kept(self.array, _file_size(shape)) as stream:
                whole = stream.read(len(header)) == header
                whole = whole and stream.seek(0, os.SEEK_END) == _file_size(shape)
            if not whole or noticed is None:
                return None
            pixels = np.load(self.array, mmap_mode="r", allow_pickle=False)
            hold(self.array, until=pixels)
            return pixels, noticed
        except (OSError, ValueError):
            return None

    def read_noticed(self, count: int) -> _Noticed | None:
        try:
            stored = json.loads(read_kept(self._failures, _MOST_OF_FAILURES))
            failures = {int(key): str(value) for key, value in stored.items()}
            looks: Looks = np.frombuffer(read_kept(self._looks, count * DTYPE.itemsize), DTYPE)
        except (OSError, ValueError, AttributeError, RecursionError):
            return None
        if len(looks) != count or not all(0 <= row < count for row in failures):
            return None
        if NO_HEIC in failures.values() and can_read_heic():  # since it was installed
            return None
        return _Noticed(failures, looks)

    def write_noticed(self, noticed: _Noticed) -> None:
        atomic_write_bytes(self._looks, noticed.looks.tobytes())
        atomic_write_text(self._failures, json.dumps(noticed.failures))


def _fill_first(
    pictures: Sequence[Picture], settings: DecoderSettings, entries: Sequence[_Entry]
) -> tuple[Pixels, _Noticed] | None:
    """Fills the first that can be written; None, and a word about it, if there is none."""
    refused = None
    for entry in entries:
        try:
            filled = _fill(pictures, settings, entry)
        except WriteError as error:
            if not is_refused(error):
                raise
            refused = refused or error
            continue
        if refused is not None:
            console.note(f"{refused.message}; what was decoded is kept in {entry.folder}")
        return filled
    if refused is not None:
        console.note(f"{refused.message}; what is decoded is kept in memory")
    return None


def _only_look(
    pictures: Sequence[Picture], settings: DecoderSettings, entries: Sequence[_Entry]
) -> _Noticed:
    """What there is to notice of pictures, from files or for the next time in some."""
    read = (entry.read_noticed(len(pictures)) for entry in entries)
    known = next((one for one in read if one is not None), None)
    if known is not None:
        return known
    noticed = _decode_into(None, pictures, settings)
    for entry in entries:
        try:
            entry.write_noticed(noticed)
        except WriteError as error:
            if not is_refused(error):
                raise
        else:
            break
    return noticed


def _fill(
    pictures: Sequence[Picture], settings: DecoderSettings, entry: _Entry
) -> tuple[Pixels, _Noticed]:
    shape = (len(pictures), settings.height, settings.width, 3)
    with atomic_path(entry.array, size=math.prod(shape)) as temporary:
        _reserve(temporary, shape)
        pixels = np.load(temporary, mmap_mode="r+")
        noticed = _decode_into(pixels, pictures, settings)
        pixels.flush()
        # The failures first: an array without them would pass black pictures off as real.
        entry.write_noticed(noticed)
    pixels.flags.writeable = False
    # What was written is kept open: the files may be gone already, for they may be deleted.
    hold(entry.array, until=pixels)
    return pixels, noticed


def _decode_into(
    pixels: Pixels | None,
    pictures: Sequence[Picture],
    settings: DecoderSettings,
) -> _Noticed:
    """Fills the rows, if there are any to fill; says what was noticed."""

    def decode_row(index: int) -> tuple[int, Look | str]:
        try:
            decoded, look = decode_and_look(pictures[index].path, settings)
        except PictureError as error:
            return index, error.message
        if pixels is not None:
            pixels[index] = decoded
        return index, look

    failures: dict[int, str] = {}
    looks: Looks = np.zeros(len(pictures), DTYPE)
    rows = range(len(pictures))
    with closing(
        work_through(decode_row, rows, "decoding pictures", meanwhile="anything")
    ) as decoded:
        for index, found in decoded:
            if isinstance(found, str):
                failures[index] = found
            else:
                looks[index] = (found.pixels, found.highest)
    return _Noticed(failures, looks)


def _reserve(file: Path, shape: tuple[int, ...]) -> None:
    """Makes an array file of zeros whose bytes exist on the disk.

    A memory-mapped write into a hole of a full disk is a SIGBUS, which ends the process; here
    it is an OSError.
    """
    header = _header(shape)
    with file.open("wb") as stream:
        stream.write(header)
        stream.flush()
        size = _file_size(shape)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:  # macOS has no such call, and keeps the risk
            stream.truncate(size)


def _header(shape: tuple[int, ...]) -> bytes:
    """What NumPy writes before an array of bytes."""
    stream = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def _file_size(shape: tuple[int, ...]) -> int:
    return len(_header(shape)) + math.prod(shape)


def _key(pictures: Sequence[Picture], settings: DecoderSettings) -> str:
    digest = hashlib.sha256(f"{DECODER_VERSION} {settings}".encode())
    for picture in pictures:
        digest.update(picture.digest.encode())
    return digest.hexdigest()[:32]
