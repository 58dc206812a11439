"""The versions of a model: listing them, and going back to one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imgclf.corrections.corrected_pictures import kept_file
from imgclf.errors import ModelFileError
from imgclf.model.intervals import wilson
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.model_file.prune import Pruned, prune
from imgclf.model_file.same_pictures import Listed, SamePictures, on_the_same_pictures
from imgclf.model_file.versions import Version, roll_back, version_file, versions
from imgclf.system import console
from imgclf.system.lock import lock


class RolledBack(msgspec.Struct, frozen=True):
    """What a rollback came to.

    Attributes:
        version: The one that is in use now.
        instead_of: The one that was.
        no_longer_in_force: Corrections that the one that was had, and this one doesn't.
        in_force_again: Those that this one has, and the other didn't.
    """

    version: int
    instead_of: int
    no_longer_in_force: tuple[Correction, ...]
    in_force_again: tuple[Correction, ...]


class Row(msgspec.Struct, frozen=True):
    """A correction that is in force.

    Attributes:
        path: The picture that is kept beside the model; where it lay, if it is no longer there.
        label: What somebody said it is.
        digest: SHA-256 of the file that was corrected.
    """

    path: str
    label: str
    digest: str


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
    listed = [_listed(model, one, in_use) for one in versions(model)]
    same = on_the_same_pictures(listed, in_use)
    return [_scored(Version.of(one.manifest, in_use), same) for one in listed]


def _listed(model: Path, manifest: Manifest, in_use: int) -> Listed:
    path = model if manifest.version == in_use else version_file(model, manifest.version)
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
        score_interval=wilson(score * same.pictures, same.pictures),
    )


def corrections_in_force(model: Path) -> list[Row]:
    """What the model in use was corrected by, first to last, as `retrain` takes it.

    Raises:
        ModelFileError: The model in use can't be read.
    """
    return [
        Row(str(kept_file(model, one.digest) or one.path), one.label, one.digest)
        for one in read_manifest(model).corrections
    ]


def rollback(model: Path, version: int | None) -> RolledBack:
    """Puts an earlier version back in use, byte for byte; the present one is kept.

    Args:
        model: The model file.
        version: Which; None for the one that was in use before the present was made: what it was
            corrected from, or what a training replaced. So doing it again goes back further.

    Raises:
        UsageError: There is no such version.
        ModelFileError: The model, or that version, can't be read.
        BusyError: Another process is at work on the model.
    """
    with lock(model):
        before = read_manifest(model)
        after = roll_back(model, version)
    return RolledBack(
        after.version, before.version, _only_in(before, after), _only_in(after, before)
    )


def prune_versions(model: Path, newest: int) -> Pruned:
    """Removes old versions, and whatever no other version needs.

    The newest ones stay, the one in use, and the one that was trained last. Nothing else is
    removed: the journal, the corrected pictures and the memory stay as they are.

    Args:
        model: The model file.
        newest: How many, at least one.

    Raises:
        ModelFileError: The model in use can't be read.
        BusyError: Another process is at work on the model.
        WriteError: There is no room for what is to be moved.
    """
    with lock(model), console.track(f"removing old versions of {model}"):
        return prune(model, newest)


def _only_in(one: Manifest, other: Manifest) -> tuple[Correction, ...]:
    """Corrections that one version has, and another doesn't or not to this label."""
    theirs = {(correction.digest, correction.label) for correction in other.corrections}
    return tuple(mine for mine in one.corrections if (mine.digest, mine.label) not in theirs)
