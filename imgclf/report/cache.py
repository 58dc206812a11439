"""What the caches hold as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.data.cache_entries import Entry
from imgclf.report.tables import Column, table


def cache_table(entries: Sequence[Entry]) -> str:
    """A row for each entry, with the folder that its files are in."""
    columns = (
        Column("MB"),
        Column("last used", "left"),
        Column("what", "left"),
        Column("where", "left"),
    )
    rows = (
        [
            f"{entry.size / 1e6:.1f}",
            "now" if entry.in_use else entry.used[:16].replace("T", " "),
            entry.what,
            str(Path(entry.files[0]).parent),
        ]
        for entry in entries
    )
    return table(columns, rows)


def counted(entries: Sequence[Entry]) -> str:
    """How many, and how much."""
    size = sum(entry.size for entry in entries)
    return f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, {size / 1e6:.1f} MB"
