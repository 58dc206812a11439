"""A data set ready for use: its pictures found, divided and decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import Keep
from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.cache import Decoded, decode_all, probably_decoded
from imgclf.data.decoder import DecoderSettings, Pixels
from imgclf.data.division import keep_together, small_beside_classes
from imgclf.data.first_rules import find_by_first_rules
from imgclf.data.folder import PictureFolder, divide
from imgclf.data.found_files import FoundFiles, find_files
from imgclf.data.groups import Grouping, Groups, find_groups
from imgclf.data.joined_pixels import Joined
from imgclf.data.kept_groups import keep_groups
from imgclf.data.labelled import Wanted, scan_labelled
from imgclf.data.near_copies import near_copies
from imgclf.data.on_demand import OnDemand
from imgclf.data.part_names import PartName
from imgclf.data.picture_files import NO_LABEL, Picture, Skipped
from imgclf.data.several_labels import as_rows
from imgclf.errors import DataError
from imgclf.spelling import composed

if TYPE_CHECKING:
    from imgclf.config.schema import DataConfig


@dataclass(frozen=True)
class Part:
    """The training, validation or test pictures of a data set.

    Attributes:
        pictures: Paths, labels and digests.
        pixels: uint8, shape (rows, height, width, 3), of other parts as well. See `decode_all`.
        rows: Where each of `pictures` stands in `pixels`, shape (pictures,).
        labels: Class indices, shape (pictures,); 0 or 1 for each class, shape (pictures, classes),
            where pictures may have several labels.
    """

    pictures: tuple[Picture, ...]
    pixels: Pixels | OnDemand | Joined
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def first_labels(self) -> NDArray[np.int64]:
        """One class index for each picture, shape (pictures,); `NO_LABEL` for those without."""
        if self.labels.ndim == 1:
            return self.labels
        return np.where(self.labels.any(axis=1), self.labels.argmax(axis=1), NO_LABEL)

    def batches(self, batch_size: int = 32) -> Iterator[Pixels]:
        """The pixels in the order of `pictures`, a copy of a few at a time."""
        for start in range(0, len(self.rows), batch_size):
            yield self.pixels[self.rows[start : start + batch_size]]

    def at(self, positions: NDArray[np.int64]) -> Part:
        """Some of the pictures, in the order of `positions`."""
        pictures = tuple(self.pictures[position] for position in positions.tolist())
        return Part(pictures, self.pixels, self.rows[positions], self.labels[positions])


def joined(one: Part, other: Part) -> Part:
    """The pictures of two parts of a data set."""
    return Part(
        (*one.pictures, *other.pictures),
        one.pixels,
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.labels, other.labels]),
    )


@dataclass(frozen=True)
class DataSet:
    """A data set whose every picture has been decoded.

    Attributes:
        folder: As it lies there.
        settings: How.
        near_copies: Groups of pictures of any part that look alike and aren't equal files.
        highest: The highest value of all pictures of 16 bits; 0 if there are none.
        otherwise: What would be seen of it now, if it was read by the first rules, as a training
            began with it.
        is_split: Whether its split says what is held out, and not folders or a table.
        looks: Of all pictures by their rows, uint8, shape (rows, SIDE, SIDE, 3); None once they
            have been looked at.
        given: What the labels that people gave add up to; empty if there are none. See `take_in`.
        groups: Those that the config declares; None if it declares none.
    """

    folder: PictureFolder
    training: Part
    validation: Part
    test: Part
    settings: DecoderSettings
    near_copies: tuple[tuple[Picture, ...], ...] = ()
    highest: int = 0
    otherwise: str | None = None
    is_split: bool = False
    looks: NDArray[np.uint8] | None = None
    given: str = ""
    groups: Groups | None = None

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        """Training, validation and test pictures."""
        return self.training, self.validation, self.test

    @property
    def fingerprint(self) -> str:
        """Changes when that of the folder does, or what people said of its pictures and others."""
        of_folder = self.folder.fingerprint
        return f"{of_folder}{WITH_LABELS}{self.given}" if self.given else of_folder

    def without_looks(self) -> DataSet:
        """The same, for who needs the room."""
        return replace(self, looks=None)


WITH_LABELS: Final = "+"
"""Stands in a fingerprint between that of the folder and that of what people said."""


def of_folder(fingerprint: str) -> str:
    """What of a data set's fingerprint is that of its folder."""
    return fingerprint.partition(WITH_LABELS)[0]


