"""How a config says that the pictures of a data set are arranged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imgclf.config.choices import ClassesAre

if TYPE_CHECKING:
    from imgclf.config.schema import DataConfig


@dataclass(frozen=True)
class Arrangement:
    """What `data.classes`, `data.parts` and `data.table` say; each as it is if nothing is said.

    Attributes:
        classes: Each folder is a class, with all that is below it; or each folder of pictures.
        parts: The folders of the parts, relative to the data set's; found by their names
            ("auto"); or there are none.
        table: Has the labels; None if the folders are the labels.
    """

    classes: ClassesAre = "folders"
    parts: Literal["auto", "none"] | Mapping[str, str] = "auto"
    table: Path | None = None

    @property
    def is_new(self) -> bool:
        """Whether it says what could not be said when data sets were read by the first rules.

        Not so of folders that are classes whatever they are called, as they were then.
        """
        return (
            self.table is not None or self.classes != "folders" or not isinstance(self.parts, str)
        )

    @classmethod
    def of(cls, config: DataConfig) -> Arrangement:
        """That of a config."""
        parts = config.parts
        return cls(
            config.classes,
            parts if isinstance(parts, str) else parts.written(),
            None if config.table is None else Path(config.table),
        )

    @classmethod
    def stored(cls, values: Mapping[str, Any], table: str | None) -> Arrangement:
        """That of the `data` section of a model's config; earlier versions had no such keys.

        Args:
            values: As `Config.written()` gives them.
            table: Where the table lay, absolute.
        """
        return cls(
            values.get("classes", "folders"),
            values.get("parts", "auto"),
            None if table is None else Path(table),
        )


AS_FOUND = Arrangement()
