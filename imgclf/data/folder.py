"""Folders of class folders, and their division into training, validation and test pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from imgclf.data.division import may_fill_every_class, refuse_shared, require_every_class, split
from imgclf.data.layout import LAYOUT, find_class_names, missing, ready_made_parts
from imgclf.data.picture_files import Picture, Skipped, find_pictures, read_pictures
from imgclf.data.rules import RULES
from imgclf.errors import DataError


@dataclass(frozen=True)
class PictureFolder:
    """A data set: class names in output order, and the pictures of each part."""

    directory: Path
    class_names: tuple[str, ...]
    training: tuple[Picture, ...]
    validation: tuple[Picture, ...]
    test: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a picture is added, removed, edited, renamed or given another label.

        It does not change when the whole folder moves.
        """
        digest = hashlib.sha256(repr(self.class_names).encode())
        for part in (self.training, self.validation):
            for picture in part:
                relative = picture.path.relative_to(self.directory).as_posix()
                digest.update(repr((relative, picture.label, picture.digest)).encode())
            digest.update(b"|")
        return digest.hexdigest()

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


@dataclass(frozen=True)
class FoundFiles:
    """The files of a data set that may be pictures, before one of them is read.

    Attributes:
        directory: The data set.
        class_names: In output order.
        parts: By part (training, and validation and test if it comes divided): the files with
            their labels.
        skipped: Files that take no part.
    """

    directory: Path
    class_names: tuple[str, ...]
    parts: Mapping[str, Sequence[tuple[Path, int]]]
    skipped: tuple[Skipped, ...]

    @property
    def count(self) -> int:
        """How many files there are."""
        return sum(map(len, self.parts.values()))


def find_files(directory: Path, rules: int = RULES) -> FoundFiles:
    """Finds the pictures of a data set.

    Either `directory` holds one folder per class; or it holds `train` and perhaps `validation`
    (or `val`) and `test`, each with one folder per class. Pictures may lie deeper inside a class
    folder.

    Args:
        directory: The data set.
        rules: By which; see `data.rules`.

    Raises:
        DataError: Nothing there, or fewer than two classes.
    """
    if not directory.is_dir():
        raise DataError(f"data.directory: {missing(directory)}", LAYOUT)
    parts = ready_made_parts(directory) or {"training": directory}
    class_names = find_class_names(parts["training"])
    skipped: list[Skipped] = []
    found = {
        part: find_pictures(folder, class_names, skipped, rules) for part, folder in parts.items()
    }
    return FoundFiles(directory, class_names, found, tuple(skipped))


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
    read = {
        part: read_pictures(files, skipped, longest_step=longest_step)
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
        found.directory, names, tuple(training), tuple(validation), tuple(test), tuple(skipped)
    )


def scan(directory: Path, validation_split: float, seed: int) -> PictureFolder:
    """Finds the pictures of a data set and divides them; see `find_files` and `divide`."""
    return divide(find_files(directory), validation_split, seed)


def scan_labelled(
    directory: Path, class_names: Sequence[str]
) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    """The pictures of a folder of class folders, to judge a model by, and the files left out.

    Args:
        directory: One folder for each class; some may be missing.
        class_names: The model's, in output order.

    Raises:
        DataError: No picture there, or a folder that is none of the model's classes.
    """
    if not directory.is_dir():
        raise DataError(missing(directory), "name a folder with one folder per class in it")
    skipped: list[Skipped] = []
    pictures = tuple(read_pictures(find_pictures(directory, tuple(class_names), skipped), skipped))
    if not pictures:
        raise DataError(
            f"{directory} has no pictures in folders called {', '.join(class_names)}", None
        )
    return pictures, tuple(skipped)
