"""How much memory there is."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# What a container may use; the second is of older kernels.
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_of_machine() -> int | None:
    """Bytes that this process may use, be they free or not; None where nobody says."""
    found = []
    if sys.platform != "win32":
        with suppress(OSError, ValueError):  # names that not every system has
            found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in _LIMITS:
        with suppress(OSError, ValueError):  # "max": there is none
            found.append(int(limit.read_text()))
    return min((size for size in found if size > 0), default=None)
