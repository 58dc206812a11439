"""A first config for a data set, with the reasons for what it says."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Literal

from imgclf.data.survey import Shape, Survey

# What the tutorials take, and what two CPU cores train on in minutes.
_SIDE = 180
# Below this a picture is an icon or a digit, of which a mirror image may be another class.
_ICON = 48
_FEW, _MANY = 400, 8_000


@dataclass(frozen=True)
class Draft:
    """What was chosen.

    Attributes:
        image_size: (height, width).
        filters: Of each convolution, first to last.
    """

    image_size: Shape
    resize: Literal["stretch", "pad"]
    batch_size: int
    filters: tuple[int, ...]
    units: int
    dropout: float
    is_icon: bool


def draft(seen: Survey) -> Draft:
    """Chooses a picture size and a small network that fit what was seen."""
    image_size = _image_size(seen)
    training = len(seen.folder.training)
    first = 8 if training < _FEW else 16 if training < _MANY else 32
    # Until some six to eleven rows are left, which the dense layer can look at one by one.
    depth = max(1, min(5, int(math.log2(min(image_size) / 6)) if min(image_size) > 6 else 1))
    return Draft(
        image_size,
        # A stretched dress looks like a skirt; where all have the same shape nothing is stretched.
        "pad" if seen.share_unlike(image_size, 1.2) > 0.1 else "stretch",
        8 if training < 100 else 16 if training < _FEW else 32 if training < 4 * _MANY else 64,
        tuple(first * 2**step for step in range(depth)),
        64 if training < _FEW else 128,
        0.5 if training < _FEW else 0.4 if training < 2_000 else 0.25,
        max(image_size) <= _ICON,
    )


def write_draft(seen: Survey, chosen: Draft, command: str) -> str:
    """The config as text.

    Args:
        seen: Goes into the comments.
        chosen: Goes into the values.
        command: What trains by it.
    """
    folder, (height, width) = seen.folder, chosen.image_size
    counts = ", ".join(f"{_one_line(name)} {count}" for name, count in _first(seen.counts))
    typical_height, typical_width = seen.typical_shape
    lines = [
        f"# {len(seen.counts)} classes of pictures: {counts}.",
        "#",
        f"#     {command}",
        "",
        "data:",
        f"  directory: {_scalar(str(folder.directory))}",
        _line("  validation_split: 0.2", "a fifth is held out, unless there is validation/"),
        "  seed: 123",
        _line(
            f"  image_size: [{height}, {width}]",
            f"height, width; the pictures are about {typical_height} x {typical_width}",
        ),
        f"  batch_size: {chosen.batch_size}",
        _line(
            f"  resize: {chosen.resize}",
            "their proportions differ: bars at the sides rather than distorted"
            if chosen.resize == "pad"
            else "their proportions are much the same",
        ),
        "",
        _line("augmentation:", "only while training; report.html shows what it does"),
        *_augmentation(chosen),
        "",
        "model:",
        "  layers:",
        "    - Rescaling: {scale: 1/255}",
    ]
    for filters in chosen.filters:
        lines += [
            f"    - Conv2D: {{filters: {filters}, kernel_size: 3, padding: same, "
            "activation: relu}",
            "    - MaxPooling2D",
        ]
    lines += [
        _line(
            f"    - Dropout: {chosen.dropout}",
            f"against learning {len(folder.training)} pictures by heart",
        ),
        "    - Flatten",
        f"    - Dense: {{units: {chosen.units}, activation: relu}}",
        "    # The output layer and the loss follow from the classes.",
        "",
        "training:",
        _line("  epochs: 30", "at most"),
        "  optimizer: adam",
        "  metrics: [accuracy]",
        "",
        "callbacks:",
        "  - EarlyStopping: {monitor: val_accuracy, patience: 10}",
    ]
    return "\n".join(lines) + "\n"


def _augmentation(chosen: Draft) -> list[str]:
    if chosen.is_icon:
        return [
            "  - RandomZoom: 0.1",
            _line("  # - RandomFlip: horizontal", "if a mirror image is still the same class"),
        ]
    return [
        _line("  - RandomFlip: horizontal", "not where left and right matter, as in writing"),
        _line("  - RandomRotation: 0.05", "of a full turn, either way"),
        "  - RandomZoom: 0.1",
    ]


def _line(text: str, comment: str) -> str:
    return f"{text:<28}  # {comment}"


def _image_size(seen: Survey) -> Shape:
    """Never larger than the pictures, and square if they are about square."""
    height, width = (float(max(side, 8)) for side in seen.typical_shape)
    if len(set(seen.shapes)) == 1 and height * width <= _SIDE * _SIDE:
        return int(height), int(width)  # no pixel has to be changed
    if 0.8 <= height / width <= 1.25:
        height = width = math.sqrt(height * width)
    shrink = min(1.0, _SIDE / math.sqrt(height * width))
    # In fours, for each pooling halves them.
    return max(8, round(height * shrink / 4) * 4), max(8, round(width * shrink / 4) * 4)


def _first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return list(counts.items())[:10]


def _one_line(name: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in name)


def _scalar(text: str) -> str:
    """As YAML, in quotes where they are needed."""
    plain = re.fullmatch(r"[\w./][\w./ -]*[\w./]", text, re.ASCII) and not _looks_otherwise(text)
    if plain:
        return text
    # JSON writes what lies beyond U+FFFF as two halves, which YAML doesn't put together.
    marks = (mark if ord(mark) > 0xFFFF else json.dumps(mark)[1:-1] for mark in text)
    return f'"{"".join(marks)}"'


def _looks_otherwise(text: str) -> bool:
    """Whether YAML would read it as a number, a date or a truth value."""
    import yaml

    return not isinstance(yaml.safe_load(text), str)
