"""What would spoil a training, as far as the pictures of a data set show it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from imgclf.data.dataset import DataSet
from imgclf.data.picture_files import Picture

# Below this a class is learned by heart and judged by one or two pictures.
FEW_PICTURES = 20
# One class this many times another: always answering the large one begins to pay.
IMBALANCE = 4


@dataclass(frozen=True)
class Finding:
    """Something that may spoil a training.

    Attributes:
        kind: In a word or two, the same for findings of a kind.
        message: What it is, with names.
    """

    kind: str
    message: str


def count_pictures(data: DataSet) -> dict[str, tuple[int, int, int]]:
    """By class: pictures to train on, to validate on and to test on."""
    per_part = [
        Counter(picture.label for picture in part.pictures)
        for part in (data.training, data.validation, data.test)
    ]
    return {
        name: (per_part[0][label], per_part[1][label], per_part[2][label])
        for label, name in enumerate(data.folder.class_names)
    }


def find_problems(data: DataSet) -> tuple[Finding, ...]:
    """Files left out, copies, small classes and imbalance; costs no look at the pictures."""
    return (*_unusable(data), *_repeated(data), *_uneven(count_pictures(data)))


def _unusable(data: DataSet) -> Iterator[Finding]:
    for skipped in data.folder.skipped:
        files = f" ({skipped.files} files)" if skipped.files > 1 else ""
        yield Finding("left out", f"{skipped.path}: {skipped.reason}{files}")


def _repeated(data: DataSet) -> Iterator[Finding]:
    """Files with equal bytes: under two labels they contradict, under one they only weigh more."""
    names = data.folder.class_names
    copies: dict[str, list[Picture]] = defaultdict(list)
    for part in (data.training, data.validation):
        for picture in part.pictures:
            copies[picture.digest].append(picture)
    for pictures in copies.values():
        if len(pictures) == 1:
            continue
        listed = " = ".join(str(picture.path) for picture in pictures)
        labels = sorted({names[picture.label] for picture in pictures})
        if len(labels) > 1:
            yield Finding("two labels", f"{listed} is {' and '.join(labels)}")
        else:
            yield Finding("duplicate", listed)


def _uneven(counts: dict[str, tuple[int, int, int]]) -> Iterator[Finding]:
    total = {name: train + validate for name, (train, validate, _) in counts.items()}
    for name, count in total.items():
        if count < FEW_PICTURES:
            yield Finding("few pictures", f"{name} has {count}; {FEW_PICTURES} are little enough")
    most, least = max(total, key=total.__getitem__), min(total, key=total.__getitem__)
    if total[most] >= IMBALANCE * total[least]:
        yield Finding(
            "imbalance",
            f"{most} has {total[most]} pictures and {least} {total[least]}: "
            f"answering {most} will seem to pay",
        )
