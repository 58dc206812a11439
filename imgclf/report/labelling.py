"""First labels: a page to give them on, and a few lines on how far one has come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from imgclf.labelling.progress import NextPage, Progress
from imgclf.report.review import Labelled, Labelling, ReviewItem, write_review
from imgclf.spelling import on_one_line


def progress_lines(progress: Progress) -> Iterator[str]:
    """How many labels there are, and what comes of them."""
    unread = f"; {progress.unreadable} can't be read" if progress.unreadable else ""
    yield f"{progress.pictures:,} pictures{unread}"
    learned, judged = sum(progress.learned.values()), sum(progress.judged.values())
    yield f"labels to learn from: {learned} ({_by_class(progress.learned)})"
    yield f"labels to judge by:   {judged} ({_by_class(progress.judged)})"
    if progress.accuracy is None or progress.bounds is None:
        return
    low, high = progress.bounds
    yield (
        f"accuracy: {progress.accuracy:.1%} \u00b1 {50 * (high - low):.1f} on {judged} pictures "
        f"that were drawn at random and not learned from ({low:.1%} to {high:.1%}: Wilson's "
        "interval, 95%)"
    )
    if progress.enough:
        yield "enough: the interval is as narrow as it was to be"


def write_labelling_page(
    target: Path, page: NextPage, directory: Path, file: str, command: str
) -> int:
    """Writes the page; those to learn from and those to judge by are mixed and look the same.

    Args:
        target: The page.
        page: What is on it.
        directory: Where the pictures are, for the heading.
        file: What the page saves.
        command: What to type then.

    Returns:
        How many pictures are on it.

    Raises:
        UsageError: A further page would replace something else.
        WriteError: It can't be written.
    """
    names = page.earlier.class_names
    here = Path.cwd()
    learned = dict.fromkeys((str(here / path) for path in page.to_learn), "training")
    parts = learned | dict.fromkeys((str(here / path) for path in page.to_judge), "validation")
    mixed = sorted(parts, key=lambda path: hashlib.sha256(path.encode(errors="replace")).digest())
    earlier = [
        Labelled(str(here / picture.path), names[picture.label], part)
        for part, pictures in (
            ("training", page.earlier.to_learn),
            ("validation", page.earlier.to_judge),
        )
        for picture in pictures
    ]
    write_review(
        target,
        [ReviewItem(path, None, None) for path in mixed],
        names,
        on_one_line(f"{len(mixed)} pictures of {directory} to label"),
        "A key, or a button below, gives a label and goes on. Leave what is none of these.",
        command,
        Labelling(file, parts, earlier),
    )
    return len(mixed)


def _by_class(counts: dict[str, int]) -> str:
    return on_one_line(", ".join(f"{name} {count}" for name, count in counts.items()))
