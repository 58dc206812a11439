"""Versions of a model, scored on the same pictures: on others, a score tells of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.held_out import HeldOut, read_held_out
from imgclf.model_file.lookup import IN_PARTS
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import (
    PictureMembers,
    PicturesSeen,
    read_pictures_seen,
    short_digest,
)
from imgclf.model_file.version_parts import PartsFile


@dataclass(frozen=True)
class Listed:
    """A version, and what its file says of pictures.

    Attributes:
        manifest: The version's.
        seen: What it was trained on; None if that isn't known.
        held_out: Which held-out pictures it has right; None if that isn't known.
    """

    manifest: Manifest
    seen: PicturesSeen | None
    held_out: HeldOut | None

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> Listed:
        """From the file of a version.

        Raises:
            ModelFileError: It is damaged.
        """
        if path.suffix == IN_PARTS:
            return cls._of(PartsFile(path), manifest)
        with ModelArchive(path) as archive:
            return cls._of(archive, manifest)

    @classmethod
    def _of(cls, file: PictureMembers, manifest: Manifest) -> Listed:
        return cls(manifest, read_pictures_seen(file, manifest), read_held_out(file, manifest))

    @property
    def knows(self) -> frozenset[bytes]:
        """The pictures that it was trained on or corrected by."""
        corrected = frozenset(short_digest(one.digest) for one in self.manifest.corrections)
        return corrected if self.seen is None else corrected | self.seen.training


@dataclass(frozen=True)
class SamePictures:
    """What some versions score on pictures that none of them was trained on or corrected by.

    Attributes:
        accuracy: Between 0 and 1, by number of the version.
        pictures: How many there are.
    """

    accuracy: dict[int, float]
    pictures: int


def on_the_same_pictures(listed: Sequence[Listed], in_use: int) -> SamePictures:
    """Compares the version in use with as many others as may be.

    Another version is left out if it would take away more than half of the pictures that the one
    in use can be judged by: it was trained on another data set, or judged by another.

    Args:
        listed: The versions.
        in_use: The number of the one in use.
    """
    # The one in use first, then the newest.
    order = sorted(
        (one for one in listed if one.held_out is not None),
        key=lambda one: (one.manifest.version != in_use, -one.manifest.version),
    )
    common: dict[bytes, str] = {}
    chosen: list[Listed] = []
    enough = 0.0
    for one in order:
        left = _left(common, one) if chosen else _evidence(one)
        if left and len(left) >= enough:
            enough = enough or len(left) / 2
            common = left
            chosen.append(one)
    accuracy = {one.manifest.version: _accuracy(one, common) for one in chosen}
    return SamePictures(accuracy, len(common))


def _evidence(one: Listed) -> dict[bytes, str]:
    """The labels of the pictures that say something of a version."""
    assert one.held_out is not None
    knows = one.knows
    pictures = one.held_out.pictures.items()
    return {digest: judged.label for digest, judged in pictures if digest not in knows}


def _left(common: dict[bytes, str], one: Listed) -> dict[bytes, str]:
    """What of these says something of another version too; under another label it doesn't."""
    other = _evidence(one)
    return {digest: label for digest, label in common.items() if other.get(digest) == label}


def _accuracy(one: Listed, common: dict[bytes, str]) -> float:
    assert one.held_out is not None
    pictures = one.held_out.pictures
    return sum(pictures[digest].now for digest in common) / len(common)
