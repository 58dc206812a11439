"""Pictures that people gave labels to and that a data set doesn't have, read from their files."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import Keep
from imgclf.data.cache import decode_all
from imgclf.data.dataset import Part
from imgclf.data.decoder import DecoderSettings
from imgclf.data.picture_files import Picture, Skipped, file_digest


class GivenLabel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody said of a picture.

    Attributes:
        digest: SHA-256 of the file that it was said of.
        label: The name of a class, composed.
        path: Where that file is, or a PNG file of its pixels that is named by the digest.
        was_wrong: A model had it wrong.
        rather: The label that its features speak for, if they speak against this one.
    """

    digest: str
    label: str
    path: str
    was_wrong: bool
    rather: str | None = None


@dataclass(frozen=True)
class GivenFiles:
    """Pictures of a data set's size, in a part of their own.

    Attributes:
        given: What was said of each.
        part: Their `digest` is that of the file that was read.
        skipped: Files that can't be read.
        looks: uint8, shape (pictures, SIDE, SIDE, 3).
    """

    given: tuple[GivenLabel, ...]
    part: Part
    looks: NDArray[np.uint8]
    skipped: tuple[Skipped, ...]

    @property
    def digests(self) -> set[str]:
        """Of the files that the labels were given to."""
        return {one.digest for one in self.given}


def read_given(
    wanted: Sequence[GivenLabel], index: Mapping[str, int], settings: DecoderSettings, keep: Keep
) -> GivenFiles:
    """Reads the files that labels were given to.

    Args:
        wanted: The labels, each of a class.
        index: Where each class stands among the data set's.
        settings: How its pictures are decoded.
        keep: What comes of the pixels; see `decode_all`.

    Raises:
        WriteError: The decoded pictures can't be kept.
    """
    skipped: list[Skipped] = []
    found: list[tuple[GivenLabel, Picture]] = []
    for one in wanted:
        path = Path(one.path)
        try:
            digest = _digest_of(one, path)
        except (OSError, ValueError) as error:  # a journal may say anything
            reason = error.strerror if isinstance(error, OSError) else str(error)
            skipped.append(Skipped(path, reason or str(error)))
        else:
            found.append((one, Picture(path, index[one.label], digest)))
    # Nothing is nothing to keep.
    keep = keep if found else "memory"
    decoded = decode_all([picture for _, picture in found], settings, keep=keep)
    failed = {failure.path for failure in decoded.failures}
    rows = [row for row, (_, picture) in enumerate(found) if picture.path not in failed]
    given, pictures = tuple(found[row][0] for row in rows), tuple(found[row][1] for row in rows)
    labels = np.array([picture.label for picture in pictures], np.int64)
    part = Part(pictures, decoded.pixels, np.array(rows, np.int64), labels)
    return GivenFiles(given, part, decoded.looks["pixels"][rows], (*skipped, *decoded.failures))


def _digest_of(given: GivenLabel, path: Path) -> str:
    """SHA-256 of what lies there now.

    Raises:
        OSError: It can't be read.
        ValueError: It is something else than what the label was given to.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
        raise ValueError("not a regular file")
    digest = file_digest(path)
    if digest != given.digest and path.name != f"{given.digest}.png":
        raise ValueError("it has changed since somebody said what it is")
    return digest
