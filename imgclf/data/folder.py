"""Folders of class folders, and their division into training, validation and test pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imgclf.data.file_walk import not_a_picture, walk_files
from imgclf.data.layout import (
    LAYOUT,
    find_class_names,
    missing,
    ready_made_parts,
    visible_folders,
)
from imgclf.errors import DataError, nearest_match
from imgclf.system.threads import work_through


@dataclass(frozen=True)
class Picture:
    """A labelled picture file.

    Attributes:
        path: Where it lies.
        label: Index into the class names.
        digest: SHA-256 of the file's bytes; equal files are one picture.
    """

    path: Path
    label: int
    digest: str


@dataclass(frozen=True)
class Skipped:
    """A file that takes no part, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ImageFolder:
    """A data set: class names in output order, and the pictures of each part."""

    directory: Path
    class_names: tuple[str, ...]
    training: tuple[Picture, ...]
    validation: tuple[Picture, ...]
    test: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]

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

    def without(self, failures: Iterable[Skipped]) -> ImageFolder:
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
        _require_every_class(left)
        return left


def scan(
    directory: Path,
    validation_split: float,
    seed: int,
    meanwhile: Callable[[int], None] | None = None,
) -> ImageFolder:
    """Finds the pictures of a data set and divides them.

    Either `directory` holds one folder per class, and a share of each class is set aside for
    validation; or it holds `train` and perhaps `validation` (or `val`) and `test`, each with
    one folder per class. Pictures may lie deeper inside a class folder.

    The split is a function of the seed and of each file's content: equal files fall in the
    same part, and adding pictures moves few of the others.

    Args:
        directory: The data set.
        validation_split: Share of each class's pictures, between 0 and 1.
        seed: Another seed gives another split.
        meanwhile: Called with the number of files while a thread reads them, unless they are too
            few.

    Raises:
        DataError: Nothing there, fewer than two classes, or too few pictures in one.
    """
    if not directory.is_dir():
        raise DataError(f"data.directory: {missing(directory)}", LAYOUT)
    parts = ready_made_parts(directory) or {"training": directory}
    class_names = find_class_names(parts["training"])
    skipped: list[Skipped] = []
    found = {part: _find(folder, class_names, skipped) for part, folder in parts.items()}
    beside = None
    if meanwhile is not None and _may_fill_every_class(found, len(class_names), validation_split):
        beside = partial(meanwhile, sum(map(len, found.values())))
    read = {part: _read(files, skipped, beside) for part, files in found.items()}
    training, test = read["training"], read.get("test", [])
    if "validation" in read:
        validation = read["validation"]
        _refuse_shared(training, validation)
    else:
        training, validation = split(training, len(class_names), validation_split, seed)
    folder = ImageFolder(
        directory, class_names, tuple(training), tuple(validation), tuple(test), tuple(skipped)
    )
    _require_every_class(folder)
    return folder


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
    pictures = tuple(_read(_find(directory, tuple(class_names), skipped), skipped))
    if not pictures:
        raise DataError(
            f"{directory} has no pictures in folders called {', '.join(class_names)}", None
        )
    return pictures, tuple(skipped)


def split(
    pictures: Sequence[Picture], num_classes: int, validation_split: float, seed: int
) -> tuple[list[Picture], list[Picture]]:
    """Divides pictures into training and validation, class by class, equal files together."""
    validation_digests: set[str] = set()
    for label in range(num_classes):
        digests = {picture.digest for picture in pictures if picture.label == label}
        ranked = sorted(digests, key=lambda digest: _draw(seed, digest))
        validation_digests.update(ranked[: round(len(ranked) * validation_split)])
    # A file that lies in two classes may be drawn for one only; both copies must follow it.
    training = [picture for picture in pictures if picture.digest not in validation_digests]
    validation = [picture for picture in pictures if picture.digest in validation_digests]
    return training, validation


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _find(
    directory: Path, class_names: tuple[str, ...], skipped: list[Skipped]
) -> list[tuple[Path, int]]:
    """The files that may be pictures, with their labels."""
    for path in visible_folders(directory):
        if path.name not in class_names:
            near = nearest_match(path.name, class_names)
            raise DataError(
                f"{path} is none of the classes: {', '.join(class_names)}"
                + (f"; did you mean {near}?" if near else "")
            )
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(class_names):
        for path in walk_files(directory / name):  # nothing if there is no such folder
            try:
                reason = not_a_picture(path) or ("" if path.stat().st_size else "empty file")
                if reason:
                    skipped.append(Skipped(path, reason))
                else:
                    found.append((path, label))
            except OSError as error:
                skipped.append(_unreadable(path, error))
    skipped.extend(
        Skipped(path, "not in a class folder")
        for path in sorted(directory.iterdir())
        if path.is_file() and not path.name.startswith(".")
    )
    return found


def _read(
    found: Sequence[tuple[Path, int]],
    skipped: list[Skipped],
    meanwhile: Callable[[], None] | None = None,
) -> list[Picture]:
    """The pictures of these files, with what their bytes add up to."""

    def read(file: tuple[Path, int]) -> Picture | Skipped:
        path, label = file
        try:
            return Picture(path, label, file_digest(path))
        except OSError as error:
            return _unreadable(path, error)

    pictures: list[Picture] = []
    # In one thread: several take turns at Python's lock so often that small files take longer.
    reading = work_through(read, found, "reading pictures", meanwhile, threads=1)
    with closing(reading):
        for one in reading:
            if isinstance(one, Picture):
                pictures.append(one)
            else:
                skipped.append(one)
    return pictures


def _unreadable(path: Path, error: OSError) -> Skipped:
    return Skipped(path, error.strerror or "can't be read")


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"{seed}:{digest}".encode()).digest()


def _refuse_shared(training: Sequence[Picture], validation: Sequence[Picture]) -> None:
    """A picture in both parts would make the validation score a lie."""
    known = {picture.digest: picture.path for picture in training}
    shared = [picture for picture in validation if picture.digest in known]
    if shared:
        pairs = "\n".join(f"  {known[p.digest]} = {p.path}" for p in shared[:10])
        raise DataError(
            f"{len(shared)} pictures are in training and in validation:\n{pairs}"
            + ("\n  ..." if len(shared) > 10 else ""),
            "delete one of each pair, so that validation judges on pictures not trained on",
        )


def _may_fill_every_class(
    found: Mapping[str, Sequence[tuple[Path, int]]], num_classes: int, validation_split: float
) -> bool:
    """Whether no class is sure to miss a part, before it is known which files can be read."""
    counts = {part: Counter(label for _, label in files) for part, files in found.items()}
    for label in range(num_classes):
        training = counts["training"][label]
        if "validation" in counts:
            validation = counts["validation"][label]
        else:
            validation = round(training * validation_split)
            training -= validation
        if not training or not validation:
            return False
    return True


def _require_every_class(folder: ImageFolder) -> None:
    """Each class needs a picture to learn from and another to be judged by."""
    parts = (("training", folder.training), ("validation", folder.validation))
    counts = {part: Counter(picture.label for picture in pictures) for part, pictures in parts}
    too_few = [
        f"  {name}: {counts['training'][label]} to train on, {counts['validation'][label]} to "
        "validate on"
        for label, name in enumerate(folder.class_names)
        if not counts["training"][label] or not counts["validation"][label]
    ]
    if too_few:
        raise DataError(
            f"{folder.directory}: too few readable pictures in "
            + ("one class:\n" if len(too_few) == 1 else f"{len(too_few)} classes:\n")
            + "\n".join(too_few),
            "add pictures, remove the class's folder, or raise data.validation_split",
        )
