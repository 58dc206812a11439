"""Corrections that may be mistakes themselves: a picture's features speak for the old label.

Two witnesses are asked: the model before it learned the correction, and the remembered pictures
that are nearest to it, which is how Wilson 1972 (Asymptotic Properties of Nearest Neighbor Rules
Using Edited Data) finds labels to strike out. A model alone is sure of many of its real mistakes.
docs/retraining.md says how often each is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.assess import Case
from imgclf.corrections.feature_memory import FeatureMemory, load_features
from imgclf.corrections.feature_space import FeatureSpace
from imgclf.errors import ModelFileError
from imgclf.model.engine import LiteRTFeatures, SplitEngine
from imgclf.model_file.classifier import Classifier

_LEAST_PROBABILITY = 0.05
"""What the model gives the label that is said, at least, if it is not in doubt."""

_NEIGHBOURS = 10
_OF_THE_LABEL = 1
"""So many of the nearest may have that label, at most, if it is."""

_ROWS = 2048  # so that not all are in memory once more
_Floats = NDArray[np.float32]


def contradicts_model(case: Case) -> bool:
    """Whether the first witness, the model, speaks against what is said of a picture."""
    said = case.picture.before.probabilities.get(case.picture.label)  # None for a new class
    return case.teaches and said is not None and said < _LEAST_PROBABILITY


def with_doubts(model: Path, classifier: Classifier, cases: Sequence[Case]) -> list[Case]:
    """Marks the corrections that may be mistakes; none where there are no features to ask.

    Args:
        model: The model file.
        classifier: It, opened.
        cases: What was said, and what the model says.
    """
    engine = classifier.engine
    if not isinstance(engine, SplitEngine) or not any(map(contradicts_model, cases)):
        return list(cases)
    try:
        memory = load_features(model, classifier.manifest)
    except ModelFileError:  # who needs it says so
        memory = None
    if memory is None:
        return list(cases)
    doubtful = find_doubtful(cases, memory, engine.features)
    return [
        replace(case, picture=replace(case.picture, doubtful=case.picture.digest in doubtful))
        for case in cases
    ]


def find_doubtful(
    cases: Sequence[Case], memory: FeatureMemory, network: LiteRTFeatures
) -> set[str]:
    """The corrections that both witnesses speak against, by their pictures' digests.

    Args:
        cases: What is to be learned; one of them contradicts the model.
        memory: Features of the pictures that the model was trained on.
        network: What they are from.
    """
    names, asked = memory.class_names, [case for case in cases if contradicts_model(case)]
    features = network.run(np.stack([case.pixels for case in asked]))[1]
    training = memory.training.without([case.picture.digest for case in asked])
    if len(training) < _NEIGHBOURS:
        return set()
    space = FeatureSpace.of(training.values)
    directions = _directions(features, space)
    starts = range(0, len(training), _ROWS)
    similar = np.concatenate(
        [
            _directions(training.values[start : start + _ROWS], space) @ directions.T
            for start in starts
        ]
    )
    nearest = np.argpartition(-similar, _NEIGHBOURS - 1, axis=0)[:_NEIGHBOURS]
    labels = np.array([names.index(case.picture.label) for case in asked])
    of_the_label = (training.labels[nearest] == labels).sum(axis=0)
    return {
        case.picture.digest
        for case, count in zip(asked, of_the_label.tolist(), strict=True)
        if count <= _OF_THE_LABEL
    }


def _directions(features: NDArray[np.floating], space: FeatureSpace) -> _Floats:
    """Standardized and at unit length."""
    found = space.standardized(features)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    directions: _Floats = (found / np.maximum(lengths, 1e-12)).astype(np.float32)
    return directions
