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
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from imgclf.errors import UsageError
from imgclf.model.prediction import Prediction
from imgclf.report.prediction_rows import BEGINNINGS, TSV_ESCAPES, RowFormat, row_writer
from imgclf.system.disk import write_problems
from imgclf.system.standard_streams import ESCAPED

_TSV_LETTERS = {escaped: chr(letter) for letter, escaped in TSV_ESCAPES.items()}
_MOST_OF_A_ROW = 1 << 24  # bytes; of 10,000 classes with long names it has 3 million
_MOST_LINES_OF_A_ROW = 8192  # a path has 4096 bytes at most


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
        with self._problems():
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and not file.is_file():
                raise self._refused("this is no regular file")
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
        with self._problems(), self._file.open("ab+") as stream:
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
        for number, record in enumerate(self._records(stream), start=1):
            if number == 1 and self._format is not RowFormat.JSONL:
                if not self._is_begun(record):
                    raise self._no_row(number)
                continue
            try:
                self._known.append(_digest(self._path_in(record)))
            except (ValueError, KeyError, TypeError, IndexError, RecursionError, csv.Error):
                raise self._no_row(number) from None

    def _records(self, stream: io.BufferedRandom) -> Iterator[bytes]:
        """The records of the file; in CSV one may have several lines."""
        begun, end, number = bytearray(), 0, 1
        in_quotes, lines, commas = False, 0, 0
        while line := stream.readline(_MOST_OF_A_ROW):
            # A quote that nothing closes would take all rows to the end of the file with it.
            swallowed = in_quotes and (line.count(b",") >= commas or lines > _MOST_LINES_OF_A_ROW)
            in_quotes ^= self._format is RowFormat.CSV and line.count(b'"') % 2 == 1
            begun += line
            lines += 1
            if len(begun) >= _MOST_OF_A_ROW or (swallowed and in_quotes):
                raise self._no_row(number)
            if line.endswith(b"\n") and not in_quotes:
                commas = commas or line.count(b",")
                end, number, lines = end + len(begun), number + 1, 0
                yield bytes(begun)
                begun.clear()
        if begun:
            if (not end or self._format is RowFormat.JSONL) and not self._is_begun(begun):
                raise self._no_row(number)
            stream.truncate(end)

    def _is_begun(self, record: bytes | bytearray) -> bool:
        """Whether it, or what is there of it, is a header or an object that imgclf writes."""
        return any(record[: len(one)] == one[: len(record)] for one in BEGINNINGS[self._format])

    def _no_row(self, number: int) -> UsageError:
        return self._refused(f"it has no whole rows of imgclf's in record {number}")

    def _refused(self, reason: str) -> UsageError:
        return UsageError(f"--output {self._file}: {reason}", "name another file")

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            with write_problems(self._file):
                yield
        except OSError as error:  # a link to nothing, or to itself; a pipe in its place
            raise self._refused((error.strerror or str(error)).lower()) from error

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
