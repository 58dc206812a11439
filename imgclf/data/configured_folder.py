"""The folder of pictures that a config names, looked for before it is read."""

from __future__ import annotations

from pathlib import Path

from imgclf.config.loaded import LoadedConfig
from imgclf.config.read_paths import where_looked
from imgclf.data.class_folders import LAYOUT, missing
from imgclf.errors import DataError


def require_folder(loaded: LoadedConfig) -> None:
    """Makes sure that the data set is there, for a message with all the places it may be at.

    Raises:
        DataError: It isn't.
    """
    directory, folder = Path(loaded.config.data.directory), loaded.file.path.parent
    looked = where_looked(str(directory), folder)
    if looked and not directory.exists():
        nearest = [missing(place).partition("; ")[2] for place in (directory, folder / directory)]
        said = "; ".join([f"no folder {directory}{looked}", *filter(None, nearest)])
        raise DataError(f"data.directory: {said}", LAYOUT)
