"""Pictures with labels for a model that is there already: to judge it by, or to replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imgclf.data.arrangement import Arrangement
from imgclf.data.class_folders import listed, missing
from imgclf.data.class_levels import LEVEL, has_levels
from imgclf.data.folder_look import visible_folders
from imgclf.data.found_files import part_files
from imgclf.data.label_table import is_table
from imgclf.data.layout import Layout, find_layout, undivided
from imgclf.data.part_names import PARTS, PartName, part_named
from imgclf.data.picture_files import Picture, Skipped, read_pictures
from imgclf.data.several_labels import read_several_labels
from imgclf.data.tabled import find_tabled
from imgclf.errors import DataError
from imgclf.spelling import composed, path_as_spelled

Wanted = Literal["all", "held out", "not test"]
"""Of a set that comes divided: all parts; the first there is of test, validation and training; or
training and validation."""


@dataclass(frozen=True)
class LabelledFiles:
    """Files with labels.

    Attributes:
        files: With positions in the class names.
        part: What they are called where they lie; None if they are not called a part.
        skipped: Files that take no part.
        divided: Whether the part is one of several there.
    """

    files: Sequence[tuple[Path, int]]
    part: PartName | None
    skipped: tuple[Skipped, ...]
    divided: bool


def find_labelled(
    place: Path,
    class_names: Sequence[str],
    wanted: Wanted = "all",
    *,
    multi_label: bool = False,
) -> LabelledFiles:
    """The pictures of whatever can be trained on.

    Args:
        place: A folder with a folder for each class, some of which may be missing; one with the
            folders of parts; or a table.
        class_names: The model's, in output order.
        wanted: Which parts.
        multi_label: Whether a picture may have several labels.

    Raises:
        DataError: There is no such place, or a folder in it is none of the model's classes.
    """
    place = path_as_spelled(place)
    skipped: list[Skipped] = []
    found: Mapping[PartName, Sequence[tuple[Path, int]]]
    if is_table(place) and not place.is_dir():
        tabled = find_tabled(place, place.parent, class_names, multi_label=multi_label)
        found, divided = tabled.parts, tabled.divided
        skipped += tabled.skipped
    else:
        if not place.is_dir():
            raise DataError(missing(place), "name a folder with one folder per class in it")
        layout, arrangement = _layout(place, class_names)
        skipped += [Skipped(path, reason, "no picture") for path, reason in layout.left_out]
        found = part_files(layout, tuple(class_names), arrangement, skipped)
        divided = layout.is_divided
    chosen = [part for part in _PREFERRED[wanted] if found.get(part)]
    if wanted == "held out":
        chosen = chosen[:1]
    files = [file for part in chosen or found for file in found[part]]
    if not divided:
        named = part_named(place.name) or part_named(place.resolve().name)
        return LabelledFiles(files, named.part if named else None, tuple(skipped), divided)
    part = chosen[0] if len(chosen) == 1 else None
    return LabelledFiles(files, part, tuple(skipped), divided)


_PREFERRED: Mapping[Wanted, Sequence[PartName]] = {
    "all": PARTS,
    "held out": ("test", "validation", "training"),
    "not test": ("training", "validation"),
}


def scan_labelled(
    place: Path,
    class_names: Sequence[str],
    wanted: Wanted = "all",
    *,
    multi_label: bool = False,
) -> tuple[tuple[Picture, ...], LabelledFiles]:
    """The pictures of `find_labelled`, with what their bytes add up to, and what else it found.

    Raises:
        DataError: No picture there, or a folder that is none of the model's classes.
    """
    found = find_labelled(place, class_names, wanted, multi_label=multi_label)
    skipped = list(found.skipped)
    read = read_several_labels if multi_label else read_pictures
    pictures = tuple(read(found.files, skipped))
    if not pictures:
        raise DataError(f"{place} has no pictures in folders called {', '.join(class_names)}")
    return pictures, replace(found, skipped=tuple(skipped))


def _layout(directory: Path, class_names: Sequence[str]) -> tuple[Layout, Arrangement]:
    """Where the class folders are.

    Raises:
        DataError: They are in folders inside, which it names.
    """
    arrangement = Arrangement(classes="leaves" if has_levels(class_names) else "folders")
    tops = {composed(name.partition(LEVEL)[0]) for name in class_names}
    if _folder_names(directory) & tops:
        return undivided(directory), arrangement
    inside = [path for path in _below(directory) if _folder_names(path) & tops]
    if not inside:
        return undivided(directory), arrangement
    try:
        layout = find_layout(directory, arrangement)
    except DataError:
        layout = undivided(directory)
    if not layout.is_divided:
        raise DataError(
            f"{directory} has no folders called {listed(sorted(tops))}; "
            f"{listed(map(str, inside))} {'have' if len(inside) > 1 else 'has'}",
            f"name that folder: {inside[0]}",
        )
    return layout, arrangement


def _below(directory: Path) -> Iterator[Path]:
    for path in visible_folders(directory):
        yield path
        yield from visible_folders(path)


def _folder_names(directory: Path) -> set[str]:
    return {composed(path.name) for path in visible_folders(directory)}
