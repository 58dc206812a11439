"""What every draft of a config has in common, and how its lines are written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from imgclf.data.arrangement import Arrangement
from imgclf.data.findings import uneven
from imgclf.data.survey import Shape, Survey


@dataclass(frozen=True)
class Draft:
    """What was chosen for a data set.

    Attributes:
        image_size: (height, width).
        resize: How a picture of another shape is fitted.
    """

    image_size: Shape
    resize: Literal["stretch", "pad"]
    batch_size: int


def suitable_resize(seen: Survey, image_size: Shape) -> Literal["stretch", "pad"]:
    """A stretched dress looks like a skirt; where all have the same shape nothing is stretched."""
    return "pad" if seen.share_unlike(image_size, 1.2) > 0.1 else "stretch"


def opening(seen: Survey, command: str) -> list[str]:
    """The lines that a config opens with.

    Args:
        seen: Its classes are named, the first of them if they are many.
        command: What trains by it.
    """
    first = list(seen.counts.items())[:10]
    counts = ", ".join(f"{_one_line(name)} {count}" for name, count in first)
    return [f"# {len(seen.counts)} classes of pictures: {counts}.", "#", f"#     {command}"]


def data_section(seen: Survey, chosen: Draft, size_line: str) -> list[str]:
    """The lines of `data`.

    Args:
        seen: What is trained on.
        chosen: How.
        size_line: That of `image_size`.
    """
    return [
        "data:",
        f"  directory: {_scalar(str(seen.folder.directory))}",
        *_arrangement_lines(seen.folder.arrangement),
        with_comment("  validation_split: 0.2", "a fifth is held out, unless there is validation/"),
        "  seed: 123",
        size_line,
        f"  batch_size: {chosen.batch_size}",
        with_comment(
            f"  resize: {chosen.resize}",
            "their proportions differ: bars at the sides rather than distorted"
            if chosen.resize == "pad"
            else "their proportions are much the same",
        ),
    ]


def _arrangement_lines(chosen: Arrangement) -> list[str]:
    """What the config has to say of classes and labels, where it isn't what is usual."""
    lines = []
    if chosen.classes != "folders":
        line = f"  classes: {chosen.classes}"
        lines.append(with_comment(line, "each folder of pictures; or folders: those at the top"))
    if chosen.parts == "none":
        lines.append(with_comment("  parts: none", "whatever the folders are called"))
    elif not isinstance(chosen.parts, str):
        named = (f"{part}: {_scalar(folder)}" for part, folder in chosen.parts.items())
        lines.append(f"  parts: {{{', '.join(named)}}}")
    if chosen.table is not None:
        line = f"  table: {_scalar(str(chosen.table))}"
        lines.append(with_comment(line, "says what each picture is"))
    return lines


def imbalance_lines(seen: Survey) -> list[str]:
    """A line of `training` that makes up for classes of different sizes, to be taken in."""
    found = uneven(seen.counts)
    if found is None:
        return []
    most, least = (f"{_one_line(name)} has {seen.counts[name]}" for name in found)
    return [with_comment("  # logit_adjustment: 0.5", f"{most}, {least}: the few are found more")]


def with_comment(text: str, comment: str) -> str:
    """A line with a comment behind it, in the column of the others."""
    return f"{text:<28}  # {comment}"


def _one_line(name: str) -> str:
    return "".join(" " if _is_unseen(mark) else mark for mark in name)


def _is_unseen(mark: str) -> bool:
    """Whether it has no place in a line: a control character, a line's end, half of something."""
    import unicodedata

    return unicodedata.category(mark) in ("Cc", "Cn", "Cs", "Zl", "Zp")


def _scalar(text: str) -> str:
    """As YAML, in quotes where they are needed."""
    plain = re.fullmatch(r"[\w./][\w./ -]*[\w./]", text, re.ASCII) and not _looks_otherwise(text)
    if plain:
        return text
    marks = (
        json.dumps(mark)[1:-1] if mark in '"\\' or (mark <= "\uffff" and _is_unseen(mark)) else mark
        # JSON writes what lies beyond U+FFFF as two halves, which YAML doesn't put together.
        for mark in text
    )
    return f'"{"".join(marks)}"'


def _looks_otherwise(text: str) -> bool:
    """Whether YAML would read it as a number, a date or a truth value."""
    import yaml

    return not isinstance(yaml.safe_load(text), str)
