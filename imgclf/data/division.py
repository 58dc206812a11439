"""The division of pictures into those to train on and those to validate on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgclf.data.grouped_division import hold_out_groups
from imgclf.data.part_names import PartName
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError
from imgclf.spelling import Lines


def split(
    pictures: Sequence[Picture],
    num_classes: int,
    validation_split: float,
    seed: int,
    kin: Mapping[str, str] | None = None,
) -> tuple[list[Picture], list[Picture]]:
    """Divides pictures into training and validation, class by class, equal files together.

    Where a picture may have several labels it counts for each of them, and classes have their
    shares as near as that lets them.

    Args:
        pictures: All of them.
        num_classes: How many classes there are.
        validation_split: Share of each class's different pictures, between 0 and 1.
        seed: Another seed gives another split.
        kin: Digests of pictures that have near copies; those with the same value stay together.
    """
    kin = kin or {}
    if any(picture.several is not None for picture in pictures):
        group_of = {one.digest: kin.get(one.digest, one.digest) for one in pictures}
        is_out = hold_out_groups(pictures, group_of, validation_split, seed).tolist()
        sides = list(zip(pictures, is_out, strict=True))
        return [one for one, out in sides if not out], [one for one, out in sides if out]
    held_out: set[str] = set()
    for label in range(num_classes):
        digests = {picture.digest for picture in pictures if label in picture.labels}
        sizes = Counter(kin.get(digest, digest) for digest in digests)
        held_out.update(_drawn(sizes, round(len(digests) * validation_split), seed))
    # A file that lies in two classes may be drawn for one only; both copies must follow it.
    training: list[Picture] = []
    validation: list[Picture] = []
    for picture in pictures:
        is_held_out = kin.get(picture.digest, picture.digest) in held_out
        (validation if is_held_out else training).append(picture)
    return training, validation


def keep_together(
    training: Sequence[Picture],
    validation: Sequence[Picture],
    groups: Sequence[Sequence[Picture]],
    num_classes: int,
    validation_split: float,
    seed: int,
) -> tuple[Sequence[Picture], Sequence[Picture]]:
    """Divides pictures anew, so that near copies fall in the same part.

    Without near copies the division stays as it is. So it does where they can't be kept together:
    a group that has more than half of a class's pictures, as those of a camera that stands still,
    is divided like any others.

    Args:
        training: As `split` divided them.
        validation: Likewise.
        groups: Near copies; see `near_copies`.
        num_classes: As of `split`.
        validation_split: As of `split`.
        seed: As of `split`.
    """
    pictures = (*training, *validation)
    kin: dict[str, str] = {}
    for group in small_beside_classes(groups, pictures):
        first = min(one.digest for one in group)
        kin |= {one.digest: first for one in group}
    if not kin:
        return training, validation
    divided = split(pictures, num_classes, validation_split, seed, kin)
    complete = all(
        len({label for one in part for label in one.labels}) == num_classes for part in divided
    )
    return divided if complete else (training, validation)


def small_beside_classes(
    groups: Sequence[Sequence[Picture]], pictures: Sequence[Picture]
) -> list[Sequence[Picture]]:
    """Groups of near copies that have at most half of the pictures of any class.

    Args:
        groups: See `near_copies`.
        pictures: All there are.
    """

    def counts(some: Sequence[Picture]) -> Counter[int]:
        pairs = {(label, one.digest) for one in some for label in one.labels}
        return Counter(label for label, _ in pairs)

    in_class = counts(pictures)
    return [
        group
        for group in groups
        if all(2 * count <= in_class[label] for label, count in counts(group).items())
    ]


def _drawn(sizes: Mapping[str, int], wanted: int, seed: int) -> list[str]:
    """So many pictures, drawn in groups; if no group is small enough, the smallest.

    Args:
        sizes: How many pictures each group has; most have one.
        wanted: How many pictures.
        seed: Of the draw.
    """
    ranked = sorted(sizes, key=lambda name: _draw(seed, name))
    chosen: list[str] = []
    for name in ranked:
        if sizes[name] <= wanted:
            chosen.append(name)
            wanted -= sizes[name]
    if not chosen and wanted and len(ranked) > 1:
        chosen.append(min(ranked, key=sizes.__getitem__))
    return chosen


def refuse_shared(training: Sequence[Picture], validation: Sequence[Picture]) -> None:
    """A picture in both parts would make the validation score a lie.

    Raises:
        DataError: There is one.
    """
    known = {picture.digest: picture.path for picture in training}
    shared = [picture for picture in validation if picture.digest in known]
    if shared:
        raise DataError(
            Lines.of(
                f"{len(shared)} pictures are in training and in validation:",
                *(f"  {known[p.digest]} = {p.path}" for p in shared[:10]),
                *(["  ..."] if len(shared) > 10 else []),
            ),
            "delete one of each pair, so that validation judges on pictures not trained on",
        )


def may_fill_every_class(
    found: Mapping[PartName, Sequence[tuple[Path, int]]], num_classes: int, validation_split: float
) -> bool:
    """Whether no class is sure to miss a part, before it is known which files can be read."""
    counts = {part: Counter(label for _, label in files) for part, files in found.items()}
    for label in range(num_classes):
        training = counts["training"][label]
        if "validation" in counts:
            validation = counts["validation"][label]
        else:
            validation = round(training * validation_split)
            training -= validation
        if not training or not validation:
            return False
    return True


def require_every_class(
    directory: Path,
    class_names: Sequence[str],
    training: Sequence[Picture],
    validation: Sequence[Picture],
) -> None:
    """Each class needs a picture to learn from and another to be judged by.

    Raises:
        DataError: One has none.
    """
    parts = (("training", training), ("validation", validation))
    counts = {
        part: Counter(label for picture in pictures for label in picture.labels)
        for part, pictures in parts
    }
    too_few = [
        f"  {name}: {counts['training'][label]} to train on, {counts['validation'][label]} to "
        "validate on"
        for label, name in enumerate(class_names)
        if not counts["training"][label] or not counts["validation"][label]
    ]
    if too_few:
        raise DataError(
            Lines.of(
                f"{directory}: too few readable pictures in "
                + ("one class:" if len(too_few) == 1 else f"{len(too_few)} classes:"),
                *too_few,
            ),
            "add pictures, remove the class's folder, or raise data.validation_split",
        )


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"{seed}:{digest}".encode()).digest()
