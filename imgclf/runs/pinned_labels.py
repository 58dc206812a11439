"""What people had said of pictures when a run began, kept in its folder: it goes on with that."""

from __future__ import annotations

import stat
from collections.abc import Sequence

import msgspec

from imgclf.data.given_files import GivenLabel
from imgclf.errors import UsageError
from imgclf.runs.folder import RunFolder
from imgclf.system.files import atomic_write_bytes

_LARGEST = 1 << 28


def pin_labels(run: RunFolder, given: Sequence[GivenLabel]) -> None:
    """Writes down what a run has taken in; nothing for nothing.

    Raises:
        WriteError: There is no room for it.
    """
    if given:
        text = msgspec.json.format(msgspec.json.encode(given))
        atomic_write_bytes(run.labels_given, text)


def pinned_labels(run: RunFolder) -> tuple[GivenLabel, ...] | None:
    """What a run has taken in; None if it doesn't say.

    Raises:
        UsageError: The file is damaged.
    """
    path = run.labels_given
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            raise ValueError(f"not a file of at most {_LARGEST} bytes")
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[GivenLabel]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {error}", "start over: add --fresh") from error