@dataclass(frozen=True)
class Labelled:
    """Pictures that a model is judged by, or that are replayed to it.

    Attributes:
        part: The pictures; labels are positions in the model's classes.
        name: What they are called where they lie; None if they are not called a part.
        divided: Whether it is one of several parts there.
        skipped: Files that take no part.
    """

    part: Part
    name: PartName | None
    divided: bool
    skipped: tuple[Skipped, ...]


def read_dataset(
    directory: Path,
    validation_split: float,
    seed: int,
    settings: DecoderSettings,
    keep: Keep,
    arrangement: Arrangement = AS_FOUND,
    *,
    known: str | None = None,
) -> DataSet:
    """Finds, divides and decodes a data set; pictures that can't be read are left out.

    Args:
        directory: Class folders, or the folders of parts with those.
        validation_split: Share of each class's pictures to hold out, between 0 and 1, unless the
            data set comes divided.
        seed: Of their choice.
        settings: How pictures are decoded.
        keep: What comes of the pixels; see `decode_all`.
        arrangement: What the config says of its classes, parts and table.
        known: The fingerprint of a training that is gone on with, say. If the data set hasn't got
            it as it is read now and has it by the first rules, it is read by these.

    Raises:
        DataError: There is no such folder, or a class has too few readable pictures in a part.
        WriteError: The decoded pictures can't be kept.
    """

    def read(found: FoundFiles, *, together: bool) -> DataSet:
        # Else there is decoding to come, which takes longer.
        is_decoded = probably_decoded(found.count, settings)
        folder = divide(found, validation_split, seed, longest_step=is_decoded)
        pictures = (*folder.training, *folder.validation, *folder.test)
        decoded = decode_all(pictures, settings, keep=keep)
        folder = folder.without(decoded.failures)
        readable = (*folder.training, *folder.validation, *folder.test)
        rows = {picture.path: row for row, picture in enumerate(pictures)}
        alike = _near_copies(readable, decoded, rows)
        is_split = together and "validation" not in found.parts
        groups = None
        if arrangement.grouping is not None:
            groups = _groups(arrangement.grouping, found, readable, alike)
            folder = keep_groups(folder, groups, validation_split, seed, is_split=is_split)
        elif is_split:
            folder = _kept_together(folder, alike, validation_split, seed)
        several = len(folder.class_names) if arrangement.multi_label else None
        training, validation, test = (
            _part(part, decoded, rows, several)
            for part in (folder.training, folder.validation, folder.test)
        )
        highest = int(decoded.looks["highest"].max(initial=0))
        return DataSet(
            folder,
            training,
            validation,
            test,
            settings,
            alike,
            highest,
            is_split=is_split,
            looks=decoded.looks["pixels"],
            groups=groups,
        )

    def read_as_known() -> DataSet | None:
        if known is None or arrangement.is_new:
            return None
        try:
            data = read(find_by_first_rules(directory), together=False)
        except DataError:
            return None
        return data if data.folder.fingerprint == known else None

    try:
        data = read(find_files(directory, arrangement), together=True)
    except DataError as error:
        before = read_as_known()
        if before is None:
            raise
        return replace(before, otherwise=f"none: {error.message}")
    if known is None or data.folder.fingerprint == known:
        return data
    before = read_as_known()
    return data if before is None else replace(before, otherwise=data.folder.in_words)


def read_config_dataset(config: DataConfig, known: str | None = None) -> DataSet:
    """The data set that a config names.

    Args:
        config: Its section `data`.
        known: See `read_dataset`.

    Raises:
        DataError: There is no such folder, or a class has too few readable pictures in a part.
        WriteError: The decoded pictures can't be kept.
    """
    height, width = config.image_size
    return read_dataset(
        Path(config.directory),
        config.validation_split,
        config.seed,
        DecoderSettings(height, width, config.resize, config.bit_depth),
        config.cache,
        Arrangement.of(config),
        known=known,
    )


