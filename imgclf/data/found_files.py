"""The files of a data set that may be pictures, before one of them is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.class_folders import (
    LAYOUT,
    find_class_folders,
    listed,
    missing,
    no_class_folders,
)
from imgclf.data.folder_look import Look, look_into, visible_folders
from imgclf.data.groups import Names, named_groups
from imgclf.data.layout import Layout, find_layout
from imgclf.data.leaf_classes import find_leaf_names, find_leaf_pictures
from imgclf.data.odd_names import refuse_odd_names
from imgclf.data.part_names import PartName
from imgclf.data.picture_files import Skipped, find_pictures
from imgclf.data.tabled import find_tabled
from imgclf.errors import DataError
from imgclf.spelling import composed, path_as_spelled


@dataclass(frozen=True)
class FoundFiles:
    """The files of a data set that may be pictures.

    Attributes:
        directory: The data set.
        folder_names: Of the classes, in output order, as they are stored.
        parts: By part (training, and validation and test if it comes divided): the files with
            their labels; of a table that may give several, once for each, or with `NO_LABEL`.
        skipped: Files and folders that take no part.
        notes: What was taken for what, in sentences.
        arrangement: What the config says of it.
        groups: What the groups of a picture are called, of those that have one.
    """

    directory: Path
    folder_names: tuple[str, ...]
    parts: Mapping[PartName, Sequence[tuple[Path, int]]]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    arrangement: Arrangement = AS_FOUND
    groups: Mapping[Path, Names] = field(default_factory=dict)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """In output order, composed."""
        return tuple(map(composed, self.folder_names))

    @property
    def count(self) -> int:
        """How many files there are."""
        return sum(map(len, self.parts.values()))


def find_files(directory: Path, arrangement: Arrangement = AS_FOUND) -> FoundFiles:
    """Finds the pictures of a data set.

    Either `directory` holds one folder per class; or it holds the folders of parts, each with one
    folder per class (see `find_layout`); or a table names the pictures. Pictures may lie deeper
    inside a class folder, unless each folder of them is a class.

    Args:
        directory: The data set's.
        arrangement: What the config says of it.

    Raises:
        DataError: Nothing there, fewer than two classes, or it can't be told which they are.
    """
    directory = path_as_spelled(directory)
    if not directory.is_dir():
        raise DataError(f"data.directory: {missing(directory)}", LAYOUT)
    if arrangement.table is not None:
        grouping = arrangement.grouping
        column = None if grouping is None else grouping.column
        tabled = find_tabled(
            arrangement.table,
            directory,
            group_column=column,
            multi_label=arrangement.multi_label,
        )
        return FoundFiles(
            directory,
            tabled.class_names,
            tabled.parts,
            tabled.skipped,
            tabled.notes,
            arrangement=arrangement,
            groups=named_groups(grouping, directory, tabled.parts, tabled.groups),
        )
    layout = find_layout(directory, arrangement)
    skipped = [Skipped(path, reason, "no picture") for path, reason in layout.left_out]
    training = layout.parts["training"]
    others = layout.among_classes
    nested: tuple[str, ...] = ()
    if arrangement.classes == "leaves":
        names = find_leaf_names(training, others)
        if len(names) < 2:
            raise no_class_folders(training)
    else:
        folders = find_class_folders(training, others)
        names = tuple(path.name for path in folders)
        nested = _nested({path: layout.looks.get(path) or look_into(path) for path in folders})
    refuse_odd_names(directory, names)
    found = part_files(layout, names, arrangement, skipped)
    notes = (*layout.notes, *nested)
    groups = named_groups(arrangement.grouping, directory, found)
    return FoundFiles(directory, names, found, tuple(skipped), notes, arrangement, groups)


def part_files(
    layout: Layout, class_names: tuple[str, ...], arrangement: Arrangement, skipped: list[Skipped]
) -> dict[PartName, Sequence[tuple[Path, int]]]:
    """The files of each part with their labels.

    Args:
        layout: Where the parts are.
        class_names: In output order; folders may spell them otherwise.
        arrangement: Says which folders are classes.
        skipped: Gets the files that take no part, and test pictures without labels.

    Raises:
        DataError: A folder with pictures is none of the classes.
    """
    others = layout.among_classes
    find = find_leaf_pictures if arrangement.classes == "leaves" else find_pictures
    found: dict[PartName, Sequence[tuple[Path, int]]] = {}
    for part, folder in layout.parts.items():
        unlabelled = part != "training" and _has_no_labels(folder, class_names, arrangement)
        if unlabelled and part == "test":
            reason = "test pictures without class folders: nobody says what they are"
            skipped.append(Skipped(folder, reason, "no picture"))
            continue
        if unlabelled and look_into(folder).pictures:
            raise _unlabelled(folder, layout.parts["training"])
        found[part] = find(folder, class_names, skipped, others)
    return found


def _unlabelled(validation: Path, training: Path) -> DataError:
    return DataError(
        f"{validation} has no class folders in it, but pictures, and nobody says what they are",
        "to hold out some of those to train on instead: "
        f"--set 'data.parts={{training: {training.name}}}'",
    )


def _nested(looks: Mapping[Path, Look]) -> tuple[str, ...]:
    """What is said where folders inside of a class folder count for the class."""
    nested = [path for path, look in looks.items() if look.inside]
    if not nested:
        return ()
    inside = listed(looks[nested[0]].inside)
    also = f", and {len(nested) - 1} more class folders hold some" if len(nested) > 1 else ""
    return (
        f"{nested[0]} holds folders ({inside}){also}: each class folder is one class, with all "
        "that is below it; with data.classes: leaves each folder of pictures is one",
    )


def _has_no_labels(folder: Path, class_names: Sequence[str], arrangement: Arrangement) -> bool:
    """Whether a part holds pictures, and none in a folder of a class."""
    if arrangement.classes == "leaves":
        there: Iterable[str] = find_leaf_names(folder)
    else:
        there = (path.name for path in visible_folders(folder))
    known = set(map(composed, class_names))
    return look_into(folder).holds_any and known.isdisjoint(map(composed, there))
