"""Pictures that come into folders while somebody watches, each when it is whole.

Folders are looked through again and again, and the system isn't asked to report changes: that works
on network file systems too, and what happened while nobody watched is found like everything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.data.file_walk import Skipped, walk_files
from imgclf.system import console

UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp")
"""What programs add to the name of a file that they are still writing."""


@dataclass(frozen=True)
class _Look:
    size: int
    changed: int
    since: float


class Arrivals:
    """What is new in folders, and no longer changes.

    Args:
        folders: What to look through, with all that is below.
        known: Whether a path has been dealt with.
    """

    def __init__(self, folders: Sequence[Path], known: Callable[[str], bool]) -> None:
        self._folders = folders
        self._known = known
        self._waiting: dict[str, _Look] = {}
        self._said: set[Path] = set()

    def look(self) -> dict[str, float]:
        """Looks through the folders.

        Returns:
            The paths that are new and looked the same the time before, in a stable order, and for
            how many seconds each of them has.
        """
        now, found = time.monotonic(), {}
        for folder in self._folders:
            for path in walk_files(folder, self._left_out):
                if path.suffix.lower() not in UNFINISHED and not self._known(str(path)):
                    found[str(path)] = self._compared(path, now)
        self._waiting = found
        return {path: now - look.since for path, look in found.items() if look.since < now}

    def _compared(self, path: Path, now: float) -> _Look:
        try:
            status = path.stat()
            size, changed = status.st_size, status.st_mtime_ns
        except OSError:  # a link to nothing, which whoever opens it says
            size, changed = 0, 0
        before = self._waiting.get(str(path))
        if before is not None and (before.size, before.changed) == (size, changed):
            return before
        return _Look(size, changed, now)

    def _left_out(self, one: Skipped) -> None:
        if one.why == "unreadable" and one.path not in self._said:
            self._said.add(one.path)
            console.warning(f"left out {one.path}: {one.reason}")
