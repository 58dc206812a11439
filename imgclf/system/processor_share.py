"""How much slower this process is for what others want of the processors, where Linux tells."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

Spent: TypeAlias = "Mapping[str, tuple[float, float]]"
"""By thread: for how long it has computed, and for how long it could have but had to wait."""

_TASKS = Path("/proc/self/task")
_BETWEEN = 1.0  # seconds; a look costs about a millisecond
_WINDOW = 30.0
_ENOUGH = 0.1  # of a second computed; less says nothing


def threads_of_this_process() -> Spent:
    """Of all its threads; empty where the system doesn't tell (Linux does: sched-stats.rst)."""
    found = {}
    try:
        tasks = list(_TASKS.iterdir())
    except OSError:
        return {}
    for task in tasks:
        try:
            computed, waited = (task / "schedstat").read_text().split()[:2]
            found[task.name] = float(computed), float(waited)
        except (OSError, ValueError):  # it has ended meanwhile, or the kernel is without
            continue
    return found


class ProcessorShare:
    """Seconds that pass for each in which this process's threads compute, of late.

    1 on a machine that does nothing else. To begin with it is that since the threads began.

    Args:
        clock: Tells the time, in seconds.
        spent: See `threads_of_this_process`; the unit is of no matter, but for `enough`.
        enough: As much has to be computed before anything is said.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], Spent] = threads_of_this_process,
        enough: float = _ENOUGH * 1e9,
    ) -> None:
        self._clock, self._spent, self._enough = clock, spent, enough
        self._seen: deque[tuple[float, Spent]] = deque([(clock(), {})])
        self._slower: float | None = None

    @property
    def slower(self) -> float | None:
        """How many times as long all takes; None if that isn't known."""
        now = self._clock()
        if len(self._seen) > 1 and now - self._seen[-1][0] < _BETWEEN:
            return self._slower
        self._seen.append((now, self._spent()))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW:
            self._seen.popleft()
        before, after = self._seen[0][1], self._seen[-1][1]
        computed = waited = 0.0
        for thread, (computes, waits) in after.items():
            was = before.get(thread, (0.0, 0.0))
            computed, waited = computed + computes - was[0], waited + waits - was[1]
        if computed >= self._enough:
            self._slower = 1 + waited / computed
        return self._slower
