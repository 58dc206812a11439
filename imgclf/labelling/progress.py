"""How far one has come with labels, and what is to be labelled next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from imgclf.data.picture_files import Picture
from imgclf.labelling.judging import Judged
from imgclf.labelling.labels import Labels


class Progress(Struct, frozen=True):
    """How far one has come.

    Attributes:
        pictures: How many could be read, each counted once.
        unreadable: How many could not.
        learned: Pictures with labels to learn from, by class.
        judged: Those that are set apart, likewise.
        accuracy: On the latter; None if there is nothing to say yet.
        bounds: Between which it lies with 95 % confidence.
        enough: Whether that is narrow enough.
    """

    pictures: int
    unreadable: int
    learned: dict[str, int]
    judged: dict[str, int]
    accuracy: float | None
    bounds: tuple[float, float] | None
    enough: bool


@dataclass(frozen=True)
class NextPage:
    """What is to be labelled next.

    Attributes:
        to_learn: Pictures to learn from.
        to_judge: Pictures to judge by.
        earlier: The labels so far.
    """

    to_learn: tuple[Path, ...]
    to_judge: tuple[Path, ...]
    earlier: Labels


def progress_of(
    labels: Labels, accuracy: Judged | None, within: float, pictures: int, unreadable: int
) -> Progress:
    """What there is to say.

    Args:
        labels: So far.
        accuracy: On those that are set apart; None if there is none.
        within: Half the width of its interval that is narrow enough.
        pictures: How many could be read.
        unreadable: How many could not.
    """
    return Progress(
        pictures=pictures,
        unreadable=unreadable,
        learned=_by_class(labels, labels.to_learn),
        judged=_by_class(labels, labels.to_judge),
        accuracy=None if accuracy is None else accuracy.accuracy,
        bounds=None if accuracy is None else accuracy.bounds,
        enough=accuracy is not None and accuracy.within <= within,
    )


def _by_class(labels: Labels, pictures: Sequence[Picture]) -> dict[str, int]:
    counts = Counter(picture.label for picture in pictures)
    return {name: counts[place] for place, name in enumerate(labels.class_names)}
