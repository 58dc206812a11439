"""A first config with a small network that begins with random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imgclf.commands.draft import (
    Draft,
    data_section,
    imbalance_lines,
    opening,
    suitable_resize,
    with_comment,
)
from imgclf.data.survey import Shape, Survey

# What the tutorials take, and what two CPU cores train on in minutes.
_SIDE = 180
# Below this a picture is an icon or a digit, of which a mirror image may be another class.
_ICON = 48
_FEW, _MANY = 400, 8_000


@dataclass(frozen=True)
class FromScratch(Draft):
    """What was chosen.

    Attributes:
        filters: Of each convolution, first to last.
        is_icon: Whether the pictures are icons or digits rather than photos.
    """

    filters: tuple[int, ...]
    units: int
    dropout: float
    is_icon: bool


def draft_from_scratch(seen: Survey) -> FromScratch:
    """Chooses a picture size and a small network that fit what was seen."""
    image_size = _image_size(seen)
    training = len(seen.folder.training)
    first = 8 if training < _FEW else 16 if training < _MANY else 32
    # Until some six to eleven rows are left, which the dense layer can look at one by one.
    depth = max(1, min(5, int(math.log2(min(image_size) / 6)) if min(image_size) > 6 else 1))
    return FromScratch(
        image_size,
        suitable_resize(seen, image_size),
        8 if training < 100 else 16 if training < _FEW else 32 if training < 4 * _MANY else 64,
        tuple(first * 2**step for step in range(depth)),
        64 if training < _FEW else 128,
        0.5 if training < _FEW else 0.4 if training < 2_000 else 0.25,
        max(image_size) <= _ICON,
    )


def write_from_scratch(
    seen: Survey, chosen: FromScratch, command: str, why: Sequence[str] = ()
) -> str:
    """The config as text.

    Args:
        seen: Goes into the comments.
        chosen: Goes into the values.
        command: What trains by it.
        why: Lines that say what made it be this network, if nobody asked for it.
    """
    height, width = chosen.image_size
    typical_height, typical_width = seen.typical_shape
    lines = [
        *opening(seen, command),
        "",
        *data_section(
            seen,
            chosen,
            with_comment(
                f"  image_size: [{height}, {width}]",
                f"height, width; the pictures are about {typical_height} x {typical_width}",
            ),
        ),
        "",
        with_comment("augmentation:", "only while training; report.html shows what it does"),
        *_augmentation(chosen),
        "",
        "model:",
        *(f"  # {line}" for line in why),
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
        with_comment(
            f"    - Dropout: {chosen.dropout}",
            f"against learning {len(seen.folder.training)} pictures by heart",
        ),
        "    - Flatten",
        f"    - Dense: {{units: {chosen.units}, activation: relu}}",
        "    # The output layer and the loss follow from the classes.",
        "",
        "training:",
        with_comment("  epochs: 30", "at most"),
        "  optimizer: adam",
        "  metrics: [accuracy]",
        *imbalance_lines(seen),
        "",
        "callbacks:",
        "  - EarlyStopping: {monitor: val_accuracy, patience: 10}",
    ]
    return "\n".join(lines) + "\n"


def _augmentation(chosen: FromScratch) -> list[str]:
    if chosen.is_icon:
        return [
            "  - RandomZoom: 0.1",
            with_comment(
                "  # - RandomFlip: horizontal", "if a mirror image is still the same class"
            ),
        ]
    return [
        with_comment(
            "  - RandomFlip: horizontal", "not where left and right matter, as in writing"
        ),
        with_comment("  - RandomRotation: 0.05", "of a full turn, either way"),
        "  - RandomZoom: 0.1",
    ]


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
