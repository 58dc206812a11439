"""The least certain of pictures that go by, in bounded memory, until all have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgclf.data.near_copies import near_copies
from imgclf.labelling.choice import Places, choose, least_certain, margins
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import Probabilities

_MOST = 8192
_MOST_BYTES = 32 << 20  # of features; twice as many are held for a moment
_FLOAT16 = np.finfo(np.float16)


class Candidates:
    """Pictures that may be suggested.

    Args:
        count: How many will be.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._parts: list[_Part] = []
        self._seen = 0

    def add(
        self,
        predictions: Sequence[Prediction],
        probabilities: Probabilities,
        features: NDArray[np.float32],
        looks: NDArray[np.uint8],
    ) -> None:
        """Takes in a few more, and drops the most certain if there are too many.

        Args:
            predictions: The answers.
            probabilities: Shape (pictures, classes).
            features: Shape (pictures, features).
            looks: As `look_pixels` gives them, shape (pictures, SIDE, SIDE, 3).
        """
        kept = np.clip(features, _FLOAT16.min, _FLOAT16.max).astype(np.float16)
        self._parts.append(_Part(tuple(predictions), margins(probabilities), kept, looks))
        self._seen += len(predictions)
        room = max(4 * self._count, min(_MOST, _MOST_BYTES // (2 * features.shape[1])))
        if sum(len(part.predictions) for part in self._parts) >= 2 * room:
            whole = _joined(self._parts)
            self._parts = [whole.at(np.argsort(whole.margins, kind="stable")[:room])]

    def suggested(self, known: NDArray[np.float16] | None) -> list[Prediction]:
        """Those worth a label, those that stand for most first; of near copies one at most.

        Args:
            known: Features of pictures that have labels, shape (pictures, features).
        """
        if not self._parts:
            return []
        whole = _joined(self._parts)
        single = whole.at(_without_copies(whole))
        some = single.at(least_certain(single.margins, self._count, self._seen))
        # Not by their margins any more: confidence that was calibrated on a few pictures can be so
        # high that hardly one counts beside the others (measured in docs/labelling.md).
        places = choose(some.features, self._count, known=known)
        return [some.predictions[place] for place in places]


@dataclass(frozen=True)
class _Part:
    predictions: tuple[Prediction, ...]
    margins: NDArray[np.float64]
    features: NDArray[np.float16]
    looks: NDArray[np.uint8]

    def at(self, places: Places) -> _Part:
        some = tuple(self.predictions[place] for place in places.tolist())
        return _Part(some, self.margins[places], self.features[places], self.looks[places])


def _joined(parts: Sequence[_Part]) -> _Part:
    return _Part(
        tuple(one for part in parts for one in part.predictions),
        np.concatenate([part.margins for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.looks for part in parts]),
    )


def _without_copies(whole: _Part) -> Places:
    """All but of near copies, of which the least certain stays."""
    copies: set[int] = set()
    for group in near_copies(whole.looks):
        copies.update(sorted(group, key=lambda place: whole.margins[place])[1:])
    return np.array([row for row in range(len(whole.margins)) if row not in copies], np.int64)
