"""Which correction is meant: by a picture, by where it lay, or by the SHA-256 of its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.corrections.journal import Entry, as_text
from imgclf.data.picture_files import file_digest
from imgclf.errors import UsageError, nearest_match
from imgclf.model_file.manifest import Manifest
from imgclf.spelling import Lines

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Said:
    """What somebody said of a picture.

    Attributes:
        path: Where it lay.
        digest: SHA-256 of its file.
        label: What it was said to be.
        was: What the model had said.
        in_force: Whether the model in use was corrected by it.
    """

    path: str
    digest: str
    label: str
    was: str
    in_force: bool


def find_said(given: Sequence[str], manifest: Manifest, journal: Sequence[Entry]) -> list[Said]:
    """What was said of the pictures given, each once.

    Args:
        given: Pictures; or, of files that are gone or have changed, their paths, or as much of
            their SHA-256 as tells them from the others, six digits at least.
        manifest: Of the model in use.
        journal: Which knows of what is no longer in force, too.

    Raises:
        UsageError: Nothing was said of one of them, or several are meant; with all such.
    """
    there = _all_said(manifest, journal)
    places = {Path(said.path).name: said.path for said in there}
    found: dict[str, Said] = {}
    problems = []
    for one in given:
        meant = _meant(one, there)
        if len(meant) == 1:
            found[meant[0].digest] = meant[0]
        elif meant:
            digests = ", ".join(said.digest[:12] for said in meant)
            problems.append(f"{one} may be several: give the SHA-256 of one: {digests}")
        else:
            near = nearest_match(Path(one).name, places)
            meant_too = "" if near is None else f"; did you mean {places[near]}?"
            problems.append(f"{one}: no such correction{meant_too}")
    if problems:
        raise UsageError(
            Lines.of(*problems),
            "nothing was changed; what there is to forget: imgclf history --corrections",
        )
    return list(found.values())


def _all_said(manifest: Manifest, journal: Sequence[Entry]) -> list[Said]:
    said: dict[str, Said] = {}
    for entry in journal:
        if entry.outcome == "forgotten":
            said.pop(entry.digest, None)
        elif entry.outcome != "unreadable":
            said[entry.digest] = Said(
                entry.path, entry.digest, entry.label, entry.was, in_force=False
            )
    for one in manifest.corrections:
        said[one.digest] = Said(one.path, one.digest, one.label, one.was, in_force=True)
    return list(said.values())


def _meant(given: str, there: Sequence[Said]) -> list[Said]:
    path = Path(given)
    if path.is_file():
        digest = file_digest(path)
        same = [said for said in there if said.digest == digest]
        if same:
            return same
    by_path = [said for said in there if said.path in (given, as_text(path))]
    if by_path or not _DIGEST.fullmatch(given):
        return by_path
    return [said for said in there if said.digest.startswith(given)]
