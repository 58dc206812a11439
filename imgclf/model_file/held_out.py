"""Which held-out pictures a version of a model has right, kept in its file.

So that versions can be compared on the same pictures, one by one, without running any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import HELD_OUT, PICTURES_SEEN
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import DIGEST_SIZE, PictureMembers

Right = NDArray[np.bool_]


class Judgement(NamedTuple):
    """What became of one picture.

    Attributes:
        label: The name of its class, as it was when the version was made.
        trained: Whether the model had it right as it was trained.
        now: Whether this version has.
    """

    label: str
    trained: bool
    now: bool


class _Stored(msgspec.Struct, frozen=True):
    """As it lies in the file: digests one after another, labels as uint16, and a byte for each."""

    class_names: tuple[str, ...]
    digests: bytes
    labels: bytes
    trained: bytes
    now: bytes


@dataclass(frozen=True)
class HeldOut:
    """Held-out pictures by `short_digest`; none that the version was corrected by."""

    pictures: Mapping[bytes, Judgement]

    @classmethod
    def of(
        cls,
        digests: Iterable[bytes],
        labels: NDArray[np.int64],
        class_names: Sequence[str],
        trained: Right,
        now: Right,
    ) -> HeldOut:
        """From arrays in the order of the digests, shape (pictures,) each.

        Args:
            digests: Of the pictures.
            labels: Positions in the class names.
            class_names: In output order.
            trained: Which the model had right as it was trained.
            now: Which this version has.
        """
        names = [class_names[label] for label in labels.tolist()]
        judged = map(Judgement, names, trained.tolist(), now.tolist())
        return cls(dict(zip(digests, judged, strict=True)))

    def right(self, digests: Iterable[bytes]) -> tuple[Right, Right] | None:
        """Which of these the model had right as it was trained, and which this version has.

        Returns:
            Shape (pictures,) each; None if one of them isn't known.
        """
        known = [self.pictures.get(digest) for digest in digests]
        found = [one for one in known if one is not None]
        if len(found) < len(known):
            return None
        trained, now = ([one.trained for one in found], [one.now for one in found])
        return np.array(trained, bool), np.array(now, bool)

    def to_bytes(self) -> bytes:
        """As the member of a model file; the same for equal ones."""
        digests = sorted(self.pictures)
        rows = [self.pictures[digest] for digest in digests]
        names = tuple(sorted({row.label for row in rows}))
        index = {name: place for place, name in enumerate(names)}
        return msgspec.msgpack.encode(
            _Stored(
                names,
                b"".join(digests),
                np.array([index[row.label] for row in rows], "<u2").tobytes(),
                bytes(row.trained for row in rows),
                bytes(row.now for row in rows),
            )
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> HeldOut:
        """From `to_bytes`.

        Raises:
            ValueError: It is something else.
        """
        stored = msgspec.msgpack.decode(content, type=_Stored)
        count = len(stored.trained)
        sizes = (len(stored.digests), len(stored.labels), len(stored.now))
        if sizes != (DIGEST_SIZE * count, 2 * count, count):
            raise ValueError("its pictures and what became of them don't fit together")
        labels = np.frombuffer(stored.labels, "<u2").astype(np.int64)
        trained, now = (np.frombuffer(one, np.uint8) for one in (stored.trained, stored.now))
        most = max(trained.max(initial=0), now.max(initial=0))
        if most > 1 or labels.max(initial=-1) >= len(stored.class_names):
            raise ValueError("it says something else than right or wrong, or of no class it has")
        starts = range(0, len(stored.digests), DIGEST_SIZE)
        digests = [stored.digests[start : start + DIGEST_SIZE] for start in starts]
        return cls.of(digests, labels, stored.class_names, trained > 0, now > 0)


@dataclass(frozen=True)
class PictureRecords:
    """What a model file says of pictures, besides of itself.

    Attributes:
        seen: From `PicturesSeen.to_bytes`; None if it isn't known.
        held_out: Which held-out pictures it has right; None if that isn't known.
    """

    seen: bytes | None = None
    held_out: HeldOut | None = None

    def members(self) -> dict[str, bytes]:
        """The members of the file, by name."""
        found = {} if self.seen is None else {PICTURES_SEEN: self.seen}
        return found if self.held_out is None else found | {HELD_OUT: self.held_out.to_bytes()}


def read_held_out(archive: PictureMembers, manifest: Manifest) -> HeldOut | None:
    """What the file says; None if it doesn't, as those of earlier versions.

    Raises:
        ModelFileError: It is damaged.
    """
    content = archive.held_out(manifest)
    try:
        return None if content is None else HeldOut.from_bytes(content)
    except ValueError as error:
        raise ModelFileError(f"{archive.path} is damaged: {HELD_OUT}: {error}") from error
