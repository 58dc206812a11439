"""The versions of a model: listing them, and going back to one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imgclf.model_file.archive import read_manifest
from imgclf.model_file.manifest import Correction
from imgclf.model_file.versions import Version, roll_back, versions
from imgclf.system import console
from imgclf.system.lock import lock


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
    manifest = read_manifest(model)
    in_use, why = manifest.version, manifest.why_the_log_differs()
    if why is not None:
        console.note(why)
    return [Version.of(manifest, in_use) for _, manifest in versions(model)]


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
