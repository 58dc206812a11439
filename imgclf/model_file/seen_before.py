"""Which of some pictures a model was trained on or held out from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.found_files import find_files
from imgclf.data.picture_files import Picture, file_digest
from imgclf.errors import DataError
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import PicturesSeen, read_pictures_seen, short_digest
from imgclf.model_file.trained_on import TrainingData, training_data


@dataclass(frozen=True)
class SeenBefore:
    """How many of some pictures a model knows.

    Attributes:
        training: That it was trained on.
        validation: That were held out meanwhile, and by which its epoch was chosen.
    """

    training: int
    validation: int


def seen_before(model: Path, manifest: Manifest, pictures: Sequence[Picture]) -> SeenBefore | None:
    """Compares pictures with those that a model was trained on, by their bytes.

    Where its file doesn't say, those of its data set are looked at: where none is as large as one
    of these, none is read; where none is equal, only those are read that are as large.

    Args:
        model: The model file.
        manifest: Its manifest.
        pictures: To be judged.

    Returns:
        None if the data set is not there or can't be read, so that it can't be told.

    Raises:
        ModelFileError: The file is damaged.
    """
    with ModelArchive(model) as archive:
        seen = read_pictures_seen(archive, manifest)
    if seen is None:
        data = training_data(manifest)
        if data is None or not data.directory.is_dir():
            return None
        try:
            if not _shares_one(data, pictures):
                return SeenBefore(0, 0)
            seen = PicturesSeen.of(data.read("these pictures"))
        except DataError:
            return None
    digests = [short_digest(picture.digest) for picture in pictures]
    return SeenBefore(
        sum(digest in seen.training for digest in digests),
        sum(digest in seen.validation for digest in digests),
    )


def find_pictures_seen(path: Path, manifest: Manifest) -> PicturesSeen | None:
    """What the file says, or else its data set, if that is there and as it was then.

    Args:
        path: The model file.
        manifest: Its manifest.

    Returns:
        None if it can't be told.

    Raises:
        ModelFileError: The file is damaged.
    """
    with ModelArchive(path) as archive:
        seen = read_pictures_seen(archive, manifest)
    data = training_data(manifest)
    if seen is not None or data is None or not data.directory.is_dir():
        return seen
    try:
        found = data.read_unchanged()
    except DataError:
        return None
    return None if found is None else PicturesSeen.of(found)


def _shares_one(data: TrainingData, pictures: Sequence[Picture]) -> bool:
    """Whether a file of the data set is one of the pictures."""
    digests = {picture.digest for picture in pictures}
    sizes = {picture.path.stat().st_size for picture in pictures}
    paths = {picture.path.resolve() for picture in pictures}
    found = find_files(data.directory, data.arrangement)
    for path in (path for files in found.parts.values() for path, _ in files):
        try:
            if path.stat().st_size in sizes and (
                path.resolve() in paths or file_digest(path) in digests
            ):
                return True
        except OSError:
            continue
    return False
