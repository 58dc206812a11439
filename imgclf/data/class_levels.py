"""Class names that are paths, as those of nested class folders: `Fruit/Apple/Golden-Delicious`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from imgclf.data.part_names import part_named
from imgclf.spelling import composed

LEVEL = "/"
"""What divides the levels of such a name."""


def has_levels(class_names: Collection[str]) -> bool:
    """Whether the classes of a model are such paths."""
    return any(LEVEL in name for name in class_names)


def class_of(relative: PurePath, class_names: Collection[str]) -> str:
    """The class that a picture's folders say.

    Args:
        relative: The picture's path, from the folder that holds the class folders, or the folders
            of parts with those.
        class_names: The model's; if they are paths, so is the result, whether or not it is one.

    Returns:
        Composed; an empty text if the picture lies in no class folder.
    """
    folders = [composed(name) for name in relative.parent.parts]
    tops = {name.partition(LEVEL)[0] for name in class_names}
    while len(folders) > 1 and tops and folders[0] not in tops and part_named(folders[0]):
        del folders[0]
    return LEVEL.join(folders if has_levels(class_names) else folders[:1])
