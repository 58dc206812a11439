"""Folds of a data set, for judging each picture by a model that was trained without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import DataSet
from imgclf.data.division import small_beside_classes
from imgclf.data.grouped_division import grouped_folds
from imgclf.data.groups import Grouping, find_groups
from imgclf.data.picture_files import Picture


def divide(
    pictures: Sequence[Picture], folds: int, seed: int, group_of: Mapping[str, str] | None = None
) -> NDArray[np.int64]:
    """The fold of each picture, from 0, shape (pictures,).

    Every class is spread evenly. Equal files fall into the same fold, whatever their labels: a
    model that has seen a copy has seen the picture. Which fold is a function of the seed and of
    the files' content alone.

    Args:
        pictures: All of them.
        folds: How many.
        seed: Another seed gives other folds.
        group_of: By digest, pictures that must not be divided; None where there are none.
    """
    if group_of is not None:
        return grouped_folds(pictures, group_of, folds, seed)
    fold_of: dict[str, int] = {}
    # Each class begins where the one before ended, so that the folds are of equal size.
    for label in sorted({picture.label for picture in pictures}):
        digests = {picture.digest for picture in pictures if picture.label == label}
        new = digests - fold_of.keys()
        start = len(fold_of)
        for place, digest in enumerate(sorted(new, key=lambda one: _draw(seed, one))):
            fold_of[digest] = (start + place) % folds
    return np.array([fold_of[picture.digest] for picture in pictures], np.int64)


def kept_together(data: DataSet) -> dict[str, str]:
    """By digest of training and validation pictures, what the group of each is known by.

    Groups that are declared; else near copies, but for those that are most of a class.
    """
    if data.groups is not None:
        return dict(data.groups.of)
    pictures = (*data.training.pictures, *data.validation.pictures)
    known = {picture.digest for picture in pictures}
    alike = (
        [picture for picture in group if picture.digest in known] for group in data.near_copies
    )
    small = small_beside_classes([group for group in alike if group], pictures)
    return dict(find_groups(Grouping(near_copies=True), pictures, {}, small).of)


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"fold {seed} {digest}".encode()).digest()
