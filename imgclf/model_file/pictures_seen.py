"""Which pictures a model was trained on, and which were held out; kept in its file, by digest.

A picture that a model was trained on says nothing of how good it is. That is known wherever the
file goes, whatever has become of the data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import PICTURES_SEEN
from imgclf.model_file.manifest import Manifest

if TYPE_CHECKING:
    from imgclf.data.dataset import DataSet

DIGEST_SIZE = 16
"""Bytes of a picture's digest: the first half of its file's SHA-256, which is enough to tell."""


class _Stored(msgspec.Struct, frozen=True):
    """As it lies in the file: digests one after another, sorted."""

    training: bytes
    validation: bytes
    test: bytes


@dataclass(frozen=True)
class PicturesSeen:
    """The pictures of the data set that a model was trained on, by `short_digest`.

    Attributes:
        training: That it was fitted on.
        validation: Held out, and by which its epoch and its temperature were chosen.
        test: Held out from all of that.
    """

    training: frozenset[bytes]
    validation: frozenset[bytes]
    test: frozenset[bytes]

    @property
    def held_out(self) -> frozenset[bytes]:
        """Those that it was not fitted on."""
        return self.validation | self.test

    @classmethod
    def of(cls, data: DataSet) -> PicturesSeen:
        """Those of a data set; one that is in several parts is of the first of these."""
        training, validation, test = (
            frozenset(short_digest(picture.digest) for picture in part.pictures)
            for part in (data.training, data.validation, data.test)
        )
        return cls(training, validation - training, test - training - validation)

    def to_bytes(self) -> bytes:
        """As the member of a model file; the same for equal ones."""
        parts = (self.training, self.validation, self.test)
        return msgspec.msgpack.encode(_Stored(*(b"".join(sorted(part)) for part in parts)))

    @classmethod
    def from_bytes(cls, content: bytes) -> PicturesSeen:
        """From `to_bytes`.

        Raises:
            ValueError: It is something else.
        """
        stored = msgspec.msgpack.decode(content, type=_Stored)
        return cls(*map(_digests, (stored.training, stored.validation, stored.test)))


def short_digest(digest: str) -> bytes:
    """What a picture is known by, from its file's SHA-256 in hexadecimal."""
    return bytes.fromhex(digest)[:DIGEST_SIZE]


class PictureMembers(Protocol):
    """A model file, or a kept version, of which what it says of pictures can be read."""

    path: Path

    def pictures_seen(self, manifest: Manifest) -> bytes | None:
        """See `ModelArchive.pictures_seen`."""

    def held_out(self, manifest: Manifest) -> bytes | None:
        """See `ModelArchive.held_out`."""


def read_pictures_seen(archive: PictureMembers, manifest: Manifest) -> PicturesSeen | None:
    """What the file itself says; None if it doesn't, as those of earlier versions.

    Raises:
        ModelFileError: It is damaged.
    """
    content = archive.pictures_seen(manifest)
    try:
        return None if content is None else PicturesSeen.from_bytes(content)
    except ValueError as error:
        raise ModelFileError(
            f"{archive.path} is damaged: {PICTURES_SEEN}: {error}", "train the model again"
        ) from error


def _digests(joined: bytes) -> frozenset[bytes]:
    if len(joined) % DIGEST_SIZE:
        raise ValueError(f"{len(joined)} bytes are not digests of {DIGEST_SIZE} each")
    starts = range(0, len(joined), DIGEST_SIZE)
    return frozenset(joined[start : start + DIGEST_SIZE] for start in starts)
