"""The sizes of pictures as a chart: each size a disc, the larger the more pictures have it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from imgclf.data.decoder import DecoderSettings
from imgclf.data.survey import Shape
from imgclf.report.charts import Tick, across, round_numbers, up

_DISCS: Final = 400
_LEAST, _MOST = 2.0, 9.0


@dataclass(frozen=True)
class Disc:
    """Pictures of one size."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True)
class SizeChart:
    """Widths from left to right, heights from below.

    Attributes:
        network: What the network sees of each picture.
        usual: The size that most have, (height, width), and `share` of them.
        smallest: By area; of equal ones any.
        largest: Likewise.
        enlarged: How many have fewer pixels than the network sees, and are blown up.
        pictures: How many were measured.
        more: How many sizes are not drawn.
    """

    discs: tuple[Disc, ...]
    network: Disc
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    usual: Shape
    share: float
    smallest: Shape
    largest: Shape
    enlarged: int
    pictures: int
    more: int


def chart_sizes(shapes: Counter[Shape], settings: DecoderSettings) -> SizeChart | None:
    """Draws how large pictures are.

    Args:
        shapes: How often each (height, width) is there.
        settings: What becomes of them.

    Returns:
        None if there are none.
    """
    if not shapes:
        return None
    common = shapes.most_common(_DISCS)
    wanted = settings.height, settings.width
    heights, widths = zip(*(shape for shape, _ in common), wanted, strict=True)
    y_marks, x_marks = (round_numbers(0, max(sides)) for sides in (heights, widths))
    most = common[0][1]

    def disc(shape: Shape, share: float, title: str) -> Disc:
        height, width = shape
        radius = _LEAST + (_MOST - _LEAST) * math.sqrt(share)
        return Disc(across(width / x_marks[-1]), up(height / y_marks[-1]), round(radius, 1), title)

    by_area = sorted(shapes, key=lambda shape: shape[0] * shape[1])
    return SizeChart(
        tuple(disc(shape, count / most, _title(shape, count)) for shape, count in common),
        disc(wanted, 0, f"what the network sees: {in_words(wanted)}"),
        _ticks(x_marks, across),
        _ticks(y_marks, up),
        usual=common[0][0],
        share=most / shapes.total(),
        smallest=by_area[0],
        largest=by_area[-1],
        enlarged=sum(
            count
            for (height, width), count in shapes.items()
            if height < settings.height or width < settings.width
        ),
        pictures=shapes.total(),
        more=len(shapes) - len(common),
    )


def in_words(shape: Shape) -> str:
    """Width first, as people say it."""
    return f"{shape[1]} x {shape[0]}"


def _title(shape: Shape, count: int) -> str:
    return f"{in_words(shape)}: {count} {'picture' if count == 1 else 'pictures'}"


def _ticks(marks: Sequence[float], place: Callable[[float], float]) -> tuple[Tick, ...]:
    return tuple(Tick(place(mark / marks[-1]), f"{mark:.0f}") for mark in marks)
