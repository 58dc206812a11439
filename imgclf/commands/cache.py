"""What is kept to save work: listed, cleared, or trimmed to a size."""

from __future__ import annotations

from dataclasses import dataclass

from imgclf.data.cache_entries import Entry, cache_entries, remove_entry
from imgclf.system.cache_folders import cache_folders


@dataclass(frozen=True)
class Cleared:
    """What became of the caches.

    Attributes:
        removed: The entries that are gone.
        in_use: Those that would have been removed, and that a process is using.
    """

    removed: tuple[Entry, ...]
    in_use: tuple[Entry, ...]


def listed() -> list[Entry]:
    """All that the working directory's cache and the user's hold, the last used first."""
    return cache_entries(cache_folders())


def trim(keep: int) -> Cleared:
    """Removes what was not used for longest, until no more than so many bytes are left.

    What a running imgclf uses is left.

    Args:
        keep: Bytes; 0 removes all.

    Raises:
        WriteError: There is no leave to remove a file.
    """
    entries = listed()
    size = sum(entry.size for entry in entries)
    removed, in_use = [], []
    for entry in reversed(entries):
        if size <= keep:
            break
        if remove_entry(entry):
            removed.append(entry)
            size -= entry.size
        else:
            in_use.append(entry)
    return Cleared(tuple(removed), tuple(in_use))
