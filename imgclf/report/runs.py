"""The trainings so far as a table for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from imgclf.report.scores import interval_cell
from imgclf.report.tables import Column, table
from imgclf.runs.summary import Run

_KEYS_SHOWN = 4


def runs_table(found: Sequence[Run], by: str) -> str:
    """A row for each training, the score that they are sorted by first.

    The epoch is the one that was published, of all that were run; unfinished ones say how many
    there will be. The keys in which the trainings of a name differ come last, if they do, and
    before them the interval of that score, or of the accuracy where it has none.
    """
    scores = list(dict.fromkeys([by, "accuracy", "loss", "test_accuracy"]))
    scores = [name for name in scores if any(name in run.scores for run in found)]
    sure_of = by if any(by in run.intervals for run in found) else "accuracy"
    columns = (
        *map(Column, scores),
        Column("epoch"),
        Column("status", "left"),
        Column("seconds"),
        Column("model", "left"),
        Column("run", "left"),
        Column(f"{sure_of}-95%", "left"),
        *([Column("differs in", "left")] if any(run.differs for run in found) else []),
    )
    rows = (
        [
            *(_number(run.scores.get(name)) for name in scores),
            epoch_of(run),
            run.status,
            "-" if run.seconds is None else f"{run.seconds:.0f}",
            f"{run.name} {run.version}" if run.version else "-",
            run.path,
            interval_cell(run.intervals[sure_of]) if sure_of in run.intervals else "-",
            *([differences(run)] if any(run.differs for run in found) else []),
        ]
        for run in found
    )
    return table(columns, rows)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def differences(run: Run) -> str:
    """The first keys in which its config differs from others of its name, with their values."""
    shown = [_key_and_value(key, value) for key, value in run.differs.items()]
    more = len(shown) - _KEYS_SHOWN
    return " ".join(shown[:_KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "") or "-"


def _key_and_value(key: str, value: object) -> str:
    if key == f"callbacks.{value}":  # which has it, and that is all
        return key
    return f"{key}={value if isinstance(value, str) else json.dumps(value, default=str)}"


def epoch_of(run: Run) -> str:
    """The published epoch of those that were run, and of unfinished ones how many there will be."""
    if run.epoch is None:
        return "-"
    asked = f" ({run.epochs})" if run.status != "finished" and run.epochs else ""
    return f"{run.epoch}/{run.epochs_run}{asked}"
