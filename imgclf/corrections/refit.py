"""Correcting by solving the last layer again, over training pictures and corrections together.

What is solved is convex: multinomial logistic regression with an L2 penalty that pulls towards the
layer as it was trained (`imgclf.model.logistic_regression`), so that the answer follows from the
corrections alone, whatever order they came in. Every correction brings light copies of its picture,
and its weight is doubled until it and its copies are right with a margin. What people say of
pictures that the model has wrong so teaches it of others like them.

Replaying what was learned before is Robins 1995, Catastrophic Forgetting, Rehearsal and
Pseudorehearsal; pulling towards earlier weights is Chelba and Acero 2006, Adaptation of Maximum
Entropy Capitalizer. What was tried stands in docs/retraining.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.assess import Case, Corrected
from imgclf.corrections.copy_features import CopyFeatures
from imgclf.corrections.corrected_pictures import load_picture
from imgclf.corrections.feature_memory import FeatureMemory, LabelledFeatures
from imgclf.corrections.guard import OVERALL, ROUNDING, Judged
from imgclf.model.calibration import fit_temperature
from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression
from imgclf.model.paired_test import drop_by_chance
from imgclf.model.prediction import Prediction
from imgclf.model_file.last_layer import LastLayer
from imgclf.model_file.manifest import Correction, Manifest

_Labels = NDArray[np.int64]
_Floats = NDArray[np.float64]

# Measured in docs/retraining.md.
_PULLS = 0.03, 0.1, 0.3, 1.0  # the penalty, beside the mean over all pictures; more if it does harm
_MARGIN = 1.0  # in logits, by which a corrected picture comes out right
_MARGIN_OF_COPIES = 0.5
_MOST_WEIGHT = 64.0  # of a correction; what isn't right by then is left to a neuron


@dataclass(frozen=True)
class Refitted:
    """What the last layer came to.

    Attributes:
        pictures: What came of each, in the order of the cases: all were learned.
        judged: Accuracy on held-out pictures that nobody corrected.
        kept: The earlier corrections that stay in force.
        kernel: For features as the graph gives them, shape (features, units).
        bias: Shape (units,).
        temperature: Fitted anew.
    """

    pictures: tuple[Corrected, ...]
    judged: Judged
    kept: tuple[Correction, ...]
    kernel: _Floats
    bias: _Floats
    temperature: float


def refit(
    model: Path,
    manifest: Manifest,
    layer: LastLayer,
    memory: FeatureMemory,
    features: CopyFeatures,
    cases: Sequence[Case],
    max_drop: float | None,
) -> Refitted | None:
    """Solves the last layer with corrections; the model stays as it is.

    Args:
        model: The model file.
        manifest: Its manifest.
        layer: Its last layer.
        memory: Features to go on being right on, and to be judged by.
        features: Those of corrected pictures; the new ones are added.
        cases: What is to be learned.
        max_drop: Of accuracy, between 0 and 1; None allows what chance explains, pair by pair.

    Returns:
        None if not all of it can be learned so, or the held-out pictures would suffer, whatever the
        pull to the layer as it was trained.
    """
    replaced = {case.picture.digest for case in cases}
    kept = tuple(one for one in manifest.corrections if one.digest not in replaced)
    for case in cases:
        features.add(case.picture.digest, case.pixels)
    settings = manifest.decoder.settings()
    for one in kept:
        if one.digest not in features:
            picture = load_picture(model, one.digest, settings)
            if picture is None:
                return None
            features.add(one.digest, picture)
    said = {one.digest: one.label for one in kept} | {
        case.picture.digest: case.picture.label for case in cases
    }
    names = manifest.class_names
    space = _Space.of(memory.training, layer)
    trained, before = space.head(*layer.trained), space.head(layer.kernel, layer.bias)
    training = memory.training.without(list(said))
    corrected = np.stack([space.standardized(features[digest]) for digest in said])
    labels = np.array([names.index(label) for label in said.values()])
    judge = memory.judge.without(list(said))
    if not judge or not training:
        return None
    seen = space.standardized(judge.values)
    for pull in _PULLS:
        solved = _solve(
            trained,
            before,
            space.standardized(training.values),
            training.labels,
            corrected,
            labels,
            pull,
        )
        if solved is None:
            return None  # a stronger pull can't do better
        judged = _judged(seen, judge.labels, names, (trained, before, solved), max_drop)
        if all(
            judged.after[name] >= judged.trained[name] - judged.tolerance[name] - ROUNDING
            for name in judged.after
        ):
            break
    else:
        return None
    temperature = fit_temperature(solved.probabilities(seen), judge.labels)
    own = LinearHead(solved.weights / temperature, solved.biases / temperature)
    rows = own.probabilities(
        np.stack([space.standardized(features[case.picture.digest])[0] for case in cases])
    )
    pictures = tuple(
        replace(case.picture, after=Prediction.of(case.path, row, names), fate="corrected")
        for case, row in zip(cases, rows, strict=True)
    )
    return Refitted(pictures, judged, kept, *space.layer(solved), temperature)


def _solve(
    trained: LinearHead,
    start: LinearHead,
    remembered: NDArray[np.float32],
    remembered_labels: _Labels,
    corrected: NDArray[np.float32],
    labels: _Labels,
    pull: float,
) -> LinearHead | None:
    """The head with which all corrections are right by the margins, or None.

    Args:
        trained: What is pulled towards.
        start: Where to begin.
        remembered: Standardized features, shape (pictures, features).
        remembered_labels: Of these.
        corrected: Standardized features, shape (corrections, copies + 1, features).
        labels: Of the corrections, shape (corrections,).
        pull: How strongly towards the head that was trained.
    """
    count, copies, width = corrected.shape
    examples = np.concatenate([remembered, corrected.reshape(-1, width)])
    their_labels = np.concatenate([remembered_labels, np.repeat(labels, copies)])
    wanted = np.full((count, copies), _MARGIN_OF_COPIES)
    wanted[:, 0] = _MARGIN
    weights, classes = np.ones(count), trained.weights.shape[1]
    while True:
        start = fit_logistic_regression(
            examples,
            their_labels,
            classes,
            l2=pull,
            example_weights=np.concatenate(
                [np.ones(len(remembered)), np.repeat(weights / copies, copies)]
            ),
            towards=trained,
            start=start,
            tolerance=1e-4,
            max_iterations=200,
        )
        logits = start.logits(examples[len(remembered) :])
        margins = _margins(logits, np.repeat(labels, copies)).reshape(count, copies)
        short = (margins < wanted).any(axis=1) & (weights < _MOST_WEIGHT)
        if not short.any():
            return start if (margins[:, 0] > 0).all() else None
        weights = np.where(short, 2 * weights, weights)


def _judged(
    features: NDArray[np.float32],
    labels: _Labels,
    names: Sequence[str],
    heads: tuple[LinearHead, LinearHead, LinearHead],
    max_drop: float | None,
) -> Judged:
    right = np.stack([_margins(head.logits(features), labels) > 0 for head in heads])
    names_and_pictures = {OVERALL: np.ones(len(labels), bool)} | {
        names[one]: labels == one for one in np.unique(labels).tolist()
    }
    counts = {name: int(mine.sum()) for name, mine in names_and_pictures.items()}
    trained, before, after = (
        {name: float(of_head[mine].mean()) for name, mine in names_and_pictures.items()}
        for of_head in right
    )
    if max_drop is not None:
        tolerance = dict.fromkeys(counts, max_drop)
    else:
        mended = right[2] & ~right[0]
        tolerance = {
            name: drop_by_chance(int(mended[mine].sum()), counts[name])
            for name, mine in names_and_pictures.items()
        }
    return Judged(trained, before, after, after, tolerance, counts)


def _margins(logits: NDArray[np.floating], labels: _Labels) -> _Floats:
    """By how much the right class is ahead of the best of the others, shape (pictures,)."""
    rows = np.arange(len(labels))
    others = logits.astype(np.float64)
    right = others[rows, labels]
    others[rows, labels] = -np.inf
    margins: _Floats = right - others.max(axis=1)
    return margins


@dataclass(frozen=True)
class _Space:
    """Features brought to mean 0 and like variances, in which the penalty means the same to each.

    Attributes:
        mean: Shape (features,).
        deviation: Likewise.
        units: Of the layer: one is a sigmoid's, between two classes.
    """

    mean: _Floats
    deviation: _Floats
    units: int

    @classmethod
    def of(cls, pictures: LabelledFeatures, layer: LastLayer) -> _Space:
        values = pictures.values.astype(np.float64)
        variance = values.var(axis=0)
        # As in training, and for the same reason: see `feature_moments`.
        deviation = np.sqrt(variance + variance.mean())
        return cls(values.mean(axis=0), deviation, len(layer.bias))

    def standardized(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = ((features - self.mean) / self.deviation).astype(np.float32)
        return result

    def head(self, kernel: _Floats, bias: _Floats) -> LinearHead:
        """A layer for features as they are, with a column for each class."""
        bias, kernel = bias + self.mean @ kernel, kernel * self.deviation[:, np.newaxis]
        if self.units == 1:  # what counts is the difference between the two
            kernel, bias = np.concatenate([-kernel, kernel], axis=1) / 2, np.repeat(bias, 2) / 2
            bias[0] = -bias[0]
        return LinearHead(kernel.astype(np.float32), bias.astype(np.float32))

    def layer(self, head: LinearHead) -> tuple[_Floats, _Floats]:
        """The other way round: kernel and bias."""
        kernel, bias = head.weights.astype(np.float64), head.biases.astype(np.float64)
        if self.units == 1:
            kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
        kernel = kernel / self.deviation[:, np.newaxis]
        return kernel, bias - self.mean @ kernel
