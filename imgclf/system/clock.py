"""The time: as files and journals keep it, as people say it, and since when this process runs."""

from __future__ import annotations

import math
import os
import sys
import time
from datetime import datetime
from pathlib import Path

_IMPORTED = time.monotonic()
_START_TIME = 19  # its place in /proc/self/stat after the name, counted from 0


def time_with_zone() -> str:
    """The time now in ISO 8601, to the second, with the offset of the local time zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def duration_text(seconds: float) -> str:
    """A length of time in at most two units: `45 s`, `3 min 20 s`, `2 h 5 min`; rounded up."""
    whole = max(0, math.ceil(seconds))
    if whole < 60:
        return f"{whole} s"
    unit, size, part, length = ("h", 3600, "min", 60) if whole >= 3600 else ("min", 60, "s", 1)
    rest = whole % size // length
    return f"{whole // size} {unit}" + (f" {rest} {part}" if rest else "")


def process_began() -> float:
    """When this process was started, as `time.monotonic()` counts.

    Before Python ran, where the system says so (Linux); else when this module was imported.
    """
    if sys.platform != "linux":
        return _IMPORTED
    try:
        content = Path("/proc/self/stat").read_text()
        ticks = int(content.rpartition(")")[2].split()[_START_TIME])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return _IMPORTED
    began = time.monotonic() - age
    # A container may give its processes another clock than itself.
    return began if 0 <= _IMPORTED - began < 3600 else _IMPORTED
