"""The folders of the parts of a data set, as a config names them: `data.parts`."""

from __future__ import annotations

from imgclf.config.spec import Declared


class DataParts(Declared):
    """Which folder is which part, relative to `data.directory`.

    Attributes:
        training: To train on; `.` for the folder of the data set itself.
        validation: To validate on; None to hold out some of the training pictures.
        test: To test on; None for none.
    """

    training: str
    validation: str | None = None
    test: str | None = None

    def written(self) -> dict[str, str]:
        """The form that a config has."""
        named = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: folder for key, folder in named.items() if folder is not None}
