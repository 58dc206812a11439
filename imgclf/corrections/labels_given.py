"""What people said of which picture, as the next training takes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.corrections.corrected_pictures import kept_file
from imgclf.corrections.journal import Entry, read_journal
from imgclf.data.given_files import GivenLabel
from imgclf.spelling import composed


def labels_given(model: Path) -> tuple[GivenLabel, ...]:
    """The latest word on each picture, in the order in which they were first spoken of.

    Whether the model learned it makes no difference: what somebody said is a label. A picture that
    it had wrong is kept beside it; one that was right already is where it was.

    Args:
        model: The model file; it may be gone.

    Raises:
        ModelFileError: Its journal is no file of ours.
    """
    said: dict[str, list[Entry]] = {}
    for entry in read_journal(model):
        if entry.outcome == "forgotten":
            said.pop(entry.digest, None)
        elif entry.outcome != "unreadable":
            said.setdefault(entry.digest, []).append(entry)
    return tuple(_given(model, entries) for entries in said.values())


def _given(model: Path, entries: Sequence[Entry]) -> GivenLabel:
    """The last of what was said of a picture, first to last."""
    last = entries[-1]
    doubts = (one.was for one in entries if one.doubtful and one.label == last.label)
    return GivenLabel(
        last.digest,
        composed(last.label),
        str(kept_file(model, last.digest) or last.path),
        was_wrong=any(one.outcome != "right already" for one in entries),
        rather=next(doubts, None),
    )
