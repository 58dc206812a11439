"""Gathers what the report of a training tells, at its end, from where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from imgclf.corrections.familiar_pictures import FeaturesOfSome
from imgclf.data.dataset import DataSet
from imgclf.data.findings import Finding, count_pictures, find_problems
from imgclf.errors import ImgclfError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.manifest import Manifest
from imgclf.report.explanations import Why, explained
from imgclf.report.pages import as_jpeg, thumbnail
from imgclf.report.picture_map import map_pictures
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
from imgclf.system import console, time_limit

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
        some: Features of some of the pictures; None of a network from scratch.
    """

    record: RunRecord
    manifest: Manifest
    history: Mapping[str, Sequence[object]]
    probabilities: Probabilities
    doubts: Sequence[str] = ()
    some: FeaturesOfSome | None = None


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
    quick = time_limit.current() is not None
    return RunFacts(
        declared=declared,
        run=str(run.path),
        started=run.started,
        tensorboard=str(run.path.parent) if run.tensorboard.is_dir() else None,
        record=outcome.record,
        manifest=outcome.manifest,
        history=plain_history(outcome.history),
        answers=Answers.of(data.validation.labels, outcome.probabilities),
        mistakes=tuple(_mistakes(data, outcome, explain=not quick)),
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
        map=None
        if outcome.some is None or outcome.manifest.multi_label
        else map_pictures(data, outcome.some, outcome.probabilities, quick=quick),
    )


def _mistakes(data: DataSet, outcome: Outcome, *, explain: bool) -> Iterator[Mistake]:
    probabilities = outcome.probabilities
    part, folder, names = data.validation, data.folder, data.folder.class_names
    if folder.arrangement.multi_label:  # of several answers some may be right
        return
    said, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != part.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    paths = [str(part.pictures[index].path) for index in worst.tolist()]
    why = _explained(outcome, paths) if explain else {}
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
            why=why.get(str(path)),
        )


def _explained(outcome: Outcome, paths: Sequence[str]) -> Mapping[str, Why]:
    """What explains the answers for pictures, where the model answers without TensorFlow."""
    if not paths or outcome.record.model is None or outcome.manifest.features_sha256 is None:
        return {}
    model = Path(outcome.record.model)
    try:
        return explained(open_classifier(model), model, paths)
    except ImgclfError as error:
        console.warning(f"{error.message}: the report doesn't explain mistakes")
        return {}


def _groups(findings: Sequence[Finding]) -> Iterator[FindingGroup]:
    for kind, members in groupby(sorted(findings, key=lambda one: one.kind), lambda one: one.kind):
        messages = [_as_text(one.message) for one in members]
        yield FindingGroup(kind, len(messages), tuple(messages[:_SHOWN_FINDINGS]))


def _as_text(name: str) -> str:
    """With a replacement character for each byte of a file name that is no text."""
    return name.encode("utf-8", "replace").decode("utf-8")
