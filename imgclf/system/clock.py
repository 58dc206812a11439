"""The time, as files and journals keep it."""

from __future__ import annotations

from datetime import datetime


def time_with_zone() -> str:
    """The time now in ISO 8601, to the second, with the offset of the local time zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
