"""Pictures that may have several labels: one for each content, with all that its files have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.picture_files import NO_LABEL, Picture, Skipped, read_pictures


def read_several_labels(
    found: Sequence[tuple[Path, int]], skipped: list[Skipped], *, longest_step: bool = False
) -> list[Picture]:
    """The pictures of these files, equal files one picture with the labels of all of them.

    Args:
        found: Files with a label each, `NO_LABEL` for none; a file may be there several times.
        skipped: Gets the files that can't be read.
        longest_step: See `read_pictures`.
    """
    labels: dict[Path, set[int]] = {}
    for path, label in found:
        labels.setdefault(path, set()).update(() if label == NO_LABEL else (label,))
    files = read_pictures([(path, NO_LABEL) for path in labels], skipped, longest_step=longest_step)
    first: dict[str, Picture] = {}
    of_content: dict[str, set[int]] = {}
    for file in files:
        first.setdefault(file.digest, file)
        of_content.setdefault(file.digest, set()).update(labels[file.path])
    pictures = []
    for digest, file in first.items():
        several = tuple(sorted(of_content[digest]))
        pictures.append(Picture(file.path, several[0] if several else NO_LABEL, digest, several))
    return pictures


def as_rows(pictures: Sequence[Picture], num_classes: int) -> NDArray[np.int64]:
    """Labels as scikit-learn has them: 1 where a picture has the label, shape (pictures, classes).

    Args:
        pictures: That may have several.
        num_classes: How many classes there are.
    """
    rows = np.zeros((len(pictures), num_classes), np.int64)
    for row, picture in zip(rows, pictures, strict=True):
        row[list(picture.labels)] = 1
    return rows
