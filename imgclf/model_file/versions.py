"""The versions of a model: the one in use, and the earlier ones in `NAME.history/versions/`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from imgclf.errors import ModelFileError, UsageError
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.system.files import atomic_path, sync_folder


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
        )


def history_directory(model: Path) -> Path:
    """Where earlier versions, the journal and the replay memory of a model lie."""
    return model.with_suffix(".history")


def keep_version(model: Path) -> None:
    """Keeps the version in use among the earlier ones; nothing if there is no model yet.

    It must be called before the model is replaced. The kept file is a hard link, so it costs
    neither time nor space, and stays as it is because models are replaced and never edited.

    Raises:
        ModelFileError: The model in use can't be read. It is moved aside by hand, not by us.
    """
    if not model.exists():
        return
    target = _kept(model, read_manifest(model).version)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(model, target)
    except OSError:  # a file system without hard links
        with atomic_path(target) as temporary:
            shutil.copyfile(model, temporary)
    sync_folder(target.parent)


def next_version(model: Path) -> int:
    """The number that the next version gets: one more than any there has been."""
    kept = [number for number, _ in _kept_files(model)]
    current = [read_manifest(model).version] if model.exists() else []
    return max([*kept, *current], default=0) + 1


def versions(model: Path) -> list[tuple[Path, Manifest]]:
    """All versions with their manifests, oldest first; the one in use is among them.

    Raises:
        ModelFileError: The model in use can't be read; a damaged earlier one is left out.
    """
    current = read_manifest(model)
    found = [(model, current)]
    for number, path in _kept_files(model):
        if number != current.version:
            try:
                found.append((path, read_manifest(path)))
            except ModelFileError:
                continue
    return sorted(found, key=lambda item: item[1].version)


def roll_back(model: Path, version: int | None) -> Manifest:
    """Puts an earlier version back in use, byte for byte; the present one is kept.

    Args:
        model: The model in use.
        version: Which; None for the parent of the one in use.

    Raises:
        UsageError: There is no such version.
        ModelFileError: That version's file is damaged.
    """
    current = read_manifest(model)
    wanted = current.parent if version is None else version
    there = [manifest.version for _, manifest in versions(model)]
    if wanted is None:
        raise UsageError(f"{model} is version {current.version}, which has no parent", _list(there))
    if wanted == current.version:
        raise UsageError(f"{model} is version {wanted} already", _list(there))
    source = _kept(model, wanted)
    if wanted not in there:
        raise UsageError(f"{model} has no version {wanted}", _list(there))
    with ModelArchive(source) as archive:
        restored = archive.manifest()
        archive.verify_weights(restored)
        archive.verify_graphs(restored)
    keep_version(model)
    with atomic_path(model, source.stat().st_size) as temporary:
        shutil.copyfile(source, temporary)
    return restored


def _list(there: list[int]) -> str:
    return f"versions: {', '.join(map(str, there))}; see: imgclf history"


def _kept(model: Path, version: int) -> Path:
    return history_directory(model) / "versions" / f"{version:04d}.keras"


def _kept_files(model: Path) -> Iterator[tuple[int, Path]]:
    for path in sorted((history_directory(model) / "versions").glob("*.keras")):
        if re.fullmatch(r"\d{4,}", path.stem):
            yield int(path.stem), path
