"""How a correction is learned: one neuron for one mistake, in closed form.

The trained network stays as it is. Each corrected picture gets one neuron beside the head:

    features = the last feature map, averaged down, flattened, scaled to unit length
    firing   = relu(features . key - THRESHOLD)
    logits   = the network's own logits + firing * strength

The key is the ridge regression that answers 1 to the picture and its light copies, and 0 to
replayed training pictures and to all other corrections. Any other picture stays below the
threshold, so its answer does not change at all; the strength is what it takes for every copy to
come out right by a margin. No gradient step is taken and no trained weight moves, batch-norm
statistics included; a correction that does harm is a neuron left out.

One neuron for one mistake is from Transformer-Patcher (Huang et al., ICLR 2023), the key as
least squares against what is to be kept from ROME and MEMIT (Meng et al., 2022 and 2023), the
radius beyond which an edit is silent from GRACE (Hartvigsen et al., NeurIPS 2023). What else
was tried is in docs/retraining.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]

RIDGE = 0.1  # 0.03 to 0.3 measure the same
THRESHOLD = 0.4  # of an answer that is 1 for the picture and near 0 for others
MARGIN = 1.5  # logits by which the right class must lead on every copy
NEAR = 0.9  # cosine from which two pictures count as one: the same file, encoded anew
# Larger feature maps are averaged down before: a neuron has one weight for each feature, which
# is what a correction adds to the file. Whole maps measure no better (docs/retraining.md).
MOST_FEATURES = 5_000
_WEAKEST_FIRING = 0.2  # a copy that fires less is not worth a strength that harms others


@dataclass(frozen=True)
class Responses:
    """What the trained network makes of pictures, corrections left aside.

    Attributes:
        features: Unit length, shape (pictures, features).
        logits: Shape (pictures, units).
    """

    features: Array
    logits: Array

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Responses:
        return Responses(self.features[rows], self.logits[rows])


@dataclass(frozen=True)
class Neurons:
    """One neuron for each correction.

    Attributes:
        keys: Shape (features, corrections).
        strengths: What each adds to the logits, shape (corrections, units).
    """

    keys: Array
    strengths: Array

    def __len__(self) -> int:
        return len(self.strengths)

    def firing(self, features: Array) -> Array:
        """Shape (pictures, corrections); 0 where a picture looks like none of them."""
        result: Array = np.maximum(features @ self.keys - THRESHOLD, 0)
        return result

    def correct(self, responses: Responses) -> Array:
        """Logits with the corrections in them, shape (pictures, units)."""
        result: Array = responses.logits + self.firing(responses.features) @ self.strengths
        return result

    def only(self, rows: NDArray[np.int64]) -> Neurons:
        """Some of them, in the order of `rows`."""
        return Neurons(self.keys[:, rows], self.strengths[rows])

    def joined(self, other: Neurons, chosen: NDArray[np.bool_]) -> Neurons:
        """These and the chosen ones of another set, shape of `chosen` (corrections,)."""
        return Neurons(
            np.concatenate([self.keys, other.keys[:, chosen]], axis=1),
            np.concatenate([self.strengths, other.strengths[chosen]], axis=0),
        )


def pool_side(height: int, width: int, channels: int) -> int:
    """Side of the squares over which a feature map of this size is averaged; 1 if it isn't."""
    side = 1
    while (
        side < max(height, width)
        and math.ceil(height / side) * math.ceil(width / side) * channels > MOST_FEATURES
    ):
        side += 1
    return side


def margins(logits: Array, labels: Labels) -> Array:
    """By how many logits the right class comes first; negative where another does.

    Args:
        logits: Shape (pictures, units).
        labels: What the pictures are, shape (pictures,).

    Returns:
        Shape (pictures,).
    """
    if logits.shape[1] == 1:
        found = logits[:, 0] * np.where(labels == 1, 1, -1)
    else:
        rows = np.arange(len(labels))
        others = logits.copy()
        others[rows, labels] = -np.inf
        found = logits[rows, labels] - others.max(axis=1)
    return found.astype(np.float32)


def solve_keys(
    copies: Sequence[Responses], answers_to: NDArray[np.bool_], silent_on: Array
) -> Array:
    """Keys that answer 1 to some pictures and 0 to the others, by ridge regression.

    Args:
        copies: For each picture, the responses to it and to its light copies.
        answers_to: Which pictures each key answers, shape (pictures, keys).
        silent_on: Features of more pictures that none answers, shape (others, features). Those
            that look like one of the pictures are left out: the same picture with another label
            would make the task impossible.

    Returns:
        Shape (features, keys).
    """
    own = np.stack([one.features[0] for one in copies])
    far = (silent_on @ own.T).max(axis=1, initial=0) < NEAR
    silent, answering = int(far.sum()), np.concatenate([one.features for one in copies])
    # In place: this can be most of what there is in memory.
    rows = np.empty((silent + len(answering), own.shape[1]), np.float32)
    np.compress(far, silent_on, axis=0, out=rows[:silent])
    rows[silent:] = answering
    owner = np.repeat(np.arange(len(copies)), [len(one) for one in copies])
    silence = np.zeros((silent, answers_to.shape[1]))
    gram = (rows @ rows.T).astype(np.float64)
    gram[np.diag_indices_from(gram)] += RIDGE
    weights = np.linalg.solve(gram, np.concatenate([silence, answers_to[owner]]))
    keys: Array = rows.T @ weights.astype(np.float32)
    return keys


def solve_neurons(
    copies: Sequence[Responses], labels: Labels, present: Neurons, silent_on: Array
) -> Neurons:
    """One neuron for each corrected picture.

    Args:
        copies: For each corrected picture, the responses to it and to its light copies.
        labels: What the pictures are, shape (corrections,).
        present: The neurons of earlier corrections, which stay.
        silent_on: Features of the pictures whose answers must not change, shape
            (pictures, features).
    """
    own = np.stack([one.features[0] for one in copies])
    near_copies = (own @ own.T >= NEAR) & (labels[:, np.newaxis] == labels)
    keys = solve_keys(copies, near_copies | np.eye(len(copies), dtype=bool), silent_on)
    strengths = np.zeros((len(copies), copies[0].logits.shape[1]), np.float32)
    new = Neurons(keys, strengths)
    for index, (one, label) in enumerate(zip(copies, labels.tolist(), strict=True)):
        firing = new.firing(one.features)
        so_far = present.correct(one) + firing @ strengths  # neurons solved before help
        missing = np.maximum(MARGIN - margins(so_far, np.full(len(one), label)), 0)
        strength = (missing / np.maximum(firing[:, index], _WEAKEST_FIRING)).max()
        if strengths.shape[1] == 1:
            strengths[index, 0] = strength if label == 1 else -strength
        else:
            strengths[index, label] = strength
    return new
