"""A file of predictions that grows by whole rows, and says which pictures it has.

Its rows are all that is remembered from one process to the next. One that was killed may have
left a part of a row at the end, which is taken away; its picture has no row then.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imgclf.errors import UsageError
from imgclf.model.prediction import Prediction
from imgclf.report.prediction_rows import BEGINNINGS, TSV_ESCAPES, RowFormat, row_writer
from imgclf.system.disk import write_problems
from imgclf.system.standard_streams import ESCAPED

_TSV_LETTERS = {escaped: chr(letter) for letter, escaped in TSV_ESCAPES.items()}
_WRONG = "it has no whole rows of imgclf's"
_MOST_OF_A_ROW = 1 << 20  # bytes; a longer end is none that was being written


class RowLog:
    """Rows that are appended, each whole or not at all.

    Args:
        file: Where to; made, with its folder, if it is missing.
        row_format: TSV, CSV or JSON lines.
        top: See `row_writer`.

    Raises:
        UsageError: The file has something else.
        WriteError: It can't be written.
    """

    def __init__(self, file: Path, row_format: RowFormat, top: int | None) -> None:
        self._file, self._format, self._top = file, row_format, top
        # Sorted, 8 bytes for each path, whatever its length; a set would take 140.
        self._known = array("Q")
        with write_problems(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab+") as stream:
                self._take_in(stream)
        np.frombuffer(self._known, np.uint64).sort()

    def __len__(self) -> int:
        """For how many pictures there is a row."""
        return len(self._known)

    def has(self, path: str) -> bool:
        """Whether there is a row for a picture, however its path was given then."""
        digest = _digest(path)
        place = bisect_left(self._known, digest)
        return place < len(self._known) and self._known[place] == digest

    def append(self, rows: Sequence[Prediction], class_names: Sequence[str]) -> None:
        """Writes rows; when this returns they are on the disk.

        Args:
            rows: Of pictures that have none yet.
            class_names: Of the model that they are from.

        Raises:
            UsageError: Its classes have no columns in the file.
            WriteError: There is no room.
        """
        text = io.StringIO()
        write = row_writer(text, self._format, class_names, self._top)
        header = text.getvalue()
        with write_problems(self._file), self._file.open("ab+") as stream:
            if stream.tell():
                text.seek(0)
                text.truncate()
                self._require_header(stream, header)
            for row in rows:
                write(row)
            stream.write(text.getvalue().encode("utf-8", ESCAPED))
            stream.flush()
            os.fsync(stream.fileno())
        for row in rows:
            insort(self._known, _digest(row.path))

    def _require_header(self, stream: io.BufferedRandom, header: str) -> None:
        stream.seek(0)
        if stream.read(len(header.encode("utf-8", ESCAPED))) != header.encode("utf-8", ESCAPED):
            raise UsageError(
                f"--output {self._file}: its columns are those of other classes, or of another "
                "--top",
                "name another file, or one that ends in .jsonl, whose rows name their classes",
            )

    def _take_in(self, stream: io.BufferedRandom) -> None:
        """Learns which pictures have rows, and takes away what is no whole row at the end."""
        stream.seek(0)
        known = BEGINNINGS[self._format]
        start = stream.read(len(max(known, key=len)))
        if not any(start.startswith(one) or one.startswith(start) for one in known):
            raise self._refusal(1)
        stream.seek(0)
        for number, record in enumerate(self._records(stream), start=1):
            if number == 1 and self._format is not RowFormat.JSONL:
                continue
            try:
                self._known.append(_digest(self._path_in(record)))
            except (ValueError, KeyError, TypeError, IndexError, csv.Error):
                raise self._refusal(number) from None

    def _records(self, stream: io.BufferedRandom) -> Iterator[bytes]:
        """The records of the file; in CSV one may have several lines."""
        begun, quotes, end, number = bytearray(), 0, 0, 1
        for line in stream:
            begun += line
            quotes += line.count(b'"')
            if len(begun) > _MOST_OF_A_ROW:
                raise self._refusal(number)
            if line.endswith(b"\n") and not (self._format is RowFormat.CSV and quotes % 2):
                end += len(begun)
                yield bytes(begun)
                begun, quotes, number = bytearray(), 0, number + 1
        if begun:
            stream.truncate(end)

    def _refusal(self, number: int) -> UsageError:
        reason = f"{_WRONG} in record {number}"
        return UsageError(f"--output {self._file}: {reason}", "name another file")

    def _path_in(self, record: bytes) -> str:
        text = record.decode("utf-8", "surrogateescape")
        if self._format is RowFormat.JSONL:
            return str(json.loads(text)["path"])
        if self._format is RowFormat.CSV:
            return next(csv.reader(io.StringIO(text, newline="")))[0]
        path = text.partition("\t")[0]
        return re.sub(r"\\.", lambda found: _TSV_LETTERS[found[0]], path)


def _digest(path: str) -> int:
    name = os.fsencode(os.path.abspath(path))  # noqa: PTH100 -- Path would resolve nothing either
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest())
