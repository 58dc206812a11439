"""The data set that a model was trained on: found again, read as it was then, matched with it.

Since then it may have moved or changed, and its classes and the model's may have become others:
corrections can teach a model a class that has no folder, and a folder can be added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import ClassesAre, Keep
from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.dataset import DataSet, Part, read_dataset
from imgclf.data.folder import PictureFolder
from imgclf.data.groups import Grouping
from imgclf.errors import DataError, ModelFileError
from imgclf.model_file.manifest import Manifest
from imgclf.system import console


@dataclass(frozen=True)
class TrainingData:
    """A data set as a model knows it.

    Attributes:
        manifest: The model's.
        directory: Where it lies.
        validation_split: The share of each class's pictures that was held out, between 0 and 1.
        seed: Of their choice.
        keep: Where its decoded pictures are kept: "disk", "memory" or "none".
        arrangement: What the config said of its classes, parts and table.
    """

    manifest: Manifest
    directory: Path
    validation_split: float
    seed: int
    keep: Keep
    arrangement: Arrangement = AS_FOUND

    def require(self, hint: str) -> None:
        """Makes sure that it is there.

        Args:
            hint: What to do if not.

        Raises:
            DataError: It is not.
        """
        if not self.directory.is_dir():
            raise DataError(
                f"{self.directory}, which {self.manifest.name} was trained on, is not there", hint
            )

    def read(self, doubtful: str) -> DataSet:
        """Its pictures as the model takes them, divided as when it was trained.

        Where they are others than then, a warning says so: some that are held out now may have
        been trained on.

        Args:
            doubtful: What the warning says that the model may have seen some of.

        Raises:
            DataError: It has too few pictures of a class, or can't be divided as it was.
            WriteError: The decoded pictures can't be kept.
        """
        data = self._read()
        if not self._unchanged(data):
            console.warning(
                f"{self.directory} has changed since {self.manifest.name} was trained: it may "
                f"have seen some of {doubtful}"
            )
        return data

    def read_unchanged(self) -> DataSet | None:
        """As `read`, but None where its pictures are others than then.

        Raises:
            DataError: It has too few pictures of a class, or can't be divided as it was.
            WriteError: The decoded pictures can't be kept.
        """
        data = self._read()
        return data if self._unchanged(data) else None

    def _read(self) -> DataSet:
        then = self.manifest.data
        return read_dataset(
            self.directory,
            self.validation_split,
            self.seed,
            self.manifest.decoder.settings(),
            self.keep,
            self.arrangement,
            known=None if then is None else then.fingerprint,
        )

    def _unchanged(self, data: DataSet) -> bool:
        then = self.manifest.data
        return then is not None and data.folder.fingerprint == then.fingerprint


_Text = Annotated[str, msgspec.Meta(pattern=r"^[^\0]+$")]


class _Parts(msgspec.Struct, omit_defaults=True):
    """As `DataParts`."""

    training: _Text
    validation: _Text | None = None
    test: _Text | None = None


class _Groups(msgspec.Struct):
    """As `Groups`."""

    path: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    column: str | None = None
    near_copies: bool = False


class _Stored(msgspec.Struct):
    """The `data` section of a model's config, as far as it matters; later versions have more."""

    validation_split: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    cache: Keep = "disk"  # models of earlier versions don't say
    classes: ClassesAre = "folders"
    parts: Literal["auto", "none"] | _Parts = "auto"
    groups: _Groups | None = None
    multi_label: bool = False


def training_data(manifest: Manifest) -> TrainingData | None:
    """The data set that a model was trained on; None if it doesn't say, as an adopted one.

    Raises:
        ModelFileError: What it says of it can't be.
    """
    then, config = manifest.data, manifest.config.get("data")
    if then is None or config is None:
        return None
    try:
        stored = msgspec.convert(config, _Stored)
    except msgspec.ValidationError as error:
        raise ModelFileError(
            f"{manifest.name} says of its data set what can't be: {error}",
            "judge it by other pictures: imgclf evaluate FOLDER",
        ) from error
    parts = stored.parts if isinstance(stored.parts, str) else msgspec.to_builtins(stored.parts)
    table = None if then.table is None else Path(then.table)
    groups = stored.groups
    grouping = None if groups is None else Grouping(groups.path, groups.column, groups.near_copies)
    arrangement = Arrangement(stored.classes, parts, table, grouping, stored.multi_label)
    directory = Path(then.directory)
    return TrainingData(
        manifest, directory, stored.validation_split, stored.seed, stored.cache, arrangement
    )


def positions_in_outputs(folder: PictureFolder, manifest: Manifest, hint: str) -> NDArray[np.int64]:
    """Where each of a data set's classes stands among a model's outputs, shape (classes,).

    The folders' order is the alphabet's; the model's is another once it has learned a class more.

    Args:
        folder: The data set.
        manifest: The model's.
        hint: What to do if the model doesn't know a class.

    Raises:
        DataError: It doesn't.
    """
    names = manifest.class_names
    unknown = [name for name in folder.class_names if name not in names]
    if unknown:
        raise DataError(
            f"{folder.directory} has the class {unknown[0]!r} now, which {manifest.name} "
            "doesn't know",
            hint,
        )
    return np.array([names.index(name) for name in folder.class_names], np.int64)


def held_out_pictures(manifest: Manifest) -> Part:
    """The validation part of the data set that a model was trained on, divided as it was then.

    Its labels are in the model's order.

    Raises:
        DataError: It doesn't say what it was trained on, or that isn't there or can't be used.
        WriteError: The decoded pictures can't be kept.
    """
    data = training_data(manifest)
    if data is None:
        raise DataError(
            f"{manifest.name} doesn't say what it was trained on", "imgclf evaluate FOLDER"
        )
    data.require("judge by other pictures: imgclf evaluate FOLDER")
    found = data.read("these pictures")
    hint = "train it anew, or judge by other pictures: imgclf evaluate FOLDER"
    positions = positions_in_outputs(found.folder, manifest, hint)
    labels = found.validation.labels
    if not found.folder.arrangement.multi_label:
        return replace(found.validation, labels=positions[labels])
    in_order = np.zeros((len(labels), len(manifest.class_names)), np.int64)
    in_order[:, positions] = labels
    return replace(found.validation, labels=in_order)
