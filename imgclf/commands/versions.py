"""The versions of a model: listing them, and going back to one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.model_file.same_pictures import Listed, SamePictures, on_the_same_pictures
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
    """All versions, oldest first, scored on the same pictures as far as that can be done.

    These are pictures that none of them was trained on or corrected by. A version of which it
    isn't known how it does on them has the score that was measured when it was made.

    Raises:
        ModelFileError: The model in use can't be read.
    """
    manifest = read_manifest(model)
    in_use, why = manifest.version, manifest.why_the_log_differs()
    if why is not None:
        console.note(why)
    listed = [_listed(path, manifest) for path, manifest in versions(model)]
    same = on_the_same_pictures(listed, in_use)
    return [_scored(Version.of(one.manifest, in_use), same) for one in listed]


def _listed(path: Path, manifest: Manifest) -> Listed:
    try:
        return Listed.read(path, manifest)
    except ModelFileError as error:  # the others are listed all the same
        console.warning(error.message)
        return Listed(manifest, None, None)


def _scored(version: Version, same: SamePictures) -> Version:
    score = same.accuracy.get(version.version)
    if score is None:
        return version
    return msgspec.structs.replace(
        version,
        score=score,
        score_before=None if version.parent is None else same.accuracy.get(version.parent),
        pictures=same.pictures,
        same_pictures=True,
    )


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
