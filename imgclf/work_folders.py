"""Where imgclf keeps what it makes, and why nothing else is to be written there.

All by the working directory, but for what the user's own cache folder has.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

MODELS_DIRECTORY = Path("models")
RUNS_DIRECTORY = Path("runs")
CACHE_DIRECTORY = Path(".imgclf-cache")

HISTORY_SUFFIX = ".history"
"""Of the folder beside a model, with its earlier versions and its journal."""

_CONFIG_SUFFIXES = ".yaml", ".yml"


def user_cache() -> Path | None:
    """The user's folder, such as `~/.cache/imgclf`; None if nobody knows where that is."""
    import platformdirs

    with suppress(RuntimeError):
        folder = platformdirs.user_cache_path("imgclf", appauthor=False)
        if folder.is_absolute():
            return folder
    return None


def user_state() -> Path | None:
    """The user's folder for what is not a cache, such as `~/.local/state/imgclf`; None likewise."""
    # As platformdirs has it there, whose import takes a tenth of a whole prediction.
    if sys.platform == "linux":
        state = os.environ.get("XDG_STATE_HOME", "").strip() or "~/.local/state"
        folder = Path(os.path.expanduser(state)) / "imgclf"  # noqa: PTH111 - pathlib needs a home
        return folder if folder.is_absolute() else None
    import platformdirs

    with suppress(RuntimeError):
        folder = platformdirs.user_state_path("imgclf", appauthor=False)
        if folder.is_absolute():
            return folder
    return None


def resolved(path: str | Path) -> Path:
    """Absolute, without links and with `~` filled in; as it is where that can't be done."""
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links; no known home; a NUL in it
        return Path(path).absolute()


def reason_against(place: Path, pictures: Path | None) -> str | None:
    """Why a file or folder that people name must not be written there; None if it may.

    Args:
        place: As `resolved` gives it.
        pictures: The folder of a data set, likewise.

    Returns:
        A sentence without its subject.
    """
    within, cwd = {place, *place.parents}, resolved(".")
    if pictures is not None and pictures in within and pictures not in {cwd, *cwd.parents}:
        return "lies among the pictures, where each folder is a class"
    if resolved(MODELS_DIRECTORY) in within:
        return f"lies in {MODELS_DIRECTORY}/, where models are, each with its history"
    for folder in within:
        if folder.suffix == HISTORY_SUFFIX and folder.with_suffix(".keras").exists():
            return f"lies in the history of the model {folder.with_suffix('.keras').name}"
    users = user_cache()
    if resolved(CACHE_DIRECTORY) in within or (users is not None and resolved(users) in within):
        return "lies in a cache, which may be emptied at any time"
    if place.suffix.lower() in _CONFIG_SUFFIXES:
        return "is called like a config"
    return None
