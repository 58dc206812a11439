"""Looking at a config and its pictures before training, for what would spoil it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.config import load_config, resolve_head
from imgclf.data.dataset import DataSet, read_config_dataset
from imgclf.data.folder import Picture
from imgclf.talk import Talk

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
        paths: The files concerned.
    """

    kind: str
    message: str
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A config and its pictures, looked at.

    Attributes:
        counts: By class: pictures to train on, to validate on and to test on.
        code: People's own code that training would run, as the config names it.
    """

    name: str
    counts: dict[str, tuple[int, int, int]]
    findings: tuple[Finding, ...]
    code: tuple[str, ...]


def check(config_path: Path, talk: Talk, overrides: Sequence[str] = ()) -> Checked:
    """Checks a config and its data set, without TensorFlow.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used at all.
    """
    loaded = load_config(config_path, overrides)
    data = read_config_dataset(loaded.config.data, talk)
    names = data.folder.class_names
    resolve_head(loaded, len(names))
    per_part = [
        Counter(picture.label for picture in part.pictures)
        for part in (data.training, data.validation, data.test)
    ]
    counts = {
        name: (per_part[0][label], per_part[1][label], per_part[2][label])
        for label, name in enumerate(names)
    }
    findings = (*_unusable(data), *_repeated(data), *_uneven(counts))
    code = tuple(spec.name for spec in loaded.config.callbacks if spec.is_custom)
    return Checked(loaded.name, counts, findings, code)


def _unusable(data: DataSet) -> Iterator[Finding]:
    for skipped in data.folder.skipped:
        yield Finding("left out", f"{skipped.path}: {skipped.reason}", (skipped.path,))


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
        paths = tuple(picture.path for picture in pictures)
        listed = " = ".join(map(str, paths))
        labels = sorted({names[picture.label] for picture in pictures})
        if len(labels) > 1:
            yield Finding("two labels", f"{listed} is {' and '.join(labels)}", paths)
        else:
            yield Finding("duplicate", listed, paths)


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
