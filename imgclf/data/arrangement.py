"""How a config says that the pictures of a data set are arranged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imgclf.config.choices import ClassesAre
from imgclf.data.groups import Grouping

if TYPE_CHECKING:
    from imgclf.config.schema import DataConfig  # 0.1 s, which a correction does without


@dataclass(frozen=True)
class Arrangement:
    """What the section `data` says of it; each as it is if nothing is said.

    Attributes:
        classes: Each folder is a class, with all that is below it; or each folder of pictures.
        parts: The folders of the parts, relative to the data set's; found by their names
            ("auto"); or there are none.
        table: Has the labels; None if the folders are the labels.
        grouping: What pictures that must not be divided have in common; None if nothing is said.
        multi_label: Whether a picture may have several labels, or none.
    """

    classes: ClassesAre = "folders"
    parts: Literal["auto", "none"] | Mapping[str, str] = "auto"
    table: Path | None = None
    grouping: Grouping | None = None
    multi_label: bool = False

    @property
    def is_new(self) -> bool:
        """Whether it says what could not be said when data sets were read by the first rules.

        Not so of folders that are classes whatever they are called, as they were then.
        """
        return (
            self.table is not None
            or self.classes != "folders"
            or not isinstance(self.parts, str)
            or self.grouping is not None
            or self.multi_label
        )

    @classmethod
    def of(cls, config: DataConfig) -> Arrangement:
        """That of a config."""
        parts, groups = config.parts, config.groups
        return cls(
            config.classes,
            parts if isinstance(parts, str) else parts.written(),
            None if config.table is None else Path(config.table),
            None if groups is None else Grouping(groups.path, groups.column, groups.near_copies),
            config.multi_label,
        )


AS_FOUND = Arrangement()
