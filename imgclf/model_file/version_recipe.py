"""What a kept version is put together from; see `imgclf.model_file.version_parts`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

OWN = 0
"""The place, among a recipe's sources, of the version's own bytes."""

MOST_DIVIDED = 512 << 20
"""Bytes of a file that may be in parts: all of it is in the memory while it is put together."""

_FORMAT = 1
_NAME = re.compile(r"\d{4,}\.(keras|parts)")

_Count = Annotated[int, Meta(ge=0, le=1 << 33)]
_Source = Annotated[int, Meta(ge=0, le=1 << 20)]


class Copied(Struct, frozen=True, array_like=True, tag="bytes"):
    """Bytes as they lie in a file.

    Attributes:
        source: The file's place in `Recipe.sources`.
        offset: Where they begin; in a file of parts, in its own bytes.
        length: How many there are.
    """

    source: _Source
    offset: _Count
    length: _Count

    @property
    def ranges(self) -> list[Copied]:
        """The bytes that are read for it."""
        return [self]


class Columns(Struct, frozen=True, array_like=True, tag="columns"):
    """A matrix of float32, row by row, whose columns are kept one by one.

    Attributes:
        rows: How many numbers a column has.
        columns: Where each lies: the file's place in `Recipe.sources`, and where it begins there.
    """

    rows: Annotated[int, Meta(ge=1, le=1 << 28)]
    columns: Annotated[tuple[tuple[_Source, _Count], ...], Meta(min_length=1, max_length=1 << 20)]

    @property
    def length(self) -> int:
        """How many bytes it stands for."""
        return 4 * self.rows * len(self.columns)

    @property
    def ranges(self) -> list[Copied]:
        """The bytes that are read for it."""
        return [Copied(source, offset, 4 * self.rows) for source, offset in self.columns]


Part: TypeAlias = Copied | Columns
Span: TypeAlias = tuple[_Count, _Count]
"""Where something begins, and where it ends."""


class Recipe(Struct, frozen=True, kw_only=True):
    """What a version is put together from.

    Attributes:
        size: Of the whole file, in bytes.
        sha256: Of the whole file.
        manifest: Where the manifest is in the version's own bytes.
        members: Where each member of the archive is in the whole file.
        sources: Names of files beside this one; the first, an empty one, stands for itself.
        parts: In their order.
        own: How many bytes it has itself.
        own_crc: CRC-32 of these.
    """

    format: int = _FORMAT
    size: Annotated[int, Meta(ge=0, le=MOST_DIVIDED)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    manifest: Span
    members: dict[str, Span]
    sources: tuple[str, ...]
    parts: tuple[Part, ...]
    own: _Count = 0
    own_crc: int = 0

    def __post_init__(self) -> None:
        if self.format != _FORMAT:
            raise ValueError(f"format {self.format}, where this imgclf reads {_FORMAT}")
        if sum(part.length for part in self.parts) != self.size or self.manifest[1] > self.own:
            raise ValueError("its sizes don't fit together")
        if self.sources[:1] != ("",) or not all(map(_NAME.fullmatch, self.sources[1:])):
            raise ValueError("it names what is no kept version")
        for one in self.ranges():
            if one.source >= len(self.sources):
                raise ValueError("it names a file that it doesn't list")
            if one.source == OWN and one.offset + one.length > self.own:
                raise ValueError("its sizes don't fit together")

    def ranges(self) -> Iterator[Copied]:
        """All the bytes that are read for it."""
        for part in self.parts:
            yield from part.ranges
