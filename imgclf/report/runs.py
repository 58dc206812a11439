"""The trainings so far as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from imgclf.report.tables import Column, table
from imgclf.runs.summary import Run


def runs_table(found: Sequence[Run], by: str) -> str:
    """A row for each training, the score that they are sorted by first.

    The epoch is the one that was published, of all that were run; unfinished ones say how many
    there will be.
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
    )
    rows = (
        [
            *(_number(run.scores.get(name)) for name in scores),
            _epoch(run),
            run.status,
            "-" if run.seconds is None else f"{run.seconds:.0f}",
            f"{run.name} {run.version}" if run.version else "-",
            run.path,
        ]
        for run in found
    )
    return table(columns, rows)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _epoch(run: Run) -> str:
    if run.epoch is None:
        return "-"
    asked = f" ({run.epochs})" if run.status != "finished" and run.epochs else ""
    return f"{run.epoch}/{run.epochs_run}{asked}"
