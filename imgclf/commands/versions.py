"""The versions of a model: listing them, and going back to one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imgclf.model_file.archive import read_manifest
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.model_file.versions import roll_back, versions
from imgclf.system.lock import lock


class Version(msgspec.Struct, frozen=True):
    """One version of a model.

    Attributes:
        parent: The version that it was made from by corrections; None if it was trained.
        created: When.
        corrections: How many are in force in it.
        new: Those that it has and its parent didn't.
        score: Accuracy on the held-out pictures, between 0 and 1; None if it wasn't measured.
        score_before: That of its parent on the same pictures.
    """

    version: int
    parent: int | None
    created: str
    corrections: int
    new: tuple[Correction, ...]
    score: float | None
    score_before: float | None
    in_use: bool


class RolledBack(msgspec.Struct, frozen=True):
    """What a rollback came to.

    Attributes:
        no_longer_in_force: Corrections that the version before had and this one doesn't.
    """

    version: int
    no_longer_in_force: tuple[Correction, ...]


def history(model: Path) -> list[Version]:
    """All versions, oldest first.

    Raises:
        ModelFileError: The model in use can't be read.
    """
    in_use = read_manifest(model).version
    return [_version(manifest, in_use) for _, manifest in versions(model)]


def rollback(model: Path, version: int | None) -> RolledBack:
    """Puts an earlier version back in use, byte for byte; the present one is kept.

    Args:
        model: The model file.
        version: Which; None for the parent of the one in use.

    Raises:
        UsageError: There is no such version.
        ModelFileError: The model, or that version, can't be read.
        BusyError: Another process is at work on the model.
    """
    with lock(model):
        before = read_manifest(model)
        after = roll_back(model, version)
    kept = {(correction.digest, correction.label) for correction in after.corrections}
    gone = (one for one in before.corrections if (one.digest, one.label) not in kept)
    return RolledBack(after.version, tuple(gone))


def _version(manifest: Manifest, in_use: int) -> Version:
    before, after = manifest.scores_before, manifest.scores
    return Version(
        version=manifest.version,
        parent=manifest.parent,
        created=manifest.created,
        corrections=len(manifest.corrections),
        new=tuple(one for one in manifest.corrections if one.version == manifest.version),
        score=None if after is None else after.accuracy,
        score_before=None if before is None else before.accuracy,
        in_use=manifest.version == in_use,
    )
