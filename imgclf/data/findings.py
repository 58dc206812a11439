"""What would spoil a training, as far as the pictures of a data set show it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imgclf.data.dataset import DataSet
from imgclf.data.picture_files import Picture

# Below this a class is learned by heart and judged by one or two pictures.
FEW_PICTURES = 20
# One class this many times another: always answering the large one begins to pay.
IMBALANCE = 4

_BY_WEIGHT: Final = (
    *("two labels", "in two parts", "alike, two labels", "alike, in two parts"),
    *("dark", "cut off"),
    *(
        "few pictures",
        "groups",
        "one label",
        "imbalance",
        "memory",
        "left out",
        "duplicate",
        "alike",
    ),
)
NO_WARNING: Final = _BY_WEIGHT.index("few pictures")
_PARTS: Final = ("training", "validation", "test")
_LISTED: Final = 5
# Bits less than there could be: two are a quarter of the brightness.
_DARK: Final = 2


@dataclass(frozen=True)
class Finding:
    """Something that may spoil a training.

    Attributes:
        kind: In a word or two, the same for findings of a kind.
        message: What it is, with names.
        pictures: Those that it is about, where it is about some and not about classes; some may
            be unreadable.
    """

    kind: str
    message: str
    pictures: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def weight(self) -> int:
        """The least of the worst; below `NO_WARNING` it makes a score or a label a lie."""
        return _BY_WEIGHT.index(self.kind)

    @property
    def is_grave(self) -> bool:
        """It makes a score or a label a lie."""
        return self.weight < NO_WARNING


def count_pictures(data: DataSet) -> dict[str, tuple[int, int, int]]:
    """By class: pictures to train on, to validate on and to test on."""
    per_part = [
        Counter(label for picture in part.pictures for label in picture.labels)
        for part in (data.training, data.validation, data.test)
    ]
    return {
        name: (per_part[0][label], per_part[1][label], per_part[2][label])
        for label, name in enumerate(data.folder.class_names)
    }


def find_problems(data: DataSet, *, made_up_for: bool = False) -> tuple[Finding, ...]:
    """Files left out, copies, small classes and imbalance; costs no look at the pictures.

    Args:
        data: The pictures.
        made_up_for: The training makes up for classes of different sizes.
    """
    counts = {name: train + validate for name, (train, validate, _) in count_pictures(data).items()}
    return (
        *_unusable(data),
        *_repeated(data),
        *_alike(data),
        *_grouped(data),
        *_several(data),
        *_depth(data),
        *_small(counts),
        # Where labels are answered one by one, none is given instead of another.
        *(() if made_up_for or data.folder.arrangement.multi_label else _uneven(counts)),
    )


def _unusable(data: DataSet) -> Iterator[Finding]:
    for skipped in data.folder.skipped:
        files = f" ({skipped.files} files)" if skipped.files > 1 else ""
        about = (skipped.path,) if skipped.why == "unreadable" else ()
        yield Finding("left out", f"{skipped.path}: {skipped.reason}{files}", about)


def _repeated(data: DataSet) -> Iterator[Finding]:
    """Files with equal bytes: under two labels they contradict, under one they only weigh more."""
    names = data.folder.class_names
    tested = {picture.path for picture in data.test.pictures}
    copies: dict[str, list[Picture]] = defaultdict(list)
    for part in (data.training, data.validation, data.test):
        for picture in part.pictures:
            copies[picture.digest].append(picture)
    for pictures in copies.values():
        if len(pictures) == 1:
            continue
        paths = tuple(picture.path for picture in pictures)
        listed = " = ".join(map(str, paths))
        labels = _different(pictures, names)
        if len(labels) > 1:
            yield Finding("two labels", f"{listed} is {' and '.join(labels)}", paths)
        elif len({picture.path in tested for picture in pictures}) == 2:
            yield Finding("in two parts", f"{listed}: trained on, and tested on", paths)
        else:
            yield Finding("duplicate", listed, paths)


def _alike(data: DataSet) -> Iterator[Finding]:
    """Pictures that are one, in another size or saved anew."""
    names = data.folder.class_names
    part_of = {
        picture.path: place
        for place, part in enumerate((data.training, data.validation, data.test))
        for picture in part.pictures
    }
    for group in data.near_copies:
        paths = tuple(picture.path for picture in group)
        listed = " ~ ".join(map(str, paths[:_LISTED]))
        if len(group) > _LISTED:
            listed += f" and {len(group) - _LISTED} more"
        labels = _different(group, names)
        parts = sorted({part_of[picture.path] for picture in group})
        if len(labels) > 1:
            yield Finding("alike, two labels", f"{listed} are {' and '.join(labels)}", paths)
        elif len(parts) > 1:
            said = " and ".join(_PARTS[part] for part in parts)
            # Most of a class they are, else they would be together anyway.
            way_on = "; data.groups: near_copies keeps them together" if data.is_split else ""
            yield Finding("alike, in two parts", f"{listed} are for {said}{way_on}", paths)
        else:
            yield Finding("alike", listed, paths)


def _different(pictures: Sequence[Picture], class_names: Sequence[str]) -> list[str]:
    """What some pictures are said to be, each once; where one has several labels, all of them."""
    said = {picture.labels for picture in pictures}
    words = (" with ".join(class_names[label] for label in labels) for labels in said)
    return sorted(one or "without a label" for one in words)


def _several(data: DataSet) -> Iterator[Finding]:
    """Labels that are one for each picture after all."""
    if not data.folder.arrangement.multi_label:
        return
    pictures = [one for part in data.parts for one in part.pictures]
    if all(len(one.labels) == 1 for one in pictures):
        yield Finding(
            "one label",
            f"data.multi_label: each of {len(pictures)} pictures has one label, which is told "
            "apart better without it",
        )


def _grouped(data: DataSet) -> Iterator[Finding]:
    """Groups that are declared and hardly there."""
    groups = data.groups
    if groups is None or (groups.grouping.path is None and groups.grouping.column is None):
        return
    by = groups.grouping.column or groups.grouping.path
    count, unnamed = len(groups.of), len(groups.unnamed)
    if not groups.names:
        yield Finding(
            "groups",
            f"data.groups: {by} is found in none of the paths, such as "
            f"{data.folder.relative(groups.unnamed[0])}, so that nothing is kept together by it"
            if groups.grouping.column is None
            else f"data.groups: the column {by} is empty",
        )
    elif unnamed:
        yield Finding(
            "groups",
            f"data.groups: {unnamed} pictures are in none, such as "
            f"{data.folder.relative(groups.unnamed[0])}: each is one by itself",
        )
    largest, size = max(groups.sizes.items(), key=lambda item: item[1])
    if groups.names and 2 * size > count:
        yield Finding(
            "groups",
            f"data.groups: {size} of {count} pictures are in one ({groups.called(largest)}), so "
            "that the parts can't have their shares",
        )


def _depth(data: DataSet) -> Iterator[Finding]:
    """Pictures of 16 bits whose values are all small come out black, unless that is said."""
    used, said = max(8, data.highest.bit_length()), data.settings.bit_depth
    if not data.highest:
        return
    if used <= said - _DARK:
        yield Finding(
            "dark",
            f"values of 16-bit pictures go up to {data.highest} of {(1 << said) - 1}, so that they "
            f"come out dark: data.bit_depth: {used}",
        )
    elif used > said:
        yield Finding(
            "cut off",
            f"values of 16-bit pictures go up to {data.highest}, and data.bit_depth: {said} makes "
            f"all above {(1 << said) - 1} white",
        )


def _small(counts: dict[str, int]) -> Iterator[Finding]:
    for name, count in counts.items():
        if count < FEW_PICTURES:
            yield Finding("few pictures", f"{name} has {count}; {FEW_PICTURES} are little enough")


def uneven(counts: dict[str, int]) -> tuple[str, str] | None:
    """The largest and the smallest class, if they are far apart."""
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    return (most, least) if counts[most] >= IMBALANCE * counts[least] else None


def _uneven(counts: dict[str, int]) -> Iterator[Finding]:
    found = uneven(counts)
    if found is not None:
        most, least = found
        yield Finding(
            "imbalance",
            f"{most} has {counts[most]} pictures and {least} {counts[least]}: answering {most} "
            "will seem to pay; training.logit_adjustment: 0.5 makes up for it",
        )
