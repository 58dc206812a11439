"""Labels that people gave to single pictures, taken into a data set ahead of its own.

Whoever corrected a model said what a picture is. That picture is trained on, and it is no evidence
of how good a model is: it leaves the parts that are held out.
"""

from __future__ import annotations

import hashlib
import stat
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import Keep
from imgclf.data.cache import decode_all
from imgclf.data.dataset import DataSet, Part
from imgclf.data.decoder import DecoderSettings
from imgclf.data.division import require_every_class, small_beside_classes
from imgclf.data.joined_pixels import Joined
from imgclf.data.near_copies import near_copies
from imgclf.data.picture_files import Picture, Skipped, file_digest
from imgclf.errors import DataError

_Group = Sequence[Picture]


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
class TakenIn:
    """A data set with the labels that people gave.

    Attributes:
        data: The data set.
        given: The labels in it.
        corrected: Those of pictures that a model had wrong.
        part: The pictures of these, which are all trained on; in their order.
        added: Pictures that the data set didn't have.
        relabelled: Pictures that have another label there, as they are there.
        moved: Pictures that were held out.
        followed: Near copies of these and of those that were added, which were held out.
        skipped: Files that can't be read; their labels are none of `given`.
        unknown: How many pictures have a label that is none of the classes; likewise.
    """

    data: DataSet
    given: tuple[GivenLabel, ...]
    corrected: tuple[GivenLabel, ...]
    part: Part
    added: tuple[Picture, ...] = ()
    relabelled: tuple[Picture, ...] = ()
    moved: tuple[Picture, ...] = ()
    followed: tuple[Picture, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)


def take_in(data: DataSet, given: Sequence[GivenLabel], keep: Keep) -> TakenIn:
    """Gives pictures the labels that people gave them, and has them trained on.

    A picture that the data set has under the same label is not doubled; one that it holds out is
    trained on from now on if a model had it wrong, or if its label was another. Where the data set
    is divided by its split, near copies of these pictures go with them.

    Args:
        data: As it lies there.
        given: One label for each picture.
        keep: What comes of the pixels; see `decode_all`.

    Raises:
        DataError: Not one picture of a class would be held out any more.
        WriteError: The decoded pictures can't be kept.
    """
    index = {name: place for place, name in enumerate(data.folder.class_names)}
    unknown = Counter(one.label for one in given if one.label not in index)
    known = {one.digest: one for one in given if one.label in index}
    in_data = {picture.digest for part in data.parts for picture in part.pictures}
    wanted = [one for digest, one in known.items() if digest not in in_data]
    extra = _read(wanted, index, data.settings, keep)
    for one in wanted:
        if one.digest not in extra.digests:
            del known[one.digest]
    labels = {digest: index[one.label] for digest, one in known.items()}

    relabelled = tuple(
        picture
        for part in data.parts
        for picture in part.pictures
        if labels.get(picture.digest, picture.label) != picture.label
    )
    wrong = {digest for digest, one in known.items() if one.was_wrong}
    wrong |= {picture.digest for picture in relabelled}
    training, *held_out = (_relabelled(part, labels) for part in data.parts)
    alike = _with_labels(data.near_copies, labels) + _copies_held_out(held_out, extra, data)
    together = _near(wrong | {one.digest for one in extra.part.pictures}, alike, training, held_out)
    followers = together - wrong if data.is_split else set()
    try:
        divided = _divide(data, training, held_out, extra.part, wrong | followers)
    except DataError:
        if not followers:
            raise
        followers = set()  # that they look alike is said, as of any others
        divided = _divide(data, training, held_out, extra.part, wrong)

    before = [picture for part in held_out for picture in part.pictures]
    moved = tuple(picture for picture in before if picture.digest in wrong)
    in_effect = extra.digests | {one.digest for one in (*relabelled, *moved)}
    after = replace(
        data,
        training=divided[0],
        validation=divided[1],
        test=divided[2],
        near_copies=alike,
        given=_fingerprint([one for one in known.values() if one.digest in in_effect]),
    ).without_looks()
    corrected = tuple(one for one in known.values() if one.was_wrong)
    return TakenIn(
        after,
        tuple(known.values()),
        corrected,
        _of(corrected, divided[0], extra),
        extra.part.pictures,
        relabelled,
        moved,
        tuple(picture for picture in before if picture.digest in followers),
        extra.skipped,
        unknown,
    )


