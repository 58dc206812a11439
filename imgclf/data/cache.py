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
from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.data.on_demand import OnDemand
from imgclf.data.picture_files import Picture, Skipped
from imgclf.errors import PictureError, WriteError
from imgclf.system import console
from imgclf.system.cache_folders import CACHE_DIRECTORY, cache_folders
from imgclf.system.disk import is_refused
from imgclf.system.files import atomic_path, atomic_write_text
from imgclf.system.in_use import hold
from imgclf.system.threads import work_through

DECODER_VERSION = 1
"""Raise it when `decode` gives other pixels for the same file, so that old caches are not used."""


@dataclass(frozen=True)
class Decoded:
    """The pixels of some pictures.

    Attributes:
        pixels: uint8, shape (pictures, height, width, 3), memory-mapped or as `Keep` says; the
            row of a picture that can't be read is black, if there is one.
        failures: The pictures that can't be read, and why.
    """

    pixels: Pixels | OnDemand
    failures: tuple[Skipped, ...]


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
    found: tuple[Pixels | OnDemand, dict[int, str]] | None
    key = _key(pictures, settings)
    folders = [folder / key for folder in cache_folders(cache_directory)]
    opened = (_open(entry, len(pictures), settings) for entry in folders)
    found = next((one for one in opened if one is not None), None)
    if found is None and keep == "none":
        found = OnDemand(pictures, settings), _only_look(pictures, settings, folders)
    if found is None and keep == "disk":
        found = _fill_first(pictures, settings, folders)
    if found is None:
        in_memory = np.zeros((len(pictures), settings.height, settings.width, 3), np.uint8)
        found = in_memory, _decode_into(in_memory, pictures, settings)
    pixels, reasons = found
    failures = tuple(Skipped(pictures[index].path, reason) for index, reason in reasons.items())
    return Decoded(pixels, failures)


def probably_decoded(
    count: int, settings: DecoderSettings, cache_directory: Path = CACHE_DIRECTORY
) -> bool:
    """Whether so many pictures lie there decoded, before it is known which these are."""
    size = _file_size((count, settings.height, settings.width, 3))
    try:
        return any(file.stat().st_size == size for file in cache_directory.glob("*.npy"))
    except OSError:  # deleted while it was looked at
        return False


def _fill_first(
    pictures: Sequence[Picture], settings: DecoderSettings, entries: Sequence[Path]
) -> tuple[Pixels, dict[int, str]] | None:
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
            console.note(f"{refused.message}; what was decoded is kept in {entry.parent}")
        return filled
    if refused is not None:
        console.note(f"{refused.message}; what is decoded is kept in memory")
    return None


def _only_look(
    pictures: Sequence[Picture], settings: DecoderSettings, entries: Sequence[Path]
) -> dict[int, str]:
    """Which pictures can't be read, and why, from a file or for the next time in one."""
    files = [_failures_file(entry) for entry in entries]
    read = (_read_failures(file, len(pictures)) for file in files)
    known = next((one for one in read if one is not None), None)
    if known is not None:
        return known
    reasons = _decode_into(None, pictures, settings)
    for file in files:
        try:
            atomic_write_text(file, json.dumps(reasons))
        except WriteError as error:
            if not is_refused(error):
                raise
        else:
            break
    return reasons


def _fill(
    pictures: Sequence[Picture], settings: DecoderSettings, entry: Path
) -> tuple[Pixels, dict[int, str]]:
    array_file = _array_file(entry)
    shape = (len(pictures), settings.height, settings.width, 3)
    with atomic_path(array_file, size=math.prod(shape)) as temporary:
        _reserve(temporary, shape)
        pixels = np.load(temporary, mmap_mode="r+")
        failures = _decode_into(pixels, pictures, settings)
        pixels.flush()
        # The failures first: an array without them would pass black pictures off as real.
        atomic_write_text(_failures_file(entry), json.dumps(failures))
    pixels.flags.writeable = False
    # What was written is kept open: the files may be gone already, for they may be deleted.
    hold(array_file, until=pixels)
    return pixels, failures


def _array_file(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.npy")


def _failures_file(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.json")


def _decode_into(
    pixels: Pixels | None,
    pictures: Sequence[Picture],
    settings: DecoderSettings,
) -> dict[int, str]:
    """Fills the rows, if there are any to fill; says which pictures can't be read, and why."""

    def decode_row(index: int) -> tuple[int, str | None]:
        try:
            decoded = decode(pictures[index].path, settings)
        except PictureError as error:
            return index, error.message
        if pixels is not None:
            pixels[index] = decoded
        return index, None

    failures: dict[int, str] = {}
    rows = range(len(pictures))
    with closing(
        work_through(decode_row, rows, "decoding pictures", meanwhile="anything")
    ) as decoded:
        for index, failure in decoded:
            if failure is not None:
                failures[index] = failure
    return failures


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


def _open(
    entry: Path, count: int, settings: DecoderSettings
) -> tuple[Pixels, dict[int, str]] | None:
    array_file = _array_file(entry)
    shape = (count, settings.height, settings.width, 3)
    header = _header(shape)
    try:
        # To the byte, for a damaged header may still be one, of an array that begins elsewhere.
        with array_file.open("rb") as stream:
            whole = stream.read(len(header)) == header
        whole = whole and array_file.stat().st_size == _file_size(shape)
        reasons = _read_failures(_failures_file(entry), count)
        if not whole or reasons is None:
            return None
        pixels = np.load(array_file, mmap_mode="r", allow_pickle=False)
        hold(array_file, until=pixels)
        return pixels, reasons
    except (OSError, ValueError):
        return None


def _read_failures(file: Path, count: int) -> dict[int, str] | None:
    try:
        reasons = {int(key): str(value) for key, value in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return None
    return reasons if all(0 <= row < count for row in reasons) else None


def _key(pictures: Sequence[Picture], settings: DecoderSettings) -> str:
    digest = hashlib.sha256(f"{DECODER_VERSION} {settings}".encode())
    for picture in pictures:
        digest.update(picture.digest.encode())
    return digest.hexdigest()[:32]
