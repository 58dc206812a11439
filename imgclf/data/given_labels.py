"""Labels that people gave to single pictures, taken into a data set ahead of its own.

Whoever corrected a model said what a picture is. That picture is trained on, and it is no evidence
of how good a model is: it leaves the parts that are held out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from imgclf.config.choices import Keep
from imgclf.data.dataset import DataSet, Part
from imgclf.data.division import require_every_class, small_beside_classes
from imgclf.data.given_files import GivenFiles, GivenLabel, read_given
from imgclf.data.joined_pixels import Joined
from imgclf.data.near_copies import near_copies
from imgclf.data.picture_files import Picture, Skipped
from imgclf.errors import DataError
from imgclf.spelling import Lines

_Group = Sequence[Picture]


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
    if not known:
        empty = data.training.at(np.zeros(0, np.int64))
        return TakenIn(data.without_looks(), (), (), empty, unknown=unknown)
    in_data = {picture.digest for part in data.parts for picture in part.pictures}
    wanted = [one for digest, one in known.items() if digest not in in_data]
    extra = read_given(wanted, index, data.settings, keep)
    usable = in_data | extra.digests
    known = {digest: one for digest, one in known.items() if digest in usable}
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
    held_out: Sequence[Part], extra: GivenFiles, data: DataSet
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
            Lines.of(error.message, "with what people said of pictures, which are trained on then"),
            f"{error.hint}, or train without that: --set training.corrections=ignore",
        ) from None
    return training, validation, test


def _of(given: Sequence[GivenLabel], training: Part, extra: GivenFiles) -> Part:
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
