"""What a journal is told of the pictures of one retraining."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.corrections.assess import Corrected
from imgclf.corrections.journal import Entry, as_text
from imgclf.model_file.manifest import Manifest
from imgclf.system.clock import time_with_zone


def entries_of(pictures: Sequence[Corrected], manifest: Manifest, now: int) -> list[Entry]:
    """An entry for each picture.

    Corrections of earlier commands are told again: it leaves out what it knows, and if the
    machine stopped before it knew them, they get in now.

    Args:
        pictures: What came of each.
        manifest: The model's, as it was before.
        now: The version in use afterwards.
    """
    in_force = {correction.digest: correction for correction in manifest.corrections}
    entries = []
    for picture in pictures:
        earlier = in_force.get(picture.digest)
        if picture.outcome == "right already" and earlier is not None:
            was, outcome, version = earlier.was, "corrected", earlier.version
        else:
            was, outcome, version = str(picture.before.label), picture.outcome, now
        path = as_text(Path(picture.before.path))
        entries.append(
            Entry(
                time_with_zone(),
                path,
                picture.digest,
                was,
                picture.label,
                outcome,  # type: ignore[arg-type]
                version,
                picture.doubtful,
            )
        )
    return entries
