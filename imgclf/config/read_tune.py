"""From the tree of a config to what is searched: the section `tune`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from imgclf.config.durations import duration_form, read_duration
from imgclf.config.json_forms import (
    ANYTHING,
    NULL,
    OFF,
    JsonSchema,
    any_of,
    list_of,
    mapping,
    names_with,
)
from imgclf.config.problems import Report
from imgclf.config.read_spec import refuse_argument
from imgclf.config.tree import Node
from imgclf.config.tune import MOST_CHOICES, MOST_TRIALS, Pruner, Range, Tune
from imgclf.config.value_checks import MISMATCH, Check, Flag, Number, OneOf, Whole

_ALLOWED = "{trials: 50, timeout: 10 min, pruner: median, ranges: {KEY: RANGE, ...}}, or null"
_RANGE = "{low: 1e-4, high: 1e-2, log: true}, {choices: [a, b]}, or [a, b]"
_CHECKS: Mapping[str, Check] = {
    "trials": Whole(1, MOST_TRIALS),
    "pruner": OneOf(get_args(Pruner)),
}
_NUMBER, _FLAG = Number(), Flag()


def read_tune(report: Report, node: Node, key: str) -> Tune | None:
    """What is searched, and how long.

    Args:
        report: Takes the problems and the places of the ranges.
        node: Keys, or a word for nothing.
        key: The dotted key of `node`.

    Returns:
        None if nothing is; with the defaults of what can't be read.
    """
    if node.value is None or node.is_off:
        return None
    if not isinstance(node.value, dict):
        report.refuse(node, key, "this can't be used", received=node.shown(), allowed=_ALLOWED)
        return None
    given: dict[str, Any] = {}
    for name, inner in node.value.items():
        place = f"{key}.{name}"
        report.origins[place] = inner.origin
        if name not in Tune.model_fields:
            refuse_argument(report, inner, place, "tune", name, Tune.model_fields)
        elif name == "ranges":
            given[name] = _read_ranges(report, inner, place)
        elif name == "timeout":
            given[name] = read_duration(report, inner, place)
        else:
            value = MISMATCH if inner.is_empty else _CHECKS[name].read(inner)
            if value is MISMATCH:
                pruner = " (none tries all to the end)" if name == "pruner" else ""
                report.refuse_value(inner, place, "tune", name, _CHECKS[name], pruner)
            else:
                given[name] = value
    return Tune(**given)


def _read_ranges(report: Report, node: Node, key: str) -> dict[str, Range]:
    if node.is_empty:
        return {}
    if not isinstance(node.value, dict):
        message = "the keys that are varied are expected here, each with its range"
        example = f"training.optimizer.learning_rate: {_RANGE}"
        report.refuse(node, key, message, received=node.shown(), allowed=example)
        return {}
    read = {name: _read_range(report, inner, f"{key}.{name}") for name, inner in node.value.items()}
    return {name: one for name, one in read.items() if one is not None}


def _read_range(report: Report, node: Node, key: str) -> Range | None:
    report.origins[key] = node.origin
    if isinstance(node.value, list):
        return _read_choices(report, node, key)
    if not isinstance(node.value, dict):
        message = "this is no range"
        report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
        return None
    for name, inner in node.value.items():
        if name not in Range.model_fields:
            refuse_argument(report, inner, f"{key}.{name}", "a range", name, Range.model_fields)
            return None
    if "choices" in node.value:
        if len(node.value) > 1:
            message = "a range has choices or ends, not both"
            report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
            return None
        return _read_choices(report, node.value["choices"], key)
    return _read_ends(report, node, node.value, key)


def _read_choices(report: Report, node: Node, key: str) -> Range | None:
    if not isinstance(node.value, list) or not 1 <= len(node.value) <= MOST_CHOICES:
        message = f"choices are a list of 1 to {MOST_CHOICES} values"
        report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
        return None
    return Range(choices=tuple(item.plain() for item in node.value))


def _read_ends(report: Report, node: Node, values: Mapping[str, Node], key: str) -> Range | None:
    missing = [name for name in ("low", "high") if name not in values]
    if missing:
        message = f"a range needs {' and '.join(missing)}"
        report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
        return None
    low, high = (_NUMBER.read(values[name]) for name in ("low", "high"))
    log = _FLAG.read(values["log"]) if "log" in values else False
    for name, value, check in (("low", low, _NUMBER), ("high", high, _NUMBER), ("log", log, _FLAG)):
        if value is MISMATCH:
            report.refuse_value(values[name], f"{key}.{name}", "a range", name, check)
            return None
    if not low < high or not math.isfinite(high - low):
        message = "low must be below high"
        report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
        return None
    if log and low <= 0:
        message = "on a logarithmic scale both ends are above 0"
        report.refuse(node, key, message, received=node.shown(), allowed=_RANGE)
        return None
    return Range(low=low, high=high, log=log)


def tune_form() -> JsonSchema:
    """What `read_tune` takes, for an editor."""
    choices = list_of(ANYTHING, 1, MOST_CHOICES)
    ends = {"low": _NUMBER.schema(), "high": _NUMBER.schema(), "log": _FLAG.schema()}
    one = any_of(
        choices, mapping({"choices": choices}, ["choices"]), mapping(ends, ["low", "high"])
    )
    keys = {name: check.schema() for name, check in _CHECKS.items()}
    keys |= {"timeout": duration_form(), "ranges": any_of(NULL, names_with(one))}
    return any_of(OFF, mapping({name: keys[name] for name in Tune.model_fields}))
