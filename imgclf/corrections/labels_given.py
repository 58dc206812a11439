"""What people said of which picture, as the next training takes it."""

from __future__ import annotations

from pathlib import Path

from imgclf.corrections.corrected_pictures import kept_file
from imgclf.corrections.journal import Entry, read_journal
from imgclf.data.given_labels import GivenLabel
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
    said: dict[str, Entry] = {}
    was_wrong: set[str] = set()
    for entry in read_journal(model):
        if entry.fate == "forgotten":
            said.pop(entry.digest, None)
            was_wrong.discard(entry.digest)
        elif entry.fate != "unreadable":
            said[entry.digest] = entry
            if entry.fate != "right already":
                was_wrong.add(entry.digest)
    return tuple(
        GivenLabel(
            digest,
            composed(entry.label),
            str(kept_file(model, digest) or entry.path),
            digest in was_wrong,
        )
        for digest, entry in said.items()
    )
