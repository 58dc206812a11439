"""The journal of a model: what people said of which picture, and what came of it.

`NAME.history/journal.jsonl` is only ever appended to. It survives rollbacks, so it also knows
the corrections that are no longer in force; those that are stand in the model file itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from imgclf.errors import ModelFileError
from imgclf.model_file.lookup import history_directory
from imgclf.system.files import sync_folder
from imgclf.system.kept_files import read_kept

_LARGEST = 1 << 28
"""In bytes, which is a million entries."""

Outcome = Literal["right already", "corrected", "left out", "unreadable", "forgotten"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One picture in one retraining.

    Attributes:
        time: When, with the time zone.
        path: Where the picture lay.
        digest: SHA-256 of its file.
        was: What the model said.
        label: What a person said.
        outcome: What came of it; "forgotten" where all that was said of it was taken back.
        version: Of the model in use afterwards.
        doubtful: The picture's features spoke against it.
    """

    time: str
    path: str
    digest: str
    was: str
    label: str
    outcome: Outcome = msgspec.field(name="fate")  # as earlier versions wrote it
    version: int
    doubtful: bool = False

    def says_the_same_as(self, other: Entry) -> bool:
        """Whether only the time, the place or the model's earlier answer differ."""
        return (self.digest, self.label, self.outcome, self.version) == (
            other.digest,
            other.label,
            other.outcome,
            other.version,
        )


def as_text(path: Path) -> str:
    """An absolute path for JSON, which has no way to write names that are no text."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")


def read_journal(model: Path) -> list[Entry]:
    """All entries, oldest first; a line that a crash tore is left out.

    Raises:
        ModelFileError: It is no file of ours.
    """
    path, entries = _file(model), []
    try:
        lines = read_kept(path, _LARGEST).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelFileError(
            f"{path} is no journal of corrections: {reason}",
            "move it away; what was corrected stays in the model",
        ) from error
    for line in lines:
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return entries


def append_to_journal(model: Path, entries: Sequence[Entry]) -> None:
    """Adds what isn't known yet, so that the same command again leaves no trace.

    It is on the disk when this returns.
    """
    last = {entry.digest: entry for entry in read_journal(model)}
    new = [
        entry
        for entry in entries
        if entry.digest not in last or not entry.says_the_same_as(last[entry.digest])
    ]
    if not new:
        return
    file = _file(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":  # a crash tore the last line
                stream.write(b"\n")
        stream.write(b"".join(msgspec.json.encode(entry) + b"\n" for entry in new))
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(file.parent)


def _file(model: Path) -> Path:
    return history_directory(model) / "journal.jsonl"
