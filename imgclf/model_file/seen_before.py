"""Which of some pictures a model was trained on, held out from, or corrected by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgclf.data.found_files import find_files
from imgclf.data.picture_files import Picture, file_digest
from imgclf.errors import DataError
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.trained_on import TrainingData, training_data


@dataclass(frozen=True)
class SeenBefore:
    """How many of some pictures a model knows.

    Attributes:
        training: That it was trained on.
        validation: That were held out meanwhile, and by which its epoch was chosen.
        corrected: That it was corrected by.
    """

    training: int
    validation: int
    corrected: int


def seen_before(manifest: Manifest, pictures: Sequence[Picture]) -> SeenBefore | None:
    """Compares pictures with those of the data set that a model was trained on, by their bytes.

    Where no file of the data set is as large as one of these, none is read; where none is equal,
    only those are read that are as large.

    Args:
        manifest: The model's.
        pictures: To be judged.

    Returns:
        None if the data set is not there or can't be read, so that it can't be told.
    """
    data = training_data(manifest)
    digests = [picture.digest for picture in pictures]
    learned = {correction.digest for correction in manifest.corrections}
    corrected = sum(digest in learned for digest in digests)
    if data is None or not data.directory.is_dir():
        return None
    try:
        if not _shares_one(data, pictures):
            return SeenBefore(0, 0, corrected)
        found = data.read("these pictures").folder
    except DataError:
        return None
    training, validation = (
        {picture.digest for picture in part} for part in (found.training, found.validation)
    )
    return SeenBefore(
        sum(digest in training for digest in digests),
        sum(digest in validation - training for digest in digests),
        corrected,
    )


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
