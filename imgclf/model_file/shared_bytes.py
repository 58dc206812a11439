"""What a model file has in common with an earlier version, found in a few hundredths of a second.

A correction changes little: the last layer in Keras's weights, the head, the manifest. Members
that are equal are taken whole; of the others, blocks of some 4 KB, which end where the content
itself says so: they are found again behind something that has grown (Muthitacharoen et al. 2001,
A Low-Bandwidth Network File System).

The keys of the corrections' neurons are a matrix with a column for each, row by row: one more
neuron changes every row. They are compared column by column.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import NumpyHead
from imgclf.model_file.archive import HEAD, MANIFEST, WEIGHTS
from imgclf.model_file.version_parts import PartsFile
from imgclf.model_file.version_recipe import OWN, Columns, Copied, Part, Recipe, Span

_LOCAL_HEADER = 30  # bytes before the name of a member
_WORD = 4  # bytes of a float32, which no block cuts through
_WORDS = 1024  # of a block, on average
_FEWEST = 64  # so that what repeats itself makes no blocks of one word
_CHUNK = 1 << 20  # bytes that are compared at once
_HASH = np.uint32(2654435761)  # Knuth's, of 2**32 and the golden ratio
_ENDS = np.uint32(2**32 // _WORDS)  # hashes, of all there are, with which a block ends


@dataclass(frozen=True)
class KeptContent:
    """A kept version, and the places where its bytes are.

    Attributes:
        content: The whole file.
        members: Where each member of the archive is in it.
        parts: What it is put together from.
        sources: The names of the files that these speak of; the first is its own.
    """

    content: bytes | bytearray
    members: Mapping[str, Span]
    parts: Sequence[Part]
    sources: Sequence[str]


def read_whole(path: Path) -> KeptContent:
    """A kept version that is one file.

    Raises:
        ValueError: It is no archive.
    """
    content = path.read_bytes()
    parts = (Copied(OWN, 0, len(content)),)
    return KeptContent(content, member_spans(path, content), parts, (path.name,))


def read_parts(file: PartsFile) -> KeptContent:
    """A kept version that is in parts.

    It isn't checked: what has been damaged is found to be unlike another version.

    Raises:
        ModelFileError: A file that it shares bytes with can't be read.
    """
    recipe = file.recipe
    sources = (file.path.name, *recipe.sources[1:])
    return KeptContent(file.content(), recipe.members, recipe.parts, sources)


def member_spans(path: Path, content: bytes) -> dict[str, Span]:
    """Where the bytes of each member of an archive are, in their order.

    Args:
        path: The archive.
        content: Of it.

    Raises:
        ValueError: It is none.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
                name, extra = struct.unpack_from("<HH", content, info.header_offset + 26)
                start = info.header_offset + _LOCAL_HEADER + name + extra
                found[info.filename] = start, start + info.compress_size
    except (zipfile.BadZipFile, struct.error) as error:
        raise ValueError(str(error)) from error
    return found


def divide(content: bytes, members: Mapping[str, Span], kept: KeptContent) -> tuple[Recipe, bytes]:
    """A model file as parts of what is kept already, and the bytes that are left over.

    Args:
        content: The file.
        members: Where each member is in it.
        kept: A version that is like it.

    Raises:
        ValueError: What is said of the kept version can't be true.
    """
    division, place, manifest = _Division(content, kept), 0, (0, 0)
    keys = _neuron_keys(content, members)
    for name, (start, end) in members.items():
        division.add_own(place, start)
        if name == MANIFEST:
            manifest = len(division.own), len(division.own) + end - start
            division.add_own(start, end)
        else:
            division.add_member((start, end), kept.members.get(name, (0, 0)), keys)
        place = end
    division.add_own(place, len(content))
    recipe = Recipe(
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        manifest=manifest,
        members=dict(members),
        sources=tuple(division.sources),
        parts=tuple(division.parts),
        own=len(division.own),
    )
    return recipe, bytes(division.own)


