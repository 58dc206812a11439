"""Tables as CSV that any reader takes back as they were, with lines that end as in text files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TextIO


def csv_writer(stream: TextIO, delimiter: str = ",") -> Callable[[Sequence[object]], object]:
    """What writes a row, in one piece.

    Python's writer quotes a cell for a carriage return in it, as the name of a file may have one,
    only where lines end with one.
    """
    return csv.writer(_Lines(stream), delimiter=delimiter).writerow


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix("\r\n") + "\n")
