"""Decoded pictures, kept in a memory-mapped file so that the next run need not decode them."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.folder import Picture, Skipped
from imgclf.errors import DataError, PictureError
from imgclf.files import atomic_path, atomic_write_text
from imgclf.talk import Talk

Pixels = NDArray[np.uint8]
CACHE_DIRECTORY = Path(".imgclf-cache")

# Raise it when `decode` gives other pixels for the same file, so that old caches are not used.
_DECODER_VERSION = 1

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Decoded:
    """The pixels of some pictures.

    Attributes:
        pixels: uint8, shape (pictures, height, width, 3), memory-mapped; the row of a picture
            that can't be read is black.
        failures: The pictures that can't be read, and why.
    """

    pixels: Pixels
    failures: tuple[Skipped, ...]


def decode_all(
    pictures: Sequence[Picture],
    settings: DecoderSettings,
    talk: Talk,
    cache_directory: Path = CACHE_DIRECTORY,
) -> Decoded:
    """Decodes pictures in threads, or opens what an earlier call has decoded.

    The cache file is named by the content of the pictures and the decoder's settings: it can
    be deleted at any time, and nothing but its absence is ever noticed.

    Raises:
        DataError: The cache can't be written (the disk is full, say).
    """
    key = _key(pictures, settings)
    array_file, failures_file = cache_directory / f"{key}.npy", cache_directory / f"{key}.json"
    found = _open(array_file, failures_file, len(pictures), settings)
    if found is None:
        try:
            _fill(pictures, settings, talk, array_file, failures_file)
        except OSError as error:
            raise DataError(
                f"can't write decoded pictures to {cache_directory}: {error.strerror or error}",
                f"{len(pictures) * _picture_bytes(settings) / 1e6:.0f} MB are needed there; "
                "-C DIR works in another folder",
            ) from error
        found = _open(array_file, failures_file, len(pictures), settings)
        if found is None:
            raise DataError(f"{array_file} vanished or changed while it was being used")
    pixels, reasons = found
    failures = tuple(Skipped(pictures[index].path, reason) for index, reason in reasons.items())
    return Decoded(pixels, failures)


def map_in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], window: int = 64
) -> Iterator[_Result]:
    """Like `map`, in threads and in order, with at most `window` results waiting.

    `ThreadPoolExecutor.map` reads all its input and keeps all its results; this keeps memory
    independent of how many items there are.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
        waiting: deque[Future[_Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(function, item))
                if len(waiting) >= window:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _fill(
    pictures: Sequence[Picture],
    settings: DecoderSettings,
    talk: Talk,
    array_file: Path,
    failures_file: Path,
) -> None:
    shape = (len(pictures), settings.height, settings.width, 3)
    failures: dict[int, str] = {}
    with atomic_path(array_file) as temporary:
        _reserve(temporary, shape)
        pixels = np.load(temporary, mmap_mode="r+")

        def decode_row(index: int) -> tuple[int, str | None]:
            try:
                pixels[index] = decode(pictures[index].path, settings)
            except PictureError as error:
                return index, error.message
            return index, None

        with talk.track("decoding pictures", len(pictures)) as advance:
            for index, failure in map_in_threads(decode_row, range(len(pictures))):
                if failure is not None:
                    failures[index] = failure
                advance(1)
        pixels.flush()
        # The failures first: an array without them would pass black pictures off as real.
        atomic_write_text(failures_file, json.dumps(failures))


def _reserve(file: Path, shape: tuple[int, ...]) -> None:
    """Makes an array file of zeros whose bytes exist on the disk.

    A memory-mapped write into a hole of a full disk is a SIGBUS, which ends the process; here
    it is an OSError.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        size = stream.tell() + math.prod(shape)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:  # macOS has no such call, and keeps the risk
            stream.truncate(size)


def _open(
    array_file: Path, failures_file: Path, count: int, settings: DecoderSettings
) -> tuple[Pixels, dict[int, str]] | None:
    try:
        pixels = np.load(array_file, mmap_mode="r", allow_pickle=False)
        reasons = {
            int(key): str(value) for key, value in json.loads(failures_file.read_text()).items()
        }
    except (OSError, ValueError, EOFError, AttributeError):
        return None
    if pixels.shape != (count, settings.height, settings.width, 3) or pixels.dtype != np.uint8:
        return None
    return pixels, reasons


def _picture_bytes(settings: DecoderSettings) -> int:
    return settings.height * settings.width * 3


def _key(pictures: Sequence[Picture], settings: DecoderSettings) -> str:
    digest = hashlib.sha256(f"{_DECODER_VERSION} {settings}".encode())
    for picture in pictures:
        digest.update(picture.digest.encode())
    return digest.hexdigest()[:32]
