"""Corrections that may be mistakes themselves: a picture's features speak for the old label.

Two witnesses are asked: the model before it learned the correction, and the remembered pictures
that are nearest to it, which is how Wilson 1972 (Asymptotic Properties of Nearest Neighbor Rules
Using Edited Data) finds labels to strike out. A model alone is sure of many of its real mistakes.
docs/retraining.md says how often each is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.assess import Case
from imgclf.corrections.feature_memory import FeatureMemory
from imgclf.model.engine import LiteRTFeatures

_LEAST_PROBABILITY = 0.05
"""What the model gives the label that is said, at least, if it is not in doubt."""

_NEIGHBOURS = 10
_OF_THE_LABEL = 1
"""So many of the nearest may have that label, at most, if it is."""

_ROWS = 2048
_Floats = NDArray[np.float32]


def contradicts_model(case: Case) -> bool:
    """Whether the first witness, the model, speaks against what is said of a picture."""
    said = case.picture.before.probabilities.get(case.picture.label)  # None for a new class
    return case.teaches and said is not None and said < _LEAST_PROBABILITY


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
    mean, deviation = _moments(training.values)
    directions = _directions(features, mean, deviation)
    similar = np.concatenate(
        [rows @ directions.T for rows in _all_directions(training.values, mean, deviation)]
    )
    nearest = np.argpartition(-similar, _NEIGHBOURS - 1, axis=0)[:_NEIGHBOURS]
    labels = np.array([names.index(case.picture.label) for case in asked])
    of_the_label = (training.labels[nearest] == labels).sum(axis=0)
    return {
        case.picture.digest
        for case, count in zip(asked, of_the_label.tolist(), strict=True)
        if count <= _OF_THE_LABEL
    }


def _moments(values: NDArray[np.float16]) -> tuple[_Floats, _Floats]:
    """Of each feature, without all of them in memory in a larger type; shape (features,)."""
    total = squares = np.zeros(values.shape[1])
    for start in range(0, len(values), _ROWS):
        rows = values[start : start + _ROWS].astype(np.float64)
        total, squares = total + rows.sum(axis=0), squares + (rows**2).sum(axis=0)
    mean = total / len(values)
    variance = np.maximum(squares / len(values) - mean**2, 0)
    # As in training, and for the same reason: see `feature_moments`.
    deviation = np.sqrt(variance + variance.mean())
    return mean.astype(np.float32), deviation.astype(np.float32)


def _all_directions(
    values: NDArray[np.float16], mean: _Floats, deviation: _Floats
) -> Iterator[_Floats]:
    for start in range(0, len(values), _ROWS):
        yield _directions(values[start : start + _ROWS].astype(np.float32), mean, deviation)


def _directions(features: _Floats, mean: _Floats, deviation: _Floats) -> _Floats:
    """Standardized and at unit length."""
    found = (features - mean) / deviation
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    directions: _Floats = (found / np.maximum(lengths, 1e-12)).astype(np.float32)
    return directions
