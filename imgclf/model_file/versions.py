"""The versions of a model: the one in use, and the earlier ones in `NAME.history/versions/`.

An earlier version is there as the file that it was, `0001.keras`, or, if it has most of its bytes
in common with one of those, as `0002.parts`; see `imgclf.model_file.version_parts`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from imgclf.errors import ModelFileError, UsageError
from imgclf.model.intervals import Interval
from imgclf.model_file.archive import MANIFEST, ModelArchive, read_manifest
from imgclf.model_file.kept_versions import (
    keep,
    kept_manifest,
    kept_size,
    put_together,
)
from imgclf.model_file.known_files import is_known, is_made_here, remember
from imgclf.model_file.lookup import kept_files, versions_directory
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.system.files import atomic_path


class Version(msgspec.Struct, frozen=True):
    """One version of a model.

    Attributes:
        parent: The version that it was made from by corrections; None if it was trained.
        created: When.
        corrections: How many are in force in it.
        new: Those that it has and its parent didn't.
        score: Accuracy on held-out pictures, between 0 and 1; None if it wasn't measured.
        score_before: That of its parent on the same pictures.
        pictures: How many there are of these.
        same_pictures: Whether these are the ones that the other versions are scored on too.
        score_interval: Between which the score lies with 95 % confidence.
    """

    version: int
    parent: int | None
    created: str
    corrections: int
    new: tuple[Correction, ...]
    score: float | None
    score_before: float | None
    in_use: bool
    pictures: int | None = None
    same_pictures: bool = False
    score_interval: Interval | None = None

    @classmethod
    def of(cls, manifest: Manifest, in_use: int) -> Version:
        """What a manifest says of its version.

        Args:
            manifest: The version's.
            in_use: The number of the version in use.
        """
        before, after = manifest.scores_before, manifest.scores
        return cls(
            version=manifest.version,
            parent=manifest.parent,
            created=manifest.created,
            corrections=len(manifest.corrections),
            new=tuple(one for one in manifest.corrections if one.version == manifest.version),
            score=None if after is None else after.accuracy,
            score_before=None if before is None else before.accuracy,
            in_use=manifest.version == in_use,
            pictures=None if after is None else after.pictures,
            score_interval=None if after is None else after.accuracy_interval,
        )


def keep_version(model: Path) -> None:
    """Keeps the version in use among the earlier ones; nothing if there is no model yet.

    It must be called before the model is replaced.

    Raises:
        ModelFileError: The model in use can't be read. It is moved aside by hand, not by us.
        WriteError: There is no room for it.
    """
    if model.exists():
        keep(model, versions_directory(model), read_manifest(model))


def next_version(model: Path) -> int:
    """The number that the next version gets: one more than any there has been."""
    current = [read_manifest(model).version] if model.exists() else []
    return max([*kept_files(versions_directory(model)), *current], default=0) + 1


def versions(model: Path) -> list[Manifest]:
    """What all versions say of themselves, oldest first; the one in use is among them.

    Raises:
        ModelFileError: The model in use can't be read; a damaged earlier one is left out.
    """
    current = read_manifest(model)
    found = [current]
    for number, path in kept_files(versions_directory(model)).items():
        if number != current.version:
            with suppress(ModelFileError):
                found.append(kept_manifest(path))
    return sorted(found, key=lambda one: one.version)


def version_file(model: Path, version: int) -> Path:
    """The file of an earlier version that is there, as `versions` says."""
    return kept_files(versions_directory(model))[version]


def roll_back(model: Path, version: int | None) -> Manifest:
    """Puts an earlier version back in use, byte for byte; the present one is kept.

    Args:
        model: The model in use.
        version: Which; None for the one before it.

    Raises:
        UsageError: There is no such version.
        ModelFileError: That version's file is damaged.
        WriteError: There is no room for it.
    """
    current = read_manifest(model)
    there = versions(model)
    numbers = [one.version for one in there]
    wanted = version_before(current, numbers) if version is None else version
    if wanted is None:
        raise UsageError(
            f"{model} is version {current.version}, and there is none before it", _list(numbers)
        )
    if wanted == current.version:
        raise UsageError(f"{model} is version {wanted} already", _list(numbers))
    if wanted not in numbers:
        raise UsageError(f"{model} has no version {wanted}", _list(numbers))
    kept = kept_files(versions_directory(model))[wanted]
    with atomic_path(model, kept_size(kept)) as temporary:
        restored = _put_together(kept, temporary)
        keep_version(model)
    is_known(model, "graph")  # by its hash, if it is; so the next command needn't read all of it
    return restored


def version_before(current: Manifest, there: Sequence[int]) -> int | None:
    """The version that was in use before another one was made; None if it was the first.

    Args:
        current: That other one.
        there: The versions that are still there. If the one before isn't among them, it is the
            newest of those that are older.
    """
    before = current.replaced if current.parent is None else current.parent
    if before in there:
        return before
    return max((number for number in there if number < current.version), default=None)


def _list(there: list[int]) -> str:
    return f"versions: {', '.join(map(str, there))}; see: imgclf history"


def write_again(model: Path, version: int, manifest: Manifest) -> None:
    """Puts an earlier version in use with another manifest, under which it is a new one.

    Args:
        model: The model in use, which is kept already.
        version: The earlier one.
        manifest: What the new one says of itself, with the earlier one's checksums.

    Raises:
        ModelFileError: The earlier one is damaged.
        WriteError: There is no room for it.
    """
    kept = kept_files(versions_directory(model))[version]
    with atomic_path(model, kept_size(kept)) as temporary:
        _put_together(kept, temporary)
        made_here = is_made_here(temporary)
        with ModelArchive(temporary) as archive:
            members = {name: archive.read(name) for name in archive.members()}
        members[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest))
        with zipfile.ZipFile(temporary, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
    if made_here:
        remember(model)


def _put_together(kept: Path, temporary: Path) -> Manifest:
    """Writes a kept version, and looks whether it is what was kept."""
    put_together(kept, temporary)
    with ModelArchive(temporary) as archive:
        archive.path = kept  # which errors are to name
        manifest = archive.manifest()
        archive.verify_weights(manifest)
        archive.verify_graphs(manifest)
    return manifest
