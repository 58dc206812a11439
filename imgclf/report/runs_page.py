"""The trainings so far as a page: their scores with intervals, and their curves over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgclf.model.intervals import Interval
from imgclf.report import charts
from imgclf.report.curves import Curves, curves_of
from imgclf.report.pages import write_page
from imgclf.report.runs import differences, epoch_of
from imgclf.runs.folder import RunFolder
from imgclf.runs.summary import Run, read_history

_DRAWN: Final = 10
"""More lines can't be told apart, nor more colours."""

_TRAINING, _VALIDATION = "training", "validation"


@dataclass(frozen=True)
class Row:
    """A training in the table.

    Attributes:
        folder: Of the training, by its name and when it began.
        kind: Of its line in the charts; None if it has none.
        scores: In the order of the columns, None where there is none; each with its interval,
            likewise.
    """

    run: Run
    folder: str
    kind: str | None
    scores: tuple[tuple[float | None, Interval | None], ...]
    epoch: str
    differs: str


def write_runs_page(target: Path, found: Sequence[Run], by: str, name: str | None) -> None:
    """Writes the page.

    Args:
        target: The page.
        found: In the order of the page.
        by: The score that they are sorted by.
        name: Of the config whose trainings they are; None if they are of all.

    Raises:
        WriteError: It can't be written.
    """
    columns = [by, "accuracy", "loss", "test_accuracy"]
    columns = [one for one in dict.fromkeys(columns) if any(one in run.scores for run in found)]
    histories = {run.path: read_history(RunFolder(Path(run.path))) for run in found}
    drawn = [run for run in found if histories[run.path]][:_DRAWN]
    kinds = {run.path: f"run-{place}" for place, run in enumerate(drawn)}
    rows = [
        Row(
            run,
            "/".join(Path(run.path).parts[-2:]),
            kinds.get(run.path),
            tuple((run.scores.get(one), run.intervals.get(one)) for one in columns),
            epoch_of(run),
            differences(run) if run.differs else "",
        )
        for run in found
    ]
    ends = [
        end
        for row in rows
        for score, interval in row.scores
        if score is not None and interval is not None
        for end in (interval.low, interval.high)
    ]
    low, high = min(ends, default=0.0), max(ends, default=1.0)

    def placed(interval: Interval, score: float) -> tuple[float, float, float]:
        room = high - low or 1.0
        return (interval.low - low) / room, (score - low) / room, (interval.high - low) / room

    write_page(
        target,
        "runs.html.j2",
        {
            "name": name,
            "by": by,
            "columns": columns,
            "rows": rows,
            "drawn": len(drawn),
            "charts": {
                part: _charts(drawn, histories, kinds, part) for part in (_VALIDATION, _TRAINING)
            },
            "frame": charts,
            "has_differences": any(run.differs for run in found),
            "low": low,
            "high": high,
            "placed": placed,
        },
    )


def _charts(
    drawn: Sequence[Run],
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    kinds: Mapping[str, str],
    part: str,
) -> list[charts.Chart]:
    """A chart for each quantity, with a line for each training that has it."""
    together: dict[str, dict[str, Sequence[float]]] = {}
    for run in drawn:
        for one in curves_of(histories[run.path], None):
            if part in one.lines:
                together.setdefault(one.title, {})[run.path] = one.lines[part]
    return [
        charts.chart_curves(Curves(title, lines, None), kinds)
        for title, lines in sorted(together.items(), key=lambda item: item[0] != "accuracy")
    ]
