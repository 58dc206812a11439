"""Where things are kept that can be made again: beside the work, else with the user's own."""

from __future__ import annotations

from pathlib import Path

from imgclf.work_folders import CACHE_DIRECTORY, user_cache


def cache_folders(first: Path = CACHE_DIRECTORY) -> tuple[Path, ...]:
    """Where decoded pictures and features may be: the first that can be written to is taken."""
    users = user_cache()
    return (first,) if users is None else (first, users)