def read_labelled(
    place: Path,
    class_names: Sequence[str],
    settings: DecoderSettings,
    wanted: Wanted = "all",
    *,
    multi_label: bool = False,
) -> Labelled:
    """Pictures with labels for a model that is there already.

    Args:
        place: Whatever can be trained on: class folders, some of which may be missing; the folders
            of parts; or a table.
        class_names: The model's, in output order.
        settings: How pictures are decoded.
        wanted: Which parts, if it comes divided.
        multi_label: Whether a picture may have several labels.

    Raises:
        DataError: A folder is none of the classes, or no picture can be read.
        WriteError: The decoded pictures can't be kept.
    """
    pictures, found = scan_labelled(place, class_names, wanted, multi_label=multi_label)
    decoded = decode_all(pictures, settings)
    failed = {failure.path for failure in decoded.failures}
    readable = tuple(picture for picture in pictures if picture.path not in failed)
    if not readable:
        raise DataError(f"none of the {len(pictures)} pictures in {place} can be read")
    left_out = (*found.skipped, *decoded.failures)
    _refuse_lost_class(place, class_names, readable, left_out)
    rows = {picture.path: row for row, picture in enumerate(pictures)}
    part = _part(readable, decoded, rows, len(class_names) if multi_label else None)
    return Labelled(part, found.part, found.divided, left_out)


def _refuse_lost_class(
    place: Path,
    class_names: Sequence[str],
    readable: Sequence[Picture],
    left_out: Sequence[Skipped],
) -> None:
    """A score over the other classes would pass for one over all of them."""
    seen = {label for picture in readable for label in picture.labels}
    for label, name in enumerate(class_names):
        lost = [
            one
            for one in left_out
            if one.why == "unreadable" and f"/{name}/" in f"{composed(one.path.as_posix())}/"
        ]
        if label not in seen and lost:
            raise DataError(
                f"{place}: no picture of {name} can be read ({lost[0].path}: {lost[0].reason})",
                "a score over the other classes would not be one of the model; "
                f"remove the folder {name} to have it all the same",
            )


def _near_copies(
    pictures: Sequence[Picture], decoded: Decoded, rows: Mapping[Path, int]
) -> tuple[tuple[Picture, ...], ...]:
    """Groups of pictures that look alike; equal files are one of them, with all their paths."""
    by_digest: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_digest.setdefault(picture.digest, []).append(picture)
    different = list(by_digest.values())
    looks = decoded.looks["pixels"][[rows[equal[0].path] for equal in different]]
    return tuple(
        tuple(picture for place in group for picture in different[place])
        for group in near_copies(looks)
    )


def _groups(
    grouping: Grouping,
    found: FoundFiles,
    pictures: Sequence[Picture],
    alike: Sequence[Sequence[Picture]],
) -> Groups:
    """Those declared; near copies stay together besides, as they do where none are."""
    kept = alike if grouping.near_copies else small_beside_classes(alike, pictures)
    return find_groups(grouping, pictures, found.groups, kept)


def _kept_together(
    folder: PictureFolder, alike: Sequence[Sequence[Picture]], validation_split: float, seed: int
) -> PictureFolder:
    count, before = len(folder.class_names), (folder.training, folder.validation)
    training, validation = keep_together(*before, alike, count, validation_split, seed)
    return replace(folder, training=tuple(training), validation=tuple(validation))


def _part(
    chosen: tuple[Picture, ...],
    decoded: Decoded,
    rows: Mapping[Path, int],
    several: int | None = None,
) -> Part:
    """Those that were chosen; `several` is how many classes there are, if they may have more."""
    one_each = (picture.label for picture in chosen)
    return Part(
        chosen,
        decoded.pixels,
        rows=np.array([rows[picture.path] for picture in chosen], np.int64),
        labels=np.fromiter(one_each, np.int64) if several is None else as_rows(chosen, several),
    )
