"""The report of a training: one page that opens anywhere, and its charts as pictures."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.model.calibration import reliability
from imgclf.model.multi_label import MultiLabelEvaluation, as_answers, evaluate_labels
from imgclf.model.scoring import Evaluation, evaluate_probabilities
from imgclf.report import charts
from imgclf.report.curves import curves_of
from imgclf.report.pages import write_page
from imgclf.report.plots import draw_calibration, draw_confusion
from imgclf.report.run_facts import PictureMap, RunFacts
from imgclf.runs.folder import RunFolder

# A larger matrix is no longer read cell by cell, and makes the page heavy.
_MATRIX_UP_TO = 40
_CONFUSIONS = 8


@dataclass(frozen=True)
class Confusion:
    """One class taken for another."""

    truth: str
    said: str
    pictures: int
    of: int


def write_report(facts: RunFacts, run: RunFolder) -> None:
    """Writes `report.html`, `confusion.png` and `calibration.png`.

    Args:
        facts: What they tell.
        run: The folder that they go to.

    Raises:
        WriteError: One of them can't be written.
    """
    manifest = facts.manifest
    names, temperature = manifest.class_names, manifest.temperature
    several = len(names) if manifest.multi_label else None
    labels, probabilities = facts.answers.labels(several), facts.answers.probabilities(len(names))
    evaluation: Evaluation | MultiLabelEvaluation
    shown: dict[str, object]
    if manifest.multi_label:
        evaluation = evaluate_labels(
            probabilities,
            labels,
            names,
            manifest.label_thresholds,
            part="validation",
            temperature=temperature,
        )
        bins = reliability(*as_answers(probabilities, labels))
        run.confusion.unlink(missing_ok=True)
        just = round(evaluation.subset_accuracy * evaluation.pictures)
        shown = {"wrong": evaluation.pictures - just, "confusions": [], "has_matrix": False}
    else:
        evaluation = evaluate_probabilities(
            probabilities, labels, names, part="validation", temperature=temperature
        )
        bins = reliability(probabilities, labels)
        draw_confusion(evaluation, run.confusion)
        shown = {
            "wrong": evaluation.pictures - round(evaluation.accuracy * evaluation.pictures),
            "confusions": _confusions(evaluation),
            "has_matrix": len(evaluation.classes) <= _MATRIX_UP_TO,
        }
    draw_calibration(bins, evaluation.expected_calibration_error, run.calibration)
    record = facts.record
    curves = curves_of(facts.history, record.published_epoch, record.fine_tuned_after)
    board = facts.tensorboard
    write_page(
        run.report,
        "run.html.j2",
        {
            "facts": facts,
            "evaluation": evaluation,
            "started": _started(facts),
            "charts": [charts.chart_curves(one) for one in curves],
            "bins": len(bins),
            "reliability": charts.chart_reliability(bins),
            "frame": charts,
            "epochs": _epoch_table(facts),
            **shown,
            "points": _points(facts.map),
            "view": _view(facts),
            "versions": {"python": facts.python, **facts.manifest.made_with},
            "tensorboard": f"tensorboard --logdir {shlex.quote(board)}" if board else None,
        },
    )


_MAP_WIDTH, _MAP_HEIGHT, _MAP_EDGE = 900, 560, 14
_HUES = 10


@dataclass(frozen=True)
class MapPoint:
    """A picture on the map.

    Attributes:
        hue: Of its class.
        is_wrong: The model takes it for another.
    """

    x: float
    y: float
    hue: int
    is_wrong: bool


def _points(found: PictureMap | None) -> list[MapPoint]:
    if found is None:
        return []
    room = np.array([_MAP_WIDTH, _MAP_HEIGHT]) - 2 * _MAP_EDGE
    places = (found.positions() * room + _MAP_EDGE).round(1).tolist()
    return [
        MapPoint(x, y, label % _HUES, said not in (None, label))
        for (x, y), label, said in zip(places, found.labels, found.said, strict=True)
    ]


def _view(facts: RunFacts) -> dict[str, object] | None:
    """How the places lie in a mistake's picture where the model looked; None if none says it."""
    looked = [one.why.looked for one in facts.mistakes if one.why is not None]
    return next((one.view() for one in looked if one is not None), None)


def _started(facts: RunFacts) -> str:
    return f"{facts.started:%d %B %Y, %H:%M}" if facts.started else Path(facts.run).name


def _epoch_table(facts: RunFacts) -> tuple[list[str], list[list[str]]]:
    """The columns of the log, and its rows."""
    columns = list(facts.history)
    rows = zip(*facts.history.values(), strict=False)
    return columns, [[_cell(value) for value in row] for row in rows]


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"


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
