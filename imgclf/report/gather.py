"""Gathers what the report of a training tells, at its end, from where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from imgclf.data.dataset import DataSet
from imgclf.data.findings import Finding, count_pictures, find_problems
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.manifest import Manifest
from imgclf.report.pages import as_jpeg, thumbnail
from imgclf.report.run_facts import (
    Answers,
    Augmentation,
    Declared,
    FindingGroup,
    Mistake,
    RunFacts,
    plain_history,
)
from imgclf.runs.folder import RunFolder, RunRecord

MOST_MISTAKES = 24
_THUMBNAIL = 192
_SHOWN_FINDINGS = 12
_DOUBTFUL = "doubtful corrections"


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        record: As it will be when the run is finished.
        manifest: Of the published model.
        history: Values by epoch, by Keras's names.
        probabilities: Of the published model on the validation pictures, calibrated, shape
            (pictures, classes).
        doubts: Corrections that were trained on and may be mistakes, in words.
    """

    record: RunRecord
    manifest: Manifest
    history: Mapping[str, Sequence[object]]
    probabilities: Probabilities
    doubts: Sequence[str] = ()


def gather_facts(
    declared: Declared,
    data: DataSet,
    run: RunFolder,
    outcome: Outcome,
    augmentation: Augmentation,
) -> RunFacts:
    """Looks at what a training came to.

    Args:
        declared: What it was trained by.
        data: What it was trained on.
        run: Its folder.
        outcome: What it came to.
        augmentation: What happened to the pictures on the way.
    """
    return RunFacts(
        declared=declared,
        run=str(run.path),
        started=run.started,
        tensorboard=str(run.path.parent) if run.tensorboard.is_dir() else None,
        record=outcome.record,
        manifest=outcome.manifest,
        history=plain_history(outcome.history),
        answers=Answers.of(data.validation.labels, outcome.probabilities),
        mistakes=tuple(_mistakes(data, outcome.probabilities)),
        augmentation=augmentation,
        counts=count_pictures(data),
        findings=tuple(
            _groups(
                [
                    *find_problems(data, made_up_for=declared.made_up_for),
                    *(Finding(_DOUBTFUL, one) for one in outcome.doubts),
                ]
            )
        ),
    )


def _mistakes(data: DataSet, probabilities: Probabilities) -> Iterator[Mistake]:
    part, folder, names = data.validation, data.folder, data.folder.class_names
    said, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != part.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    for index in worst.tolist():
        truth = int(part.labels[index])
        path = part.pictures[index].path
        # From the file, for what the network sees may be too small for people; it may be gone.
        small = thumbnail(path, _THUMBNAIL)
        yield Mistake(
            path=_as_text(str(path)),
            name=_as_text(folder.relative(path)),
            truth=names[truth],
            said=names[said[index]],
            confidence=float(confidence[index]),
            truth_probability=float(probabilities[index, truth]),
            thumbnail=small or as_jpeg(part.pixels[part.rows[index]], _THUMBNAIL),
        )


def _groups(findings: Sequence[Finding]) -> Iterator[FindingGroup]:
    for kind, members in groupby(sorted(findings, key=lambda one: one.kind), lambda one: one.kind):
        messages = [_as_text(one.message) for one in members]
        yield FindingGroup(kind, len(messages), tuple(messages[:_SHOWN_FINDINGS]))


def _as_text(name: str) -> str:
    """With a replacement character for each byte of a file name that is no text."""
    return name.encode("utf-8", "replace").decode("utf-8")
