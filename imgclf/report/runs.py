"""The trainings so far as a table for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from imgclf.report.tables import Column, table
from imgclf.runs.summary import Run

_KEYS_SHOWN = 4


def runs_table(found: Sequence[Run], by: str) -> str:
    """A row for each training, the score that they are sorted by first.

    The epoch is the one that was published, of all that were run; unfinished ones say how many
    there will be. The keys in which the trainings of a name differ come last, if they do.
    """
    scores = list(dict.fromkeys([by, "accuracy", "loss", "test_accuracy"]))
    scores = [name for name in scores if any(name in run.scores for run in found)]
    columns = (
        *map(Column, scores),
        Column("epoch"),
        Column("status", "left"),
        Column("seconds"),
        Column("model", "left"),
        Column("run", "left"),
        *([Column("differs in", "left")] if any(run.differs for run in found) else []),
    )
    rows = (
        [
            *(_number(run.scores.get(name)) for name in scores),
            _epoch(run),
            run.status,
            "-" if run.seconds is None else f"{run.seconds:.0f}",
            f"{run.name} {run.version}" if run.version else "-",
            run.path,
            *([_differs(run)] if len(columns) > len(scores) + 5 else []),
        ]
        for run in found
    )
    return table(columns, rows)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _differs(run: Run) -> str:
    shown = [_key_and_value(key, value) for key, value in run.differs.items()]
    more = len(shown) - _KEYS_SHOWN
    return " ".join(shown[:_KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "") or "-"


def _key_and_value(key: str, value: object) -> str:
    if key == f"callbacks.{value}":  # which has it, and that is all
        return key
    return f"{key}={value if isinstance(value, str) else json.dumps(value, default=str)}"


def _epoch(run: Run) -> str:
    if run.epoch is None:
        return "-"
    asked = f" ({run.epochs})" if run.status != "finished" and run.epochs else ""
    return f"{run.epoch}/{run.epochs_run}{asked}"
