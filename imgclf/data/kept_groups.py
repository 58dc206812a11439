"""Groups that a config declares, kept together in the parts of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgclf.data.folder import PictureFolder
from imgclf.data.grouped_division import hold_out_groups
from imgclf.data.groups import Groups, refuse_divided
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError
from imgclf.spelling import Lines


def keep_groups(
    folder: PictureFolder, groups: Groups, validation_split: float, seed: int, *, is_split: bool
) -> PictureFolder:
    """Divides the pictures of a data set by their groups, unless it comes divided.

    Args:
        folder: As it was found, divided somehow.
        groups: Of all of its pictures.
        validation_split: Share of each class's pictures to hold out, between 0 and 1.
        seed: Of their choice.
        is_split: Whether the split says what is held out.

    Raises:
        DataError: A group lies in two of the parts that there are, or a class can't be divided,
            since it has but one group.
    """
    known = (*folder.training, *folder.validation)
    if not is_split:
        parts = {"training": folder.training, "validation": folder.validation, "test": folder.test}
        refuse_divided(groups, parts)
        return folder
    refuse_divided(groups, {"training": known, "test": folder.test})
    held_out = hold_out_groups(known, groups.of, validation_split, seed)
    _require_division(folder, groups, known, held_out)
    training = tuple(one for one, out in zip(known, held_out, strict=True) if not out)
    validation = tuple(one for one, out in zip(known, held_out, strict=True) if out)
    return replace(folder, training=training, validation=validation)


def _require_division(
    folder: PictureFolder, groups: Groups, pictures: Sequence[Picture], held_out: NDArray[np.bool_]
) -> None:
    problems: list[str] = []
    for label, name in enumerate(folder.class_names):
        own = [place for place, picture in enumerate(pictures) if label in picture.labels]
        if len(set(held_out[own].tolist())) == 2:
            continue
        of_class = list(dict.fromkeys(groups.of[pictures[place].digest] for place in own))
        listed = ", ".join(map(groups.called, of_class[:3])) + (", ..." if of_class[3:] else "")
        group = "group" if len(of_class) == 1 else "groups"
        problems.append(f"  {name}: {len(own)} pictures in {len(of_class)} {group}: {listed}")
    if problems:
        raise DataError(
            Lines.of(
                f"{folder.directory}: data.groups keep pictures together, so that these classes "
                "can't be both trained on and validated on:",
                *problems,
            ),
            "add pictures of other groups, or say groups that are smaller: data.groups",
        )
