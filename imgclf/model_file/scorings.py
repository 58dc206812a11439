"""How often a model was scored on test pictures, kept in its history's folder.

Who looks at a test score, changes something and looks again chooses by it, and what was chosen by a
score is less good on other pictures than the score says.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from imgclf.data.picture_files import Picture
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Manifest
from imgclf.system import console
from imgclf.system.clock import time_with_zone
from imgclf.system.files import sync_folder

_LARGEST = 1 << 24  # bytes: some hundred thousand looks


class Scoring(msgspec.Struct, frozen=True):
    """One look.

    Attributes:
        time: When, with the time zone.
        version: Of the model.
        created: When that version was made; a version that was not published has the next's number.
        pictures: What the test pictures add up to.
        count: How many they are.
        accuracy: On these.
        by: Whether the training that made the version looked, or somebody later.
    """

    time: str
    version: int
    created: str
    pictures: str
    count: int
    accuracy: float
    by: Literal["train", "evaluate"]


def scored_before(model: Path, pictures: Sequence[Picture]) -> list[Scoring]:
    """The earlier looks at these very pictures, oldest first; what can't be read is none.

    Args:
        model: The model file, all of whose versions count.
        pictures: Those to be judged.
    """
    name = _fingerprint(pictures)
    found: list[Scoring] = []
    try:
        path = _file(model)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return []
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            one = msgspec.json.decode(line, type=Scoring)
        except (ValueError, RecursionError):  # a crash tore it
            continue
        if one.pictures == name:
            found.append(one)
    return found


def note_scoring(
    model: Path,
    manifest: Manifest,
    pictures: Sequence[Picture],
    accuracy: float,
    by: Literal["train", "evaluate"],
) -> None:
    """Writes a look down; where that can't be done, says so, for the score is none the worse.

    A training that was cut short and does it again has looked once.

    Args:
        model: The model file.
        manifest: Of the version that was judged.
        pictures: What it was judged by.
        accuracy: On these.
        by: Who looks.
    """
    look = Scoring(
        time_with_zone(),
        manifest.version,
        manifest.created,
        _fingerprint(pictures),
        len(pictures),
        accuracy,
        by,
    )
    if by == "train" and any(
        (one.by, one.created) == (by, look.created) for one in scored_before(model, pictures)
    ):
        return
    path = _file(model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            # A line by itself, whatever a crash has left of the last one; an empty one is none.
            stream.write(b"\n" * bool(stream.tell()) + msgspec.json.encode(look) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.parent)
    except OSError as error:
        console.note(f"that these test pictures were looked at is not kept: {path}: {error}")


def _fingerprint(pictures: Sequence[Picture]) -> str:
    """The same wherever they lie, and in whatever order."""
    known = sorted(picture.digest for picture in pictures)
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def _file(model: Path) -> Path:
    return history_directory(model) / "test_scores.jsonl"
