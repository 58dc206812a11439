"""Charts as plain numbers, which a template makes inline SVG of: no library, no script.

All coordinates are in units of a drawing that is `WIDTH` by `HEIGHT`, from its top left corner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imgclf.model.calibration import Bin
from imgclf.report.curves import LEARNING_RATE, Curves

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 350, 10, 192
# More points than this can't be told apart, and only make the page long.
_MOST_POINTS = 250
_DOTS_UP_TO = 40
# A learning rate that falls by more than this is seen on a logarithmic scale only.
_LOGARITHMIC = 20.0


@dataclass(frozen=True)
class Point:
    """One value: where it is drawn, and what it says."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        kind: Chooses the colour: "training", "validation", "other", or "run-0" and so on.
        path: Of an SVG path; it has gaps where values are not numbers.
        points: To be pointed at.
        dots: Whether they are few enough to be drawn.
    """

    label: str
    kind: str
    path: str
    points: tuple[Point, ...]
    dots: bool


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Lines over epochs, or over something else.

    Attributes:
        best: Where the published epoch is; None if it isn't known.
        fine_tuning: Where the second phase begins, between two epochs; None if there is but one.
        step: What the horizontal axis counts.
    """

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    best: Tick | None
    fine_tuning: float | None
    step: str = "epoch"


@dataclass(frozen=True)
class Bar:
    """A bin of confidence in a reliability diagram.

    Attributes:
        share: Of all pictures, of which the bars at the foot are made, as a part of the largest.
        top: Where accuracy is.
        confidence: Where the bin's mean confidence is.
    """

    x: float
    width: float
    top: float
    confidence: float
    share: float
    title: str


@dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence."""

    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def chart_curves(curves: Curves, kinds: Mapping[str, str] | None = None) -> Chart:
    """A quantity over the epochs as lines; those of a learning rate on a logarithmic scale.

    Args:
        curves: The quantity.
        kinds: Of its lines, by their names; None where these say it.
    """
    epochs, published = curves.epochs, curves.published_epoch
    finite = [value for line in curves.lines.values() for value in line if math.isfinite(value)]
    low, high = min(finite), max(finite)
    logarithmic = curves.title == LEARNING_RATE and low > 0 and high / low > _LOGARITHMIC
    marks = _powers_of_ten(low, high) if logarithmic else round_numbers(low, high)
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    bottom, top = scale(marks[0]), scale(marks[-1])

    def x(epoch: float) -> float:
        return across((epoch - 1) / (epochs - 1) if epochs > 1 else 0.5)

    def y(value: float) -> float:
        return up((scale(value) - bottom) / (top - bottom))

    def kind_of(label: str) -> str:
        if kinds is not None:
            return kinds[label]
        return label if label in ("training", "validation") else "other"

    lines = tuple(
        _line(label, kind_of(label), line, [x(epoch) for epoch in range(1, len(line) + 1)], y)
        for label, line in curves.lines.items()
    )
    steps = round_numbers(1, epochs) if epochs > 1 else [1.0]
    shown = sorted({1, *(int(step) for step in steps if step % 1 == 0 and 1 < step <= epochs)})
    return Chart(
        curves.title,
        lines,
        tuple(Tick(x(epoch), str(epoch)) for epoch in shown),
        tuple(Tick(y(mark), f"{mark:.4g}") for mark in marks),
        None if published is None else Tick(x(published), str(published)),
        None if curves.fine_tuned_after is None else x(curves.fine_tuned_after + 0.5),
    )


def chart_reliability(bins: Sequence[Bin]) -> Reliability:
    """The bins as bars; those without pictures are left out."""
    most = max((one.pictures for one in bins), default=0)
    bars = tuple(
        Bar(
            x=across(one.low),
            width=across(one.high) - across(one.low),
            top=up(one.accuracy),
            confidence=across(one.confidence),
            share=one.pictures / most,
            title=f"{one.pictures} pictures of {one.low:.0%} to {one.high:.0%} confidence, on "
            f"average {one.confidence:.1%}: {one.accuracy:.1%} are right",
        )
        for one in bins
        if one.pictures
    )
    steps = [step / 4 for step in range(5)]
    return Reliability(
        bars,
        tuple(Tick(across(step), f"{step:.0%}") for step in steps),
        tuple(Tick(up(step), f"{step:.0%}") for step in steps),
    )


def across(share: float) -> float:
    """From 0 at the left end of the axis to 1 at its right end."""
    return round(LEFT + share * (RIGHT - LEFT), 1)


def up(share: float) -> float:
    """From 0 at the lower end of the axis to 1 at its upper end."""
    return round(BOTTOM - share * (BOTTOM - TOP), 1)


def _line(
    label: str,
    kind: str,
    values: Sequence[float],
    places: Sequence[float],
    y: Callable[[float], float],
) -> Line:
    stride = -(-len(values) // _MOST_POINTS)
    chosen = [i for i in range(len(values)) if i % stride == 0 or i == len(values) - 1]
    path, points, pen = [], [], "M"
    for index in chosen:
        value = values[index]
        if not math.isfinite(value):
            pen = "M"
            continue
        point = Point(places[index], y(value), f"epoch {index + 1}, {label}: {value:.5g}")
        path.append(f"{pen}{point.x} {point.y}")
        points.append(point)
        pen = "L"
    return Line(label, kind, "".join(path), tuple(points), len(chosen) <= _DOTS_UP_TO)


def round_numbers(low: float, high: float) -> list[float]:
    """Four to eight round numbers from below `low` to above `high`."""
    if high <= low:
        room = abs(low) * 0.5 or 0.5
        low, high = low - room, high + room
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(times * size for times in (1, 2, 2.5, 5, 10) if times * size >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # To twelve digits of the step, for 3 * 0.1 is not 0.3.
    digits = 12 - math.floor(math.log10(step))
    return [round(index * step, digits) for index in range(first, last + 1)]


def _powers_of_ten(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, last + 1)]
