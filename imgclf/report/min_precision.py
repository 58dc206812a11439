"""Which answers a precision takes, and how good they are, for people."""

from __future__ import annotations

from imgclf.model.class_thresholds import ClassThreshold, ClassThresholds
from imgclf.model.selective import Selective
from imgclf.report.scores import interval_cell
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines

_NAMED = 12
"""Labels that a line has room for."""


def thresholds_line(thresholds: ClassThresholds) -> str:
    """From which confidence on which label is given."""
    shared = {one.least for one in thresholds.classes.values() if one.shared}
    parts = [
        f"{name} {_least(one)}"
        for name, one in thresholds.classes.items()
        if not (one.shared or one.least is None)
    ]
    if len(parts) > _NAMED:
        parts = [*parts[:_NAMED], f"{len(parts) - _NAMED} more"]
    for least in shared - {None}:
        parts.append(f"{'all others' if parts else 'all'} {_number(least)}")
    never = thresholds.never
    if never:
        more = f" and {len(never) - _NAMED} more" if len(never) > _NAMED else ""
        parts.append(f"never {', '.join(never[:_NAMED])}{more}")
    if thresholds.unseen:
        parts[-1] += f" ({len(thresholds.unseen)} of these had no picture held out)"
    return (
        f"a label is given from this confidence on: {', '.join(parts)}; so "
        f"{thresholds.given} of {thresholds.pictures} held-out pictures get one"
    )


def selective_table(selective: Selective, *, chosen_by: bool) -> Lines:
    """The share that is answered, the precision, and a row for each class.

    Args:
        selective: How the model does.
        chosen_by: Whether the thresholds were chosen by these very pictures.
    """
    overall, thresholds = selective.overall, selective.thresholds
    right = "none"
    if overall.precision is not None:
        interval = overall.precision_interval
        right = (
            f"{overall.precision:.4f} of them rightly, 95% interval {interval.low:.4f} to "
            f"{interval.high:.4f}"
        )
    columns = (
        Column("class", "left"),
        Column("confidence"),
        Column("answered"),
        Column("right"),
        Column("precision"),
        Column("precision-95%"),
    )
    rows = (
        [
            name,
            _least(thresholds.classes[name]),
            str(one.given),
            str(one.right),
            "" if one.precision is None else f"{one.precision:.4f}",
            interval_cell(one.precision_interval) if one.given else "",
        ]
        for name, one in selective.classes.items()
    )
    heading = (
        f"--min-precision {thresholds.min_precision}: {overall.given} of {selective.pictures} "
        f"pictures answered ({selective.share_answered:.1%}), {right}"
    )
    if chosen_by:
        heading += "; the limits were chosen by these very pictures"
    return Lines.of(heading, "", table(columns, rows))


def _least(one: ClassThreshold) -> str:
    return "never" if one.least is None else _number(one.least)


def _number(least: float | None) -> str:
    """Not rounded up to 1, which no answer would reach."""
    value = 0.0 if least is None else least
    if not value:
        return "0"
    digits = 4
    while value < 1 and f"{value:.{digits}f}".startswith("1") and digits < 16:
        digits += 1
    return f"{value:.{digits}f}"
