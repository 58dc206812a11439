"""The versions of a model: listing them, and going back to one."""

from __future__ import annotations

from pathlib import Path

from imgclf.lock import lock
from imgclf.model.archive import read_manifest
from imgclf.model.manifest import Manifest
from imgclf.model.versions import roll_back, versions


def history(model: Path) -> tuple[list[Manifest], int]:
    """All versions, oldest first, and the number of the one in use.

    Raises:
        ModelFileError: The model in use can't be read.
    """
    return [manifest for _, manifest in versions(model)], read_manifest(model).version


def rollback(model: Path, version: int | None) -> Manifest:
    """Puts an earlier version back in use, byte for byte; the present one is kept.

    Args:
        model: The model file.
        version: Which; None for the parent of the one in use.

    Raises:
        UsageError: There is no such version.
        ModelFileError: The model, or that version, can't be read.
        BusyError: Another process is at work on the model.
    """
    with lock(model):
        return roll_back(model, version)
