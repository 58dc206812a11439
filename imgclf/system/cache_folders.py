"""Where things are kept that can be made again: beside the work, else with the user's own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

CACHE_DIRECTORY = Path(".imgclf-cache")


def user_cache() -> Path | None:
    """The user's folder, such as `~/.cache/imgclf`; None if nobody knows where that is."""
    import platformdirs

    with suppress(RuntimeError):
        folder = platformdirs.user_cache_path("imgclf", appauthor=False)
        if folder.is_absolute():
            return folder
    return None


def cache_folders(first: Path = CACHE_DIRECTORY) -> tuple[Path, ...]:
    """Where decoded pictures and features may be: the first that can be written to is taken."""
    users = user_cache()
    return (first,) if users is None else (first, users)