class _Division:
    """Takes a file apart from its begin to its end.

    Attributes:
        own: Bytes that nobody has yet.
        parts: So far.
        sources: Of the parts; `OWN` is the first.
    """

    def __init__(self, content: bytes, kept: KeptContent) -> None:
        self.own = bytearray()
        self.parts: list[Part] = []
        self.sources = [""]
        self._content, self._kept = content, kept
        self._starts = list(accumulate((one.length for one in kept.parts), initial=0))
        self._matrices: list[Span] = []
        self._columns: dict[bytes, tuple[int, int]] = {}
        for part, (start, end) in zip(kept.parts, pairwise(self._starts), strict=True):
            if isinstance(part, Columns):
                self._matrices.append((start, end))
                columns = _columns(kept.content[start:end], part.rows)
                for column, (source, offset) in zip(columns, part.columns, strict=True):
                    self._columns[column] = self._source(source), offset

    def add_own(self, start: int, end: int) -> None:
        """Bytes that are in no other file, or in so many pieces that it is not worth it."""
        if end > start:
            self._append(Copied(OWN, len(self.own), end - start))
            self.own += self._content[start:end]

    def add_member(self, ours: Span, theirs: Span, keys: Mapping[Span, int]) -> None:
        """A member of the archive.

        Args:
            ours: Where it is in this file.
            theirs: Where it is in the earlier one.
            keys: Where those of neurons are in this file, and how many rows they have.
        """
        inside = sorted(span for span in keys if ours[0] <= span[0] < ours[1])
        mine, its = _between(inside, ours), _between(self._matrices, theirs)
        if len(mine) != len(its):  # the first neurons have come
            its = [theirs] * len(mine)
        for index, (between, like) in enumerate(zip(mine, its, strict=True)):
            self._add_between(between, like)
            if index < len(inside):
                self._add_columns(inside[index], keys[inside[index]])

    def _add_between(self, ours: Span, theirs: Span) -> None:
        content, known = self._content, self._kept.content
        (start, end), (first, last) = ours, theirs
        before, after = _alike(content, ours, known, theirs)
        self._add_kept(first, (start, start + before))
        places = {
            bytes(known[one:other]): one
            for one, other in _blocks(known, (first + before, last - after))
        }
        for one, other in _blocks(content, (start + before, end - after)):
            place = places.get(content[one:other])
            if place is None:
                self.add_own(one, other)
            else:
                self._add_kept(place, (one, other))
        self._add_kept(last - after, (end - after, end))

    def _add_kept(self, place: int, ours: Span) -> None:
        """Bytes that the earlier version has as well, from a place in it on."""
        start, end = ours
        index = bisect_right(self._starts, place) - 1
        while start < end:
            part, skipped = self._kept.parts[index], place - self._starts[index]
            taken = min(part.length - skipped, end - start)
            if isinstance(part, Copied):
                self._append(Copied(self._source(part.source), part.offset + skipped, taken))
            elif taken == part.length:
                columns = ((self._source(source), offset) for source, offset in part.columns)
                self._append(Columns(part.rows, tuple(columns)))
            else:
                self.add_own(start, start + taken)
            start, place, index = start + taken, place + taken, index + 1

    def _add_columns(self, ours: Span, rows: int) -> None:
        found = []
        for column in _columns(self._content[slice(*ours)], rows):
            if column not in self._columns:
                self._columns[column] = OWN, len(self.own)
                self.own += column
            found.append(self._columns[column])
        self._append(Columns(rows, tuple(found)))

    def _append(self, part: Part) -> None:
        last = self.parts[-1] if self.parts else None
        if (
            isinstance(part, Copied)
            and isinstance(last, Copied)
            and (last.source, last.offset + last.length) == (part.source, part.offset)
        ):
            self.parts[-1] = Copied(last.source, last.offset, last.length + part.length)
        else:
            self.parts.append(part)

    def _source(self, of_kept: int) -> int:
        name = self._kept.sources[of_kept]
        if name not in self.sources:
            self.sources.append(name)
        return self.sources.index(name)


def _alike(content: bytes, ours: Span, known: bytes | bytearray, theirs: Span) -> Span:
    """How many bytes are the same from the begin on and, in spans of one length, up to the end."""
    one, other = _numbers(content, ours), _numbers(known, theirs)
    before = _until_they_differ(one, other)
    if before == len(one) == len(other):
        return before, 0
    after = _until_they_differ(one[::-1], other[::-1]) if len(one) == len(other) else 0
    return before // _WORD * _WORD, after


def _until_they_differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    count = min(len(one), len(other))
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        differ = one[start:end] != other[start:end]
        if differ.any():
            return start + int(differ.argmax())
    return count


def _numbers(content: bytes | bytearray, span: Span) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8, span[1] - span[0], span[0])


def _neuron_keys(content: bytes, members: Mapping[str, Span]) -> dict[Span, int]:
    """Where the keys of neurons are, in Keras's weights and in the head, and how many rows."""
    if HEAD not in members:
        return {}
    try:
        neurons = NumpyHead.from_bytes(content[slice(*members[HEAD])]).neurons
    except ValueError:
        return {}
    if neurons is None:
        return {}
    keys = neurons.keys
    starts = (content.find(keys.values, *members[name]) for name in (WEIGHTS, HEAD))
    return {(at, at + len(keys.values)): keys.shape[0] for at in starts if at >= 0}


def _between(spans: Iterable[Span], whole: Span) -> list[Span]:
    """What of a span is in none of some others, which don't overlap; as many as those and one."""
    inside = sorted(span for span in spans if whole[0] <= span[0] and span[1] <= whole[1])
    edges = [whole[0], *(edge for span in inside for edge in span), whole[1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _blocks(content: bytes | bytearray, span: Span) -> Iterator[Span]:
    """Takes a span apart where words with certain hashes end, which are there by content alone."""
    start, end = span
    hashes = np.frombuffer(content, "<u4", (end - start) // _WORD, start) * _HASH
    # Not those near 0, which is what a word of zeros has.
    ends = np.flatnonzero(hashes - _ENDS < _ENDS) + 1
    ends = ends[np.diff(ends, prepend=-_FEWEST) >= _FEWEST]
    edges = [start, *(start + _WORD * ends).tolist(), end]
    return ((one, other) for one, other in pairwise(edges) if one < other)


def _columns(matrix: bytes | bytearray, rows: int) -> list[bytes]:
    numbers = np.frombuffer(matrix, "<u4").reshape(rows, -1)
    return [column.tobytes() for column in numbers.T]
