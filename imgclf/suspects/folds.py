"""Folds of a data set, for judging each picture by a model that was trained without it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.data.picture_files import Picture


def divide(pictures: Sequence[Picture], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each picture, from 0, shape (pictures,).

    Every class is spread evenly. Equal files fall into the same fold, whatever their labels: a
    model that has seen a copy has seen the picture. Which fold is a function of the seed and of
    the files' content alone.

    Args:
        pictures: All of them.
        folds: How many.
        seed: Another seed gives other folds.
    """
    fold_of: dict[str, int] = {}
    # Each class begins where the one before ended, so that the folds are of equal size.
    for label in sorted({picture.label for picture in pictures}):
        digests = {picture.digest for picture in pictures if picture.label == label}
        new = digests - fold_of.keys()
        start = len(fold_of)
        for place, digest in enumerate(sorted(new, key=lambda one: _draw(seed, one))):
            fold_of[digest] = (start + place) % folds
    return np.array([fold_of[picture.digest] for picture in pictures], np.int64)


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"fold {seed} {digest}".encode()).digest()
