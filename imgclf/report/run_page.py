"""The report of a training: one page that opens anywhere, and its charts as pictures."""

from __future__ import annotations

import math
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from imgclf.config.yaml_scalars import write_yaml
from imgclf.data.findings import Finding
from imgclf.model.scoring import Evaluation
from imgclf.report import charts
from imgclf.report.pages import write_page
from imgclf.report.plots import draw_calibration, draw_confusion
from imgclf.report.run_facts import RunFacts

# A larger matrix is no longer read cell by cell, and makes the page heavy.
_MATRIX_UP_TO = 40
_CONFUSIONS = 8
_LISTED_FINDINGS = 12


@dataclass(frozen=True)
class Confusion:
    """One class taken for another."""

    truth: str
    said: str
    pictures: int
    of: int


@dataclass(frozen=True)
class FindingGroup:
    """Findings of a kind; `more` are not listed."""

    kind: str
    count: int
    shown: tuple[str, ...]
    more: int


def write_report(facts: RunFacts) -> None:
    """Writes `report.html`, `confusion.png` and `calibration.png` of a run.

    Raises:
        WriteError: One of them can't be written.
    """
    run, evaluation = facts.run, facts.evaluation
    draw_confusion(evaluation, run.confusion)
    draw_calibration(facts.bins, evaluation.expected_calibration_error, run.calibration)
    loaded = facts.loaded
    seed = loaded.config.training.seed
    write_page(
        run.report,
        "run.html.j2",
        {
            "facts": facts,
            "name": loaded.name,
            "started": f"{run.started:%d %B %Y, %H:%M}" if run.started else run.path.name,
            "charts": charts.chart_history(facts.history, facts.record.published_epoch),
            "reliability": charts.chart_reliability(facts.bins),
            "frame": charts,
            "epochs": _epoch_table(facts),
            "interval": _interval(evaluation.accuracy, evaluation.pictures),
            "confusions": _confusions(evaluation),
            "has_matrix": len(evaluation.classes) <= _MATRIX_UP_TO,
            "wrong": evaluation.pictures - round(evaluation.accuracy * evaluation.pictures),
            "findings": _groups(facts.findings),
            "augmentation": write_yaml(loaded.config.written()["augmentation"]),
            "seed": loaded.config.data.seed if seed is None else seed,
            "versions": {"python": platform.python_version(), **facts.manifest.made_with},
            "system": platform.platform(),
            "tensorboard": f"tensorboard --logdir {shlex.quote(str(run.path.parent))}"
            if run.tensorboard.is_dir()
            else None,
        },
    )


def _epoch_table(facts: RunFacts) -> tuple[list[str], list[list[str]]]:
    """The columns of the log, and its rows."""
    columns = list(facts.history)
    rows = zip(*facts.history.values(), strict=False)
    return columns, [[_cell(value) for value in row] for row in rows]


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) else str(value)


def _interval(share: float, count: int) -> tuple[float, float]:
    """Between which the true share lies with 95 % confidence (Wilson 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    room = share * (1 - share) / count + z * z / (4 * count * count)
    reach = z * math.sqrt(room) / (1 + z * z / count)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _confusions(evaluation: Evaluation) -> list[Confusion]:
    """The most frequent first."""
    names = list(evaluation.classes)
    found = [
        Confusion(names[truth], names[said], count, sum(row))
        for truth, row in enumerate(evaluation.confusion_matrix)
        for said, count in enumerate(row)
        if count and said != truth
    ]
    return sorted(found, key=lambda one: -one.pictures)[:_CONFUSIONS]


def _groups(findings: Sequence[Finding]) -> list[FindingGroup]:
    groups = []
    for kind, members in groupby(sorted(findings, key=lambda one: one.kind), lambda one: one.kind):
        messages = [one.message for one in members]
        shown = tuple(messages[:_LISTED_FINDINGS])
        groups.append(FindingGroup(kind, len(messages), shown, len(messages) - len(shown)))
    return groups
