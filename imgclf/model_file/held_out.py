"""What a version of a model says of held-out pictures, and which it has right, kept in its file.

So that versions can be compared on the same pictures, one by one, and a threshold for what it says
can be found (`imgclf.model.class_thresholds`), without running any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.errors import ModelFileError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import HELD_OUT, PICTURES_SEEN
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import DIGEST_SIZE, PictureMembers

Right = NDArray[np.bool_]


class Answer(NamedTuple):
    """What this version says of one picture.

    Attributes:
        label: The likeliest class.
        doubt: 1 less the probability of that, which as float32 tells 1e-9 from 0.
    """

    label: str
    doubt: float


class Judgement(NamedTuple):
    """What became of one picture.

    Attributes:
        label: The name of its class, as it was when the version was made.
        trained: Whether the model had it right as it was trained.
        now: Whether this version has.
        answer: What this version says; None in files of earlier imgclfs.
    """

    label: str
    trained: bool
    now: bool
    answer: Answer | None = None


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """As it lies in the file: digests one after another, labels as uint16, and a byte for each.

    What is said is a uint16, and the doubt in it a float32; files of earlier imgclfs have neither.
    """

    class_names: tuple[str, ...]
    digests: bytes
    labels: bytes
    trained: bytes
    now: bytes
    said: bytes | None = None
    doubts: bytes | None = None


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
        rights: tuple[Right, Right],
        probabilities: Probabilities | None = None,
    ) -> HeldOut:
        """From arrays in the order of the digests.

        Args:
            digests: Of the pictures.
            labels: Positions in the class names, shape (pictures,).
            class_names: In output order.
            rights: Which the model had right as it was trained, and which this version has, shape
                (pictures,) each.
            probabilities: What this version says, calibrated, shape (pictures, classes).
        """
        names = [class_names[label] for label in labels.tolist()]
        answers: list[Answer | None] = [None] * len(names)
        if probabilities is not None:
            said = [class_names[best] for best in probabilities.argmax(axis=1).tolist()]
            doubts = (1 - probabilities.max(axis=1)).clip(min=0).astype(np.float32)
            answers = list(map(Answer, said, doubts.tolist()))
        trained, now = (right.tolist() for right in rights)
        judged = map(Judgement, names, trained, now, answers)
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
        answers = [row.answer for row in rows if row.answer is not None]
        names = tuple(sorted({row.label for row in rows} | {one.label for one in answers}))
        index = {name: place for place, name in enumerate(names)}

        def places(labels: Iterable[str]) -> bytes:
            return np.array([index[label] for label in labels], "<u2").tobytes()

        known = bool(rows) and len(answers) == len(rows)
        return msgspec.msgpack.encode(
            _Stored(
                names,
                b"".join(digests),
                places(row.label for row in rows),
                bytes(row.trained for row in rows),
                bytes(row.now for row in rows),
                places(one.label for one in answers) if known else None,
                np.array([one.doubt for one in answers], "<f4").tobytes() if known else None,
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
        labels = _names(stored.labels, stored.class_names)
        trained, now = (np.frombuffer(one, np.uint8) for one in (stored.trained, stored.now))
        if max(trained.max(initial=0), now.max(initial=0)) > 1:
            raise ValueError("it says something else than right or wrong")
        starts = range(0, len(stored.digests), DIGEST_SIZE)
        digests = [stored.digests[start : start + DIGEST_SIZE] for start in starts]
        rows = zip(labels, (trained > 0).tolist(), (now > 0).tolist(), strict=True)
        judged = (
            Judgement(*row, answer)
            for row, answer in zip(rows, _answers(stored, count), strict=True)
        )
        return cls(dict(zip(digests, judged, strict=True)))


def _names(places: bytes, class_names: Sequence[str]) -> list[str]:
    found = np.frombuffer(places, "<u2").tolist()
    if max(found, default=-1) >= len(class_names):
        raise ValueError("it tells of a class that it doesn't have")
    return [class_names[place] for place in found]


def _answers(stored: _Stored, count: int) -> Sequence[Answer | None]:
    if stored.said is None or stored.doubts is None:
        return [None] * count
    if (len(stored.said), len(stored.doubts)) != (2 * count, 4 * count):
        raise ValueError("its pictures and what it says of them don't fit together")
    doubts = np.frombuffer(stored.doubts, "<f4")
    if not ((doubts >= 0) & (doubts <= 1)).all():
        raise ValueError("it is in doubt by more than there is")
    return list(map(Answer, _names(stored.said, stored.class_names), doubts.tolist()))


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
