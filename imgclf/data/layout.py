"""How a data set lies in its folder: class folders, or parts with class folders in each."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imgclf.data.arrangement import AS_FOUND, Arrangement
from imgclf.data.class_folders import listed, missing, no_class_folders
from imgclf.data.folder_look import Look, look_into, visible_folders
from imgclf.data.part_names import PARTS, NamedPart, PartName, part_named, says_nothing
from imgclf.errors import DataError
from imgclf.spelling import Lines

_DEEPEST = 3  # folders in which parts are packed once more

_BESIDE = "beside the parts, and none of them"

# Beside several class folders these names alone make nobody think of a class.
_SURELY_PARTS = frozenset({"test", "testing", "tst", "val", "validation"})


@dataclass(frozen=True)
class Layout:
    """Where the class folders of a data set are.

    Attributes:
        parts: The folder of each part that holds the class folders; of training always.
        left_out: What lies beside them, and why it is not taken.
        notes: What was taken for what, in sentences.
        looks: Into folders that were looked into.
        is_divided: Whether there are parts; else the folder of training is the data set's.
    """

    parts: Mapping[PartName, Path]
    left_out: tuple[tuple[Path, str], ...] = ()
    notes: tuple[str, ...] = ()
    looks: Mapping[Path, Look] = field(default_factory=dict)
    is_divided: bool = True

    @property
    def among_classes(self) -> frozenset[Path]:
        """Folders that lie beside the class folders to train on, and hold other parts."""
        training = self.parts["training"]
        return frozenset(
            training / folder.relative_to(training).parts[0]
            for part, folder in self.parts.items()
            if part != "training" and folder.is_relative_to(training) and folder != training
        )


def find_layout(directory: Path, arrangement: Arrangement = AS_FOUND) -> Layout:
    """Finds the parts of a data set, or that its folders are the classes.

    Args:
        directory: The data set's.
        arrangement: What the config says of its parts.

    Raises:
        DataError: Two folders for one part, or folders of which it can't be told whether they are
            parts or classes, with the key that settles it.
    """
    if not isinstance(arrangement.parts, str):
        return _declared(directory, arrangement.parts)
    looks = {path: look_into(path) for path in visible_folders(directory)}
    if arrangement.parts == "auto":
        found = _by_name(directory, looks)
        if found is not None:
            return found
        _refuse_doubtful(directory, looks)
    return undivided(directory, looks)


def undivided(directory: Path, looks: Mapping[Path, Look] | None = None) -> Layout:
    """That of a folder of class folders."""
    return Layout({"training": directory}, looks=looks or {}, is_divided=False)


def _declared(directory: Path, declared: Mapping[str, str]) -> Layout:
    parts: dict[PartName, Path] = {}
    for part in PARTS:
        if part in declared:
            folder = directory / declared[part]
            if not folder.is_dir():
                raise DataError(f"data.parts.{part}: {missing(folder)}")
            parts[part] = _descended(folder)
    if parts["training"] == directory:
        return Layout(parts)
    beside = [
        path
        for path in visible_folders(directory)
        if not any(path == part or path in part.parents for part in parts.values())
    ]
    beside += _files_in(directory)
    return Layout(parts, tuple((path, "none of data.parts") for path in beside))


def _by_name(directory: Path, looks: Mapping[Path, Look]) -> Layout | None:
    """The parts, if the folders' names say them and what is inside doesn't contradict."""
    named = {path: name for path in looks if (name := part_named(path.name)) is not None}
    for training, name in named.items():
        if name.part != "training":
            continue
        group = {path: other for path, other in named.items() if other.rest == name.rest}
        full = {path for path in group if looks[path].holds_any}
        beside = [path for path, look in looks.items() if look.holds_any and path not in group]
        look, others = looks[training], full - {training}
        alike = any(_alike(training, path) for path in others)
        if not look.inside:
            if name.is_plain and not beside and (look.pictures or others):
                raise no_class_folders(training)
        elif alike or (not beside and (others or name.is_plain)):
            return _parts(directory, {path: group[path] for path in group if path in full}, looks)
        elif (others or name.is_plain) and not look.pictures:
            raise _doubtful(directory, f"{training} looks like a part of it", looks)
        # Else it is a class called train, beside others.
    return None


def _parts(directory: Path, group: Mapping[Path, NamedPart], looks: Mapping[Path, Look]) -> Layout:
    by_part: dict[PartName, Path] = {}
    names = {name.part for name in group.values() if not name.may_be_test}
    for path, name in group.items():
        is_test = name.may_be_test and "validation" in names and "test" not in names
        part: PartName = "test" if is_test else name.part
        if part in by_part:
            raise DataError(
                f"{directory} has both {by_part[part].name}/ and {path.name}/; keep one, or say "
                f"which is the {part} part",
                f"--set {shlex.quote(f'data.parts={_proposed(looks)}')}, or another folder",
            )
        by_part[part] = path
    found = {part: _descended(by_part[part]) for part in PARTS if part in by_part}
    said = ", ".join(f"{path.relative_to(directory)} ({part})" for part, path in found.items())
    return Layout(
        found,
        (
            *(
                (path, _BESIDE if look.holds_any else "no pictures")
                for path, look in looks.items()
                if path not in group
            ),
            *((path, _BESIDE) for path in _files_in(directory)),
        ),
        (f"{directory} has parts: {said}",)
        if any(_is_unusual(by_part[p], p) for p in found)
        else (),
    )


def _files_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.name[0] != "." and not path.is_dir())


def _alike(one: Path, other: Path) -> bool:
    """Whether two parts have a class in common."""
    classes = (set(look_into(_descended(folder)).inside) for folder in (one, other))
    return bool(set.intersection(*classes))


def _is_unusual(path: Path, part: PartName) -> bool:
    """Whether it is worth a word that a folder was taken for a part."""
    usual = {"training": ("train", "training"), "validation": ("val", "validation")}
    return path.name not in usual.get(part, (part,))


def _descended(folder: Path) -> Path:
    """What holds the class folders: `seg_train/seg_train` was packed twice."""
    for _ in range(_DEEPEST):
        look = look_into(folder)
        if look.pictures or len(look.inside) != 1:
            break
        below = folder / look.inside[0]
        again = below.name == folder.name or part_named(below.name) is not None
        if not again and (not says_nothing(below.name) or look_into(below).pictures):
            break
        folder = below
    return folder


def _refuse_doubtful(directory: Path, looks: Mapping[Path, Look]) -> None:
    """What may be parts under names that nobody knows, or parts without one to train on.

    Raises:
        DataError: There are such.
    """
    full = {path: look for path, look in looks.items() if look.holds_any}
    holders = {path: set(look.inside) for path, look in full.items() if not look.pictures}
    if len(holders) > 1 and len(full) - len(holders) < 2:
        most = max(holders.values(), key=len)
        if all(len(inside) > 1 and inside <= most for inside in holders.values()):
            raise _doubtful(
                directory,
                f"{listed(path.name for path in holders)} hold the same folders "
                f"({listed(sorted(most))}), so they look like parts of it",
                full,
            )
    for path in full:
        if len(full) > 2 and path.name.casefold() in _SURELY_PARTS:
            raise _doubtful(directory, f"{path.name} looks like a part of it", full)


def _doubtful(directory: Path, why: str, looks: Mapping[Path, Look]) -> DataError:
    parts = shlex.quote(f"data.parts={_proposed(looks)}")
    return DataError(
        f"{directory}: {why}, and not like classes",
        Lines.of(
            f"if they are parts: --set {parts}",
            "if they are classes: --set data.parts=none",
            "or the same in the config, below data",
        ),
    )


def _proposed(looks: Mapping[Path, Look]) -> str:
    """What `data.parts` would say, as far as names and sizes tell it."""
    chosen: dict[PartName, str] = {}
    for path in looks:
        name = part_named(path.name)
        if name is not None:
            chosen.setdefault(name.part, path.name)
    if "training" not in chosen:
        others = [path for path in looks if path.name not in chosen.values()]
        if any(not looks[path].inside for path in others) and chosen:
            chosen["training"] = "."  # which holds the class folders
        else:
            by_size = sorted(others, key=lambda path: -_count_files(path))
            free = [part for part in PARTS if part not in chosen]
            chosen |= {part: path.name for part, path in zip(free, by_size, strict=False)}
    return f"{{{', '.join(f'{part}: {_flow(chosen[part])}' for part in PARTS if part in chosen)}}}"


def _flow(name: str) -> str:
    """A folder's name as it stands in YAML between braces."""
    plain = re.fullmatch(r"[\w.][\w. -]*", name)
    return name if plain else json.dumps(name, ensure_ascii=False)


def _count_files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*"))