@dataclass(frozen=True)
class _Extra:
    """Pictures that the data set doesn't have.

    Attributes:
        given: What was said of each.
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


def _read(
    wanted: Sequence[GivenLabel], index: Mapping[str, int], settings: DecoderSettings, keep: Keep
) -> _Extra:
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
    decoded = decode_all([picture for _, picture in found], settings, keep=keep)
    failed = {failure.path for failure in decoded.failures}
    rows = [row for row, (_, picture) in enumerate(found) if picture.path not in failed]
    given, pictures = tuple(found[row][0] for row in rows), tuple(found[row][1] for row in rows)
    labels = np.array([picture.label for picture in pictures], np.int64)
    part = Part(pictures, decoded.pixels, np.array(rows, np.int64), labels)
    return _Extra(given, part, decoded.looks["pixels"][rows], (*skipped, *decoded.failures))


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


def _relabelled(part: Part, labels: Mapping[str, int]) -> Part:
    pictures = tuple(_with_label(picture, labels) for picture in part.pictures)
    return replace(
        part, pictures=pictures, labels=np.array([one.label for one in pictures], np.int64)
    )


def _with_label(picture: Picture, labels: Mapping[str, int]) -> Picture:
    label = labels.get(picture.digest, picture.label)
    return picture if label == picture.label else replace(picture, label=label)


def _with_labels(
    groups: Sequence[_Group], labels: Mapping[str, int]
) -> tuple[tuple[Picture, ...], ...]:
    return tuple(tuple(_with_label(one, labels) for one in group) for group in groups)


def _copies_held_out(
    held_out: Sequence[Part], extra: _Extra, data: DataSet
) -> tuple[tuple[Picture, ...], ...]:
    """Groups of pictures that are held out and look like extra ones, with these."""
    if not len(extra.part) or data.looks is None:
        return ()
    pictures = [*extra.part.pictures, *(one for part in held_out for one in part.pictures)]
    looks = [extra.looks, *(data.looks[part.rows] for part in held_out)]
    return tuple(
        tuple(pictures[place] for place in group)
        for group in near_copies(np.concatenate(looks))
        if group[0] < len(extra.part)  # they are in order
    )


def _near(
    digests: Collection[str],
    groups: Sequence[_Group],
    training: Part,
    held_out: Sequence[Part],
) -> set[str]:
    """Near copies of these pictures, by their digests."""
    everything = [one for part in (training, *held_out) for one in part.pictures]
    return {
        picture.digest
        for group in small_beside_classes(groups, everything)
        if any(picture.digest in digests for picture in group)
        for picture in group
    }


def _divide(
    data: DataSet, training: Part, held_out: Sequence[Part], extra: Part, going: Collection[str]
) -> tuple[Part, Part, Part]:
    """Has the pictures with these digests, and the extra ones, trained on.

    Raises:
        DataError: Not one picture of a class would be held out any more.
    """
    goes = [
        np.array([picture.digest in going for picture in part.pictures], bool) for part in held_out
    ]
    leaving = [part.at(np.flatnonzero(mask)) for part, mask in zip(held_out, goes, strict=True)]
    staying = [part.at(np.flatnonzero(~mask)) for part, mask in zip(held_out, goes, strict=True)]
    pixels, first = training.pixels, training.pixels.shape[0]
    if len(extra):
        pixels = Joined(pixels, extra.pixels)
    joined = [training, *leaving, replace(extra, rows=extra.rows + first)]
    training = Part(
        tuple(picture for part in joined for picture in part.pictures),
        pixels,
        np.concatenate([part.rows for part in joined]),
        np.concatenate([part.labels for part in joined]),
    )
    validation, test = staying
    folder = data.folder
    try:
        require_every_class(
            folder.directory, folder.class_names, training.pictures, validation.pictures
        )
    except DataError as error:
        raise DataError(
            f"{error.message}\nwith what people said of pictures, which are trained on then",
            f"{error.hint}, or train without that: --set training.corrections=ignore",
        ) from None
    return training, validation, test


def _of(given: Sequence[GivenLabel], training: Part, extra: _Extra) -> Part:
    """The pictures that were said something of, among those to train on."""
    digests = [picture.digest for picture in training.pictures]
    digests[len(digests) - len(extra.given) :] = [one.digest for one in extra.given]
    first = {digest: place for place, digest in reversed(list(enumerate(digests)))}
    return training.at(np.array([first[one.digest] for one in given], np.int64))


def _fingerprint(given: Sequence[GivenLabel]) -> str:
    if not given:
        return ""
    said = sorted((one.digest, one.label) for one in given)
    return hashlib.sha256(repr(said).encode()).hexdigest()
