"""The division of pictures into those to train on and those to validate on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgclf.data.part_names import PartName
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError


def split(
    pictures: Sequence[Picture], num_classes: int, validation_split: float, seed: int
) -> tuple[list[Picture], list[Picture]]:
    """Divides pictures into training and validation, class by class, equal files together."""
    validation_digests: set[str] = set()
    for label in range(num_classes):
        digests = {picture.digest for picture in pictures if picture.label == label}
        ranked = sorted(digests, key=lambda digest: _draw(seed, digest))
        validation_digests.update(ranked[: round(len(ranked) * validation_split)])
    # A file that lies in two classes may be drawn for one only; both copies must follow it.
    training = [picture for picture in pictures if picture.digest not in validation_digests]
    validation = [picture for picture in pictures if picture.digest in validation_digests]
    return training, validation


def refuse_shared(training: Sequence[Picture], validation: Sequence[Picture]) -> None:
    """A picture in both parts would make the validation score a lie.

    Raises:
        DataError: There is one.
    """
    known = {picture.digest: picture.path for picture in training}
    shared = [picture for picture in validation if picture.digest in known]
    if shared:
        pairs = "\n".join(f"  {known[p.digest]} = {p.path}" for p in shared[:10])
        raise DataError(
            f"{len(shared)} pictures are in training and in validation:\n{pairs}"
            + ("\n  ..." if len(shared) > 10 else ""),
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
    counts = {part: Counter(picture.label for picture in pictures) for part, pictures in parts}
    too_few = [
        f"  {name}: {counts['training'][label]} to train on, {counts['validation'][label]} to "
        "validate on"
        for label, name in enumerate(class_names)
        if not counts["training"][label] or not counts["validation"][label]
    ]
    if too_few:
        raise DataError(
            f"{directory}: too few readable pictures in "
            + ("one class:\n" if len(too_few) == 1 else f"{len(too_few)} classes:\n")
            + "\n".join(too_few),
            "add pictures, remove the class's folder, or raise data.validation_split",
        )


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"{seed}:{digest}".encode()).digest()
