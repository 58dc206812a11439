"""What the last layer is to be right on: pictures that are remembered, and corrections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression

_Labels = NDArray[np.int64]
_Floats = NDArray[np.float64]

# Measured in docs/retraining.md.
_MARGIN = 1.0  # in logits, by which a corrected picture comes out right
_MARGIN_OF_COPIES = 0.5
_MOST_WEIGHT = 64.0  # of a correction; what isn't right by then is left to a neuron


@dataclass(frozen=True)
class HeadProblem:
    """What a head is to be right on.

    Attributes:
        digests: Of the corrected pictures, of which no memory may have anything.
        remembered: Standardized features of training pictures, shape (pictures, features).
        remembered_labels: Of these.
        remembered_weights: How much each of these counts: as in the training that made the head, or
            else a correction of a dog would have it answer as if nothing had made up for few cats.
        corrected: Those of corrections, shape (corrections, copies + 1, features).
        labels: Of the corrections, shape (corrections,).
        weights: How much each of them counts beside an average remembered picture, at first.
        trained: What is pulled towards.
        start: Where to begin.
    """

    digests: list[str]
    remembered: NDArray[np.float32]
    remembered_labels: _Labels
    remembered_weights: _Floats
    corrected: NDArray[np.float32]
    labels: _Labels
    weights: _Floats
    trained: LinearHead
    start: LinearHead

    def without(self, corrections: NDArray[np.int64]) -> HeadProblem:
        """The same, less some of the corrections."""
        stay = np.delete(np.arange(len(self.labels)), corrections)
        return replace(
            self,
            corrected=self.corrected[stay],
            labels=self.labels[stay],
            weights=self.weights[stay],
        )

    def solved(self, pull: float) -> LinearHead | None:
        """The head with which all corrections are right by the margins, or None.

        Without corrections it is the one that was trained.

        Args:
            pull: How strongly towards the head that was trained.
        """
        count, copies, width = self.corrected.shape
        if not count:
            return self.trained
        of_copies = np.repeat(self.labels, copies)
        examples = np.concatenate([self.remembered, self.corrected.reshape(-1, width)])
        wanted = np.full((count, copies), _MARGIN_OF_COPIES)
        wanted[:, 0] = _MARGIN
        weights, head = self.weights, self.start
        while True:
            head = fit_logistic_regression(
                examples,
                np.concatenate([self.remembered_labels, of_copies]),
                self.trained.weights.shape[1],
                l2=pull,
                example_weights=np.concatenate(
                    [self.remembered_weights, np.repeat(weights / copies, copies)]
                ),
                towards=self.trained,
                start=head,
                tolerance=1e-4,
                max_iterations=200,
            )
            logits = head.logits(examples[len(self.remembered) :])
            ahead = margins(logits, of_copies).reshape(count, copies)
            short = (ahead < wanted).any(axis=1) & (weights < _MOST_WEIGHT)
            if not short.any():
                return head if (ahead[:, 0] > 0).all() else None
            weights = np.where(short, 2 * weights, weights)


def margins(logits: NDArray[np.floating], labels: _Labels) -> _Floats:
    """By how much the right class is ahead of the best of the others, shape (pictures,)."""
    rows = np.arange(len(labels))
    others = logits.astype(np.float64)
    right = others[rows, labels]
    others[rows, labels] = -np.inf
    margins: _Floats = right - others.max(axis=1)
    return margins


def first_weights(labels: _Labels, remembered_labels: _Labels, old_classes: int) -> _Floats:
    """What corrections count at first: 1, but those of a later class as much as a class in all.

    Else few pictures of it would be told worse, the more the model was trained on.

    Args:
        labels: Of the corrections.
        remembered_labels: Of the training pictures.
        old_classes: How many classes the model was trained on, which come first.
    """
    counts = np.bincount(labels, minlength=old_classes)
    of_class = np.maximum(len(remembered_labels) / old_classes / np.maximum(counts, 1), 1.0)
    of_class[:old_classes] = 1.0
    weights: _Floats = np.minimum(of_class, _MOST_WEIGHT)[labels]
    return weights
