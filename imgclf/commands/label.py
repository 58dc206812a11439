"""First labels for a folder of pictures, a page of them at a time."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from imgclf.data.file_walk import Skipped
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import UsageError
from imgclf.labelling.labels import Labels, read_labels
from imgclf.labelling.photos import Photos, look_at
from imgclf.labelling.progress import NextPage, Progress, progress_of
from imgclf.labelling.round import Round

COUNT = 20
"""Pictures to learn from on a page: fewer teach more each, and ask for more pages."""

_JUDGES = 2
"""Times as many beside them to judge by, as long as there are too few of these."""

WITHIN = 0.03
"""How narrow the interval of the accuracy is to be, to each side: some 150 pictures at 97 %."""


def label(
    directory: Path,
    table: Path | None,
    class_names: Sequence[str] | None,
    *,
    count: int = COUNT,
    within: float = WITHIN,
) -> tuple[Progress, NextPage]:
    """Reads the labels so far, tells how far one has come with them, and chooses what comes next.

    Nobody is told which of the pictures judge: they are drawn at random, never learned from, and
    have no say in what is chosen.

    Args:
        directory: The pictures, in whatever folders.
        table: The labels so far; None for none.
        class_names: What a picture can be; None for what there is in the table.
        count: Pictures to learn from that come next.
        within: Half the width of the accuracy's interval that is narrow enough.

    Raises:
        UsageError: Nothing says what the pictures can be.
        DataError: There are no pictures, or the table can't be used.
        ConfigError: The pretrained network can't be had.
        WriteError: The cache can't be written.
    """
    skipped: list[Skipped] = []
    labels = _labels(directory, table, class_names, skipped)
    photos = look_at(directory, [picture.path for picture in labels.all], skipped)
    warn_of_left_out(skipped)

    now = Round(photos, labels)
    unreadable = sum(one.why == "unreadable" for one in skipped)
    progress = progress_of(labels, now.accuracy, within, len(photos), unreadable)
    judges = 0 if progress.enough else _JUDGES * count
    to_learn, to_judge = now.next_to_learn(count), now.next_to_judge(judges)
    return progress, NextPage(_paths(photos, to_learn), _paths(photos, to_judge), labels)


def _labels(
    directory: Path, table: Path | None, class_names: Sequence[str] | None, skipped: list[Skipped]
) -> Labels:
    if class_names is not None:
        _require_classes(class_names)
    if table is not None:
        return read_labels(table, directory, class_names, skipped)
    if class_names is None:
        raise UsageError(
            "nothing says what the pictures can be",
            f"imgclf label {shlex.quote(str(directory))} --classes cat,dog --review label.html",
        )
    return Labels(tuple(class_names))


def _require_classes(names: Sequence[str]) -> None:
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise UsageError(f"--classes: {doubled[0]} is there twice")
    if len(names) < 2 or not all(names):
        raise UsageError(
            f"--classes {','.join(names)}: two names are wanted at least",
            "for example: --classes cat,dog",
        )


def _paths(photos: Photos, places: Sequence[int]) -> tuple[Path, ...]:
    return tuple(photos.paths[place] for place in places)
