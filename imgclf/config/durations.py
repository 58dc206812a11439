"""Lengths of time as people write them: `10 min`, `90 s`, `1 h 30 min`, or seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from imgclf.config.json_forms import OFF, JsonSchema, any_case_pattern, any_of
from imgclf.config.problems import Report
from imgclf.config.tree import Node
from imgclf.config.value_checks import Number

DURATION = "a time such as 10 min, 90 s or 1 h, a number of seconds, or null"
"""What a message says may stand there."""

LONGEST = 366 * 24 * 3600.0
"""Seconds; who writes more has mistaken the unit."""

_UNITS: Mapping[str, float] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 24 * 3600),
}
_AMOUNT = r"\s*([0-9]+(?:\.[0-9]+)?)\s*"
_PART = re.compile(rf"{_AMOUNT}([a-zA-Z]+)")


def read_duration(report: Report, node: Node, key: str) -> float | None:
    """Seconds.

    Args:
        report: Takes the problem, if there is one.
        node: A number of seconds, numbers with units, or a word for none.
        key: The dotted key of `node`.

    Returns:
        None if there is none, or it can't be read.
    """
    if node.value is None or node.is_off:
        return None
    seconds = _seconds(node.value)
    if seconds is None:
        report.refuse(
            node, key, "this is no length of time", received=node.shown(), allowed=DURATION
        )
    elif not 0 < seconds <= LONGEST:
        message = "this can't be used: it must be above 0, and at most a year"
        report.refuse(node, key, message, received=node.shown(), allowed=DURATION)
        return None
    return seconds


def duration_form() -> JsonSchema:
    """What `read_duration` takes, for an editor."""
    unit = any_case_pattern(*_UNITS).removeprefix("^").removesuffix("$")
    with_units = {"type": "string", "pattern": rf"^(?:{_AMOUNT}{unit}(?![a-zA-Z]))+\s*$"}
    return any_of(OFF, Number(above=0, most=LONGEST).schema(), with_units)


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else math.inf
    if not isinstance(value, str):
        return None
    total, place = 0.0, 0
    while place < len(value.rstrip()):
        part = _PART.match(value, place)
        unit = None if part is None else _UNITS.get(part[2].lower())
        if part is None or unit is None:
            return None
        total, place = total + float(part[1]) * unit, part.end()
    return total if place else None
