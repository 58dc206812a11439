"""Folders of class folders, and their division into training, validation and test pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.division import may_fill_every_class, refuse_shared, require_every_class, split
from imgclf.data.found_files import FoundFiles, find_files
from imgclf.data.picture_files import Picture, Skipped, read_pictures
from imgclf.data.several_labels import read_several_labels
from imgclf.spelling import composed


@dataclass(frozen=True)
class PictureFolder:
    """A data set: its class folders' names in output order, and the pictures of each part.

    Attributes:
        folder_names: As they are stored.
        notes: What was taken for what, in sentences.
        arrangement: What the config says of it.
    """

    directory: Path
    folder_names: tuple[str, ...]
    training: tuple[Picture, ...]
    validation: tuple[Picture, ...]
    test: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    arrangement: Arrangement = AS_FOUND

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """In output order, composed."""
        return tuple(map(composed, self.folder_names))

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a picture is added, removed, edited, renamed or given another label.

        It does not change when the whole folder moves.
        """
        digest = hashlib.sha256(repr(self.folder_names).encode())
        for part in (self.training, self.validation):
            for picture in part:
                relative = self.relative(picture.path)
                labels = picture.label if picture.several is None else picture.several
                digest.update(repr((relative, labels, picture.digest)).encode())
            digest.update(b"|")
        return digest.hexdigest()

    @property
    def in_words(self) -> str:
        """How many classes and pictures there are."""
        names = self.class_names
        first = f"{', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        return (
            f"{len(names)} classes ({first}): {len(self.training)} pictures to train on, "
            f"{len(self.validation)} to validate on"
            + (f", {len(self.test)} to test on" if self.test else "")
            + self._labels_in_words
        )

    @property
    def _labels_in_words(self) -> str:
        if not self.arrangement.multi_label:
            return ""
        counts = [len(one.labels) for one in (*self.training, *self.validation, *self.test)]
        return f"; {sum(counts) / len(counts):.2f} labels a picture"

    def relative(self, path: Path) -> str:
        """A picture's path from the data set's folder; a table may name some that lie elsewhere."""
        if path.is_relative_to(self.directory):
            return path.relative_to(self.directory).as_posix()
        return Path(os.path.relpath(path, self.directory)).as_posix()

    def without(self, failures: Iterable[Skipped]) -> PictureFolder:
        """The same data set less the pictures that turned out to be unreadable.

        Raises:
            DataError: A class lost so many that it can't be trained or judged any more.
        """
        failed = {failure.path: failure for failure in failures}
        if not failed:
            return self

        def readable(part: tuple[Picture, ...]) -> tuple[Picture, ...]:
            return tuple(picture for picture in part if picture.path not in failed)

        left = replace(
            self,
            training=readable(self.training),
            validation=readable(self.validation),
            test=readable(self.test),
            skipped=(*self.skipped, *failed.values()),
        )
        require_every_class(left.directory, left.class_names, left.training, left.validation)
        return left


def divide(
    found: FoundFiles, validation_split: float, seed: int, *, longest_step: bool = False
) -> PictureFolder:
    """Reads the files of a data set and divides them, unless they come divided.

    The split is a function of the seed and of each file's content: equal files fall in the
    same part, and adding pictures moves few of the others.

    Args:
        found: The files.
        validation_split: Share of each class's pictures, between 0 and 1.
        seed: Another seed gives another split.
        longest_step: Whether nothing longer is to come, such as decoding them.

    Raises:
        DataError: Too few pictures of a class.
    """
    skipped, names = list(found.skipped), found.class_names
    longest_step = longest_step and may_fill_every_class(found.parts, len(names), validation_split)
    reading = read_several_labels if found.arrangement.multi_label else read_pictures
    read = {
        part: reading(files, skipped, longest_step=longest_step)
        for part, files in found.parts.items()
    }
    training, test = read["training"], read.get("test", [])
    if "validation" in read:
        validation = read["validation"]
        refuse_shared(training, validation)
    else:
        training, validation = split(training, len(names), validation_split, seed)
    require_every_class(found.directory, names, training, validation)
    return PictureFolder(
        found.directory,
        found.folder_names,
        tuple(training),
        tuple(validation),
        tuple(test),
        tuple(skipped),
        found.notes,
        found.arrangement,
    )


def scan(
    directory: Path, validation_split: float, seed: int, arrangement: Arrangement = AS_FOUND
) -> PictureFolder:
    """Finds the pictures of a data set and divides them; see `find_files` and `divide`."""
    return divide(find_files(directory, arrangement), validation_split, seed)
