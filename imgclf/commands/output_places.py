"""Files and folders that a command is told to write: where, and over what."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from imgclf.errors import UsageError
from imgclf.model_file.manifest import Manifest
from imgclf.report.prediction_rows import BEGINNINGS
from imgclf.work_folders import reason_against, resolved

_ROWS = tuple(chain.from_iterable(BEGINNINGS.values()))


def refuse_place(
    option: str, place: Path, manifest: Manifest | None = None, pictures: str | None = None
) -> None:
    """Makes sure that nothing is written among pictures, models, caches or over a config.

    Args:
        option: What names the place: `--output`.
        place: As it was given.
        manifest: Of the model in use, which says where its data set is.
        pictures: The folder of a data set, where no model says it.

    Raises:
        UsageError: It would be.
    """
    data = None if manifest is None else manifest.data
    directory = pictures if data is None else data.directory
    reason = reason_against(resolved(place), None if directory is None else resolved(directory))
    if reason is not None:
        raise UsageError(
            f"{option} {place}: this {reason}",
            f"name another place, in the working directory, say: {option} {place.name}",
        )


def refuse_to_replace_rows(place: Path) -> None:
    """Makes sure that a file which rows are to be written to has rows, if it is there already.

    Raises:
        UsageError: It has something else.
    """
    refuse_to_replace(place, _ROWS, "rows")


def refuse_to_replace(place: Path, beginnings: tuple[bytes, ...], what: str) -> None:
    """Makes sure that a file which `--output` names has what is to be written, if it is there.

    Args:
        place: As it was given.
        beginnings: How such files begin.
        what: Such files have.

    Raises:
        UsageError: It has something else.
    """
    if not place.is_file():  # what isn't one is written to as it is
        return
    try:
        with place.open("rb") as stream:
            start = stream.read(len(max(beginnings, key=len)))
    except OSError as error:
        raise UsageError(f"--output {place}: it can't be read: {error.strerror}") from error
    if start and not start.startswith(beginnings):
        raise UsageError(
            f"--output {place}: this is there already, and has no {what} of imgclf's",
            "move it, or name another file",
        )
