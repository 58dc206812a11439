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

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.assess import Case, Corrected
from imgclf.corrections.copy_features import CopyFeatures
from imgclf.corrections.corrected_pictures import load_picture
from imgclf.corrections.feature_memory import FeatureMemory, JudgedFeatures
from imgclf.corrections.feature_space import FeatureSpace
from imgclf.corrections.guard import Judged, Rights
from imgclf.corrections.head_problem import HeadProblem, first_weights, margins
from imgclf.data.class_balance import balance_of
from imgclf.model.calibration import fit_temperature
from imgclf.model.logistic_regression import LinearHead
from imgclf.model.prediction import Prediction
from imgclf.model_file.last_layer import LastLayer
from imgclf.model_file.manifest import Correction, Manifest

_Floats = NDArray[np.float64]

# The penalty, beside the mean over all pictures; more if it does harm (docs/retraining.md).
_PULLS = 0.03, 0.1, 0.3, 1.0
_FOLDS = 5


@dataclass(frozen=True)
class Refitted:
    """What the last layer came to.

    Attributes:
        pictures: What came of each, in the order of the cases: all were learned.
        judged: Accuracy on held-out pictures that nobody corrected.
        kept: The earlier corrections, which the layer has learned as well.
        kernel: For what the layer takes, shape (inputs, units).
        bias: Shape (units,).
        trained: Kernel and bias that they were pulled towards, with as many units.
        temperature: Fitted anew.
        judge: What it was judged by.
        right: Which of these come out right.
    """

    pictures: tuple[Corrected, ...]
    judged: Judged
    kept: tuple[Correction, ...]
    kernel: _Floats
    bias: _Floats
    trained: tuple[_Floats, _Floats]
    temperature: float
    judge: JudgedFeatures
    right: Rights


