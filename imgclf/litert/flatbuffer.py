"""Reading FlatBuffers that nobody vouches for: nothing is read that lies outside of the file.

The form is that of https://flatbuffers.dev/internals: offsets between tables, and for each table a
list of where its fields are. Python's package for it is no dependency of the interpreter, takes
longer to be imported than this takes to check a model, and verifies nothing.
"""

from __future__ import annotations

import struct
from struct import Struct, unpack_from
from typing import Final

UNSIGNED: Final = Struct("<I")
SIGNED: Final = Struct("<i")
LONG: Final = Struct("<Q")
BYTE: Final = Struct("<B")
SIGNED_BYTE: Final = Struct("<b")
FLOAT: Final = Struct("<f")
_TWO: Final = Struct("<HH")

# Parts of a FlatBuffer may be one place in the file, so that a small one can say a lot. The most
# that was seen is 1,420 tensors, of ConvNeXtSmall.
_MOST_TABLES = 1 << 14
_MOST_INTEGERS = 1 << 10
_LONGEST_TEXT = 1 << 16
_MOST_FIELDS = 32


class GraphError(ValueError):
    """A graph that is not to be run: damaged, hostile, or with something that isn't known here."""


class FlatBuffer:
    """The bytes of one.

    Args:
        content: All of it.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._layouts: dict[int, tuple[int, tuple[int, ...]]] = {}

    def root(self, identifier: bytes, fields: int) -> Table:
        """The outermost table.

        Args:
            identifier: The four bytes that say what it is.
            fields: As of `Table`.

        Raises:
            GraphError: It is something else.
        """
        if self.content[4:8] != identifier:
            raise GraphError("it is no LiteRT graph")
        return Table(self, self.target(0), fields)

    def number(self, at: int, kind: Struct) -> int:
        """The number at a place, which has to be aligned.

        Raises:
            GraphError: It is not, or it lies outside.
        """
        if at % kind.size:
            raise GraphError(f"a number at byte {at} is not aligned")
        try:
            number: int = kind.unpack_from(self.content, at)[0]
        except struct.error:
            raise GraphError(f"it ends before byte {at + kind.size}") from None
        return number

    def target(self, at: int) -> int:
        """Where the offset at a place leads."""
        return at + self.number(at, UNSIGNED)

    def span(self, at: int, size: int, most: int | None = None) -> tuple[int, int]:
        """First byte, and how many elements of so many bytes each, of the vector at a place.

        Raises:
            GraphError: It ends outside, or has more than there may be.
        """
        count = self.number(at, UNSIGNED)
        if most is not None and count > most:
            raise GraphError(f"a list at byte {at} has {count} parts, and {most} are allowed")
        if at + 4 + count * size > len(self.content):
            raise GraphError(f"a list of {count} at byte {at} ends outside of it")
        return at + 4, count

    def layout(self, at: int) -> tuple[int, tuple[int, ...]]:
        """How many bytes the table at a place has, and how far into it its fields are, 0 if not."""
        where = at - self.number(at, SIGNED)
        known = self._layouts.get(where)
        if known is None:
            if where < 0 or where % 2:
                raise GraphError(f"the fields of a table at byte {at} are nowhere")
            try:
                length, size = _TWO.unpack_from(self.content, where)
                length = min(length, 2 * _MOST_FIELDS + 6)  # which is too long
                fields = unpack_from(f"<{max(length - 4, 0) // 2}H", self.content, where + 4)
            except struct.error:
                raise GraphError(f"the fields of a table at byte {at} lie outside") from None
            odd = length % 2 or not 4 <= length <= 2 * _MOST_FIELDS + 4 or size < 4
            if odd or any(0 < field < 4 for field in fields):
                raise GraphError(f"the fields of a table at byte {at} make no sense")
            known = self._layouts[where] = size, fields
        if at + known[0] > len(self.content):
            raise GraphError(f"a table at byte {at} ends outside of it")
        return known


class Table:
    """A table of a FlatBuffer.

    Args:
        buffer: The whole.
        at: Where it begins.
        fields: How many a table of this kind may have; more would be unknown, and are refused.

    Raises:
        GraphError: It lies outside, or has more fields.
    """

    __slots__ = ("_at", "_buffer", "_fields", "_size")

    def __init__(self, buffer: FlatBuffer, at: int, fields: int) -> None:
        self._buffer, self._at = buffer, at
        self._size, self._fields = buffer.layout(at)
        self.only(fields)

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return field < len(self._fields) and self._fields[field] != 0

    def is_empty(self) -> bool:
        """Whether no field is there."""
        return not any(self._fields)

    def refuse(self, *fields: int) -> None:
        """Makes sure that these are not there.

        Raises:
            GraphError: One is.
        """
        for field in fields:
            if field < len(self._fields) and self._fields[field]:
                raise GraphError(f"a table at byte {self._at} has the field {field}")

    def only(self, fields: int) -> None:
        """Makes sure that there are no fields beyond the first ones.

        Raises:
            GraphError: There is one.
        """
        if len(self._fields) > fields and any(self._fields[fields:]):
            raise GraphError(f"a table at byte {self._at} has fields that are not known here")

    def number(self, field: int, kind: Struct, default: int = 0) -> int:
        """A number."""
        place = self._place(field, kind.size)
        if place is None:
            return default
        number: int = kind.unpack_from(self._buffer.content, place)[0]
        return number

    def table(self, field: int, fields: int) -> Table | None:
        """Another table, None if it isn't there."""
        at = self._target(field)
        return None if at is None else Table(self._buffer, at, fields)

    def tables(self, field: int, fields: int) -> list[Table]:
        """Several tables, which may be none."""
        at = self._target(field)
        if at is None:
            return []
        first, count = self._buffer.span(at, 4, _MOST_TABLES)
        places = range(first, first + 4 * count, 4)
        return [Table(self._buffer, self._buffer.target(place), fields) for place in places]

    def integers(self, field: int) -> tuple[int, ...] | None:
        """Several int32, None if they aren't there."""
        at = self._target(field)
        if at is None:
            return None
        first, count = self._buffer.span(at, 4, _MOST_INTEGERS)
        return unpack_from(f"<{count}i", self._buffer.content, first)

    def bytes_at(self, field: int) -> tuple[int, int] | None:
        """Where some bytes begin and how many they are, None if they aren't there."""
        at = self._target(field)
        return None if at is None else self._buffer.span(at, 1)

    def text(self, field: int) -> bytes:
        """A text, which has to end in a zero byte; empty if it isn't there."""
        at = self._target(field)
        if at is None:
            return b""
        first, count = self._buffer.span(at, 1, _LONGEST_TEXT)
        if self._buffer.content[first + count : first + count + 1] != b"\0":
            raise GraphError(f"a text at byte {first} has no end")
        return self._buffer.content[first : first + count]

    def _target(self, field: int) -> int | None:
        place = self._place(field, 4)
        if place is None:
            return None
        target: int = place + UNSIGNED.unpack_from(self._buffer.content, place)[0]
        return target

    def _place(self, field: int, size: int) -> int | None:
        """Where a field of so many bytes is, inside of the table, which is inside of the file."""
        if field >= len(self._fields):
            return None
        offset = self._fields[field]
        if not offset:
            return None
        place = self._at + offset
        if offset + size > self._size or place % size:
            raise GraphError(f"a field of a table at byte {self._at} lies outside of it")
        return place
