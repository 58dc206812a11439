"""Pictures that belong together, such as those of one patient, and must not be divided.

A model that has learned one of them knows something of the others that it will know of no new
picture, so that held out they would say too much good of it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from imgclf.config.path_pattern import PathPattern
from imgclf.data.part_names import PartName
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError
from imgclf.spelling import Lines

Names: TypeAlias = tuple[tuple[str, str], ...]
"""What a picture's groups are called, each with what says so: ("path", "patient7")."""


@dataclass(frozen=True)
class Grouping:
    """What pictures of a group have in common; see `imgclf.config.groups.Groups`."""

    path: str | None = None
    column: str | None = None
    near_copies: bool = False


@dataclass(frozen=True)
class Groups:
    """The groups of a data set.

    Attributes:
        grouping: What their pictures have in common.
        of: By digest, what the group of a picture is known by: the least digest in it.
        names: By that, what the groups are called that have a name, as the config has it.
        unnamed: Paths of pictures that nothing gave a name to, each by itself.
    """

    grouping: Grouping
    of: Mapping[str, str]
    names: Mapping[str, str]
    unnamed: tuple[Path, ...]

    @cached_property
    def sizes(self) -> Counter[str]:
        """How many different pictures each group has."""
        return Counter(self.of.values())

    @property
    def in_words(self) -> str:
        """How many there are."""
        largest, size = max(self.sizes.items(), key=lambda item: item[1])
        line = f"data.groups: {len(self.of)} different pictures in {len(self.sizes)} groups"
        return line if size == 1 else f"{line}; the largest, {self.called(largest)}, has {size}"

    def called(self, group: str) -> str:
        """What a message calls a group."""
        return self.names.get(group, f"the near copies of {group[:8]}")


def named_groups(
    grouping: Grouping | None,
    directory: Path,
    parts: Mapping[PartName, Sequence[tuple[Path, int]]],
    cells: Mapping[Path, str] | None = None,
) -> dict[Path, Names]:
    """What the groups of files are called, of those that have one.

    Args:
        grouping: What they have in common.
        directory: Of the data set, from which paths are read.
        parts: The files.
        cells: What the table has in its column, if there is one.

    Raises:
        DataError: The expression, from a model's file, is none.
    """
    if grouping is None:
        return {}
    try:
        pattern = None if grouping.path is None else PathPattern(grouping.path)
    except ValueError as error:
        raise DataError(f"data.groups: {grouping.path}: {error}") from error
    named: dict[Path, Names] = {}
    for path in (path for files in parts.values() for path, _ in files):
        found = None if pattern is None else pattern.found_in(_inside(directory, path))
        cell = (cells or {}).get(path)
        names = (*((("path", found),) if found else ()), *((("column", cell),) if cell else ()))
        if names:
            named[path] = names
    return named


def _inside(directory: Path, path: Path) -> Path:
    """A path from a folder on, which it need not lie in."""
    inside = path.is_relative_to(directory)
    return path.relative_to(directory) if inside else Path(os.path.relpath(path, directory))


def find_groups(
    grouping: Grouping,
    pictures: Iterable[Picture],
    named: Mapping[Path, Names],
    alike: Iterable[Sequence[Picture]],
) -> Groups:
    """Joins what shares a name, what has equal files, and what looks alike.

    Args:
        grouping: What they have in common.
        pictures: All of them.
        named: See `named_groups`.
        alike: Near copies that shall stay together, too.
    """
    pictures = tuple(pictures)
    by_name: dict[tuple[str, str], list[str]] = defaultdict(list)
    for picture in pictures:
        for name in named.get(picture.path, ()):
            by_name[name].append(picture.digest)
    lowest = _Lowest()
    for digests in (*by_name.values(), *([one.digest for one in group] for group in alike)):
        lowest.join(digests)
    of = {picture.digest: lowest.of(picture.digest) for picture in pictures}
    names: dict[str, str] = {}
    for (_, called), digests in by_name.items():
        names.setdefault(of[digests[0]], called)
    unnamed = tuple(picture.path for picture in pictures if picture.path not in named)
    return Groups(grouping, of, names, unnamed)


def refuse_divided(groups: Groups, parts: Mapping[str, Sequence[Picture]]) -> None:
    """Makes sure that no group lies in two parts of a data set that comes divided.

    Raises:
        DataError: One does, with what to do.
    """
    part_of: dict[str, str] = {}
    torn: dict[str, tuple[Path, Path]] = {}
    first: dict[str, Path] = {}
    for part, pictures in parts.items():
        for picture in pictures:
            group = groups.of[picture.digest]
            other = part_of.setdefault(group, part)
            first.setdefault(group, picture.path)
            if other != part:
                torn.setdefault(group, (first[group], picture.path))
    if torn:
        listed = [
            f"  {groups.called(group)}: {one} and {other}"
            for group, (one, other) in list(torn.items())[:10]
        ]
        count = "1 group of data.groups lies" if len(torn) == 1 else f"{len(torn)} groups lie"
        raise DataError(
            Lines.of(
                f"{count} in two parts, so that scores would say too much good:",
                *listed,
                *(["  ..."] if len(torn) > 10 else []),
            ),
            "move each into one part, or let imgclf divide the pictures: --set 'data.parts="
            "{training: FOLDER}'",
        )


class _Lowest:
    """Which of what was joined comes first."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, one: str) -> str:
        """The first of those that it was joined with; itself if with none."""
        while (parent := self._parents.get(one, one)) != one:
            self._parents[one] = self._parents.get(parent, parent)
            one = parent
        return one

    def join(self, members: Sequence[str]) -> None:
        """Makes one of all of these."""
        for one in members[1:]:
            low, high = sorted((self.of(members[0]), self.of(one)))
            self._parents[high] = low