class Refit:
    """Solves the last layer of one model again; the model stays as it is.

    Args:
        path: The model file.
        manifest: Its manifest.
        layer: Its last layer.
        memory: Features to go on being right on, and to be judged by.
        features: Those of corrected pictures; new ones are added.
        max_drop: Of accuracy, between 0 and 1; None allows what chance explains, pair by pair.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        layer: LastLayer,
        memory: FeatureMemory,
        features: CopyFeatures,
        max_drop: float | None,
    ) -> None:
        self._path, self._manifest, self._layer = path, manifest, layer
        self._memory, self._features, self._max_drop = memory, features, max_drop
        self._space = FeatureSpace.of(layer.inputs(memory.training.values))

    def learn(self, cases: Sequence[Case], class_names: Sequence[str]) -> Refitted | None:
        """Solves it with all corrections, earlier ones and those that neurons have included.

        Args:
            cases: What is to be learned beside them; none to solve it for those alone.
            class_names: The model's, and one more if the layer is to have one more unit.

        Returns:
            None if not all of it can be learned so, or the held-out pictures would suffer,
            whatever the pull to the layer as it was trained.
        """
        problem = self._problem(cases, class_names)
        if problem is None:
            return None
        judge = self._memory.judge.without(problem.digests)
        if not judge:
            return None
        held_out = self._seen(judge.values)
        # A class that was learned later is none that the trained model could have had wrong.
        as_trained = _only_first(problem.trained, len(self._memory.class_names))
        in_use = _only_first(problem.start, len(self._manifest.class_names))
        for pull in _PULLS:
            solved = problem.solved(pull)
            if solved is None:
                return None  # a stronger pull can't do better
            right = Rights(
                *(
                    margins(head.logits(held_out), judge.labels) > 0
                    for head in (as_trained, in_use, solved, solved)
                )
            )
            judged = Judged.of(right, judge.labels, self._manifest.class_names, self._max_drop)
            if not judged.worse:
                break
        else:
            return None
        temperature = fit_temperature(solved.probabilities(held_out), judge.labels)
        own = LinearHead(solved.weights / temperature, solved.biases / temperature)
        rows = own.probabilities(problem.corrected[len(problem.labels) - len(cases) :, 0])
        pictures = tuple(
            replace(
                case.picture, after=Prediction.of(case.path, row, class_names), outcome="corrected"
            )
            for case, row in zip(cases, rows, strict=True)
        )
        kept = tuple(
            msgspec.structs.replace(one, by="last layer") for one in self._kept_beside(cases)
        )
        units = self._layer.units if len(class_names) == 2 else len(class_names)
        layer, trained = (self._space.layer(one, units) for one in (solved, problem.trained))
        # The classes of the labels come first in the new names, one that is learned later last.
        by = JudgedFeatures(judge, tuple(class_names), own.probabilities(held_out))
        return Refitted(pictures, judged, kept, *layer, trained, temperature, by, right)

    def recognised_unseen(
        self, cases: Sequence[Case], class_names: Sequence[str], name: str
    ) -> int:
        """How many of a class's pictures are recognised when they weren't learned from.

        Each is asked of a layer that was solved without its fifth of them.

        Args:
            cases: What was learned, as `learn` takes it.
            class_names: Likewise.
            name: Of the class.
        """
        problem = self._problem(cases, class_names)
        if problem is None:
            return 0
        mine = np.flatnonzero(problem.labels == class_names.index(name))
        found = 0
        for fold in range(_FOLDS):
            asked = mine[fold::_FOLDS]
            solved = problem.without(asked).solved(_PULLS[0])
            if solved is not None and len(asked):
                logits = solved.logits(problem.corrected[asked, 0])
                found += int((margins(logits, problem.labels[asked]) > 0).sum())
        return found

    def _problem(self, cases: Sequence[Case], class_names: Sequence[str]) -> HeadProblem | None:
        """What is to be solved; None if the picture of an earlier correction is gone."""
        kept = self._kept_beside(cases)
        if not self._look_at(cases, kept):
            return None
        said = {one.digest: one.label for one in kept} | {
            case.picture.digest: case.picture.label for case in cases
        }
        digests = [*said, *(self._features.pixels_digest(digest) for digest in said)]
        training = self._memory.training.without(digests)
        if not training:
            return None
        trained, in_use = (
            _with_classes(self._space.head(*one), len(class_names))
            for one in (self._layer.trained, (self._layer.kernel, self._layer.bias))
        )
        labels = np.array([class_names.index(label) for label in said.values()], np.int64)
        values = [self._seen(self._features[digest]) for digest in said]
        none = np.empty((0, 1, len(self._layer.kernel)), np.float32)
        balance = balance_of(self._manifest.config)
        weights = balance.counts_in_all(training.labels, self._memory.class_names)
        return HeadProblem(
            digests,
            self._seen(training.values),
            training.labels,
            np.ones(len(training)) if weights is None else weights,
            np.stack(values) if values else none,
            labels,
            first_weights(labels, training.labels, len(self._memory.class_names)),
            trained,
            in_use,
        )

    def _kept_beside(self, cases: Sequence[Case]) -> tuple[Correction, ...]:
        """The earlier corrections, but for those that the cases replace."""
        replaced = {case.picture.digest for case in cases}
        return tuple(one for one in self._manifest.corrections if one.digest not in replaced)

    def _look_at(self, cases: Sequence[Case], kept: Sequence[Correction]) -> bool:
        """Whether the features of all of them are known now."""
        pictures = {case.picture.digest: case.pixels for case in cases}
        settings = self._manifest.decoder.settings()
        for one in kept:
            if one.digest not in self._features:
                picture = load_picture(self._path, one.digest, settings)
                if picture is None:
                    return False
                pictures[one.digest] = picture
        self._features.add(pictures)
        return True

    def _seen(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        return self._space.standardized(self._layer.inputs(features))


def _only_first(head: LinearHead, classes: int) -> LinearHead:
    return LinearHead(head.weights[:, :classes], head.biases[:classes])


def _with_classes(head: LinearHead, classes: int) -> LinearHead:
    """With columns of zeros for classes that it doesn't have yet."""
    weights = np.zeros((len(head.weights), classes), np.float32)
    biases = np.zeros(classes, np.float32)
    weights[:, : len(head.biases)], biases[: len(head.biases)] = head.weights, head.biases
    return LinearHead(weights, biases)
