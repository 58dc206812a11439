"""What people have said of pictures so far: a table of labels, as the page saves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import Skipped
from imgclf.data.label_table import is_table
from imgclf.data.picture_files import Picture, read_pictures
from imgclf.data.tabled import find_tabled
from imgclf.errors import DataError, UsageError
from imgclf.labelling.judging import judges


@dataclass(frozen=True)
class Labels:
    """Pictures with labels.

    Attributes:
        class_names: What the labels are indices into.
        to_learn: Pictures to learn from, in the order of the table.
        to_judge: Pictures that are set apart, to judge by.
    """

    class_names: tuple[str, ...]
    to_learn: tuple[Picture, ...] = ()
    to_judge: tuple[Picture, ...] = ()

    @property
    def all(self) -> tuple[Picture, ...]:
        """Both."""
        return (*self.to_learn, *self.to_judge)


def read_labels(
    table: Path, directory: Path, class_names: Sequence[str] | None, skipped: list[Skipped]
) -> Labels:
    """The labels of a table.

    Without a column for the part, pictures are set apart by what they are (see `judges`).

    Args:
        table: With the columns path and label.
        directory: Where relative paths are looked for that aren't found from the table's folder.
        class_names: What there may be; None for what there is.
        skipped: Gets the pictures that are not there or can't be read.

    Raises:
        UsageError: It is no table.
        DataError: It can't be used, or one picture has two labels.
    """
    if not is_table(table):
        raise UsageError(f"--labels {table}: a table's name ends in .csv or .tsv")
    if not table.exists():
        raise DataError(
            f"--labels {table}: no such file",
            "browsers save what a page has: see among your downloads, ~/Downloads perhaps",
        )
    found = find_tabled(table, directory, class_names)
    skipped.extend(found.skipped)
    parts = {part: read_pictures(files, skipped) for part, files in found.parts.items()}
    _refuse_two_labels(table, found.class_names, [one for part in parts.values() for one in part])
    learned = parts.pop("training", [])
    judged = [one for part in parts.values() for one in part]
    if not found.divided:
        judged = [one for one in learned if judges(one.digest)]
        learned = [one for one in learned if not judges(one.digest)]
    return Labels(found.class_names, tuple(learned), tuple(judged))


def next_table(table: Path | None) -> str:
    """What a page calls its table, so that no download gets the name of an earlier one.

    Args:
        table: The one before: `labels.csv` is followed by `labels-2.csv`; None for the first.
    """
    if table is None:
        return "labels.csv"
    found = re.fullmatch(r"(.*?)(?:-(\d{1,4}))?", table.stem, re.DOTALL)
    assert found is not None
    return f"{found[1]}-{int(found[2] or 1) + 1}.csv"


def _refuse_two_labels(
    table: Path, class_names: Sequence[str], pictures: Sequence[Picture]
) -> None:
    """Files may be equal, and then say two things of one picture."""
    first: dict[str, Picture] = {}
    for picture in pictures:
        before = first.setdefault(picture.digest, picture)
        if before.label != picture.label:
            raise DataError(
                f"{table}: {before.path} is {class_names[before.label]} and {picture.path}, which "
                f"is the same picture, {class_names[picture.label]}",
                "correct one of these lines",
            )
