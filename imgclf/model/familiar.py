"""Whether a picture is like those that a model was trained on, by its features.

Features are scaled to unit length, and the measure is their Mahalanobis distance from the mean of
the training pictures (Lee et al. 2018, A Simple Unified Framework for Detecting Out-of-Distribution
Samples and Adversarial Attacks). Unit length is what makes it work (Mueller and Hein 2025,
Mahalanobis++: Improving OOD Detection via Feature Normalization). Of the covariance the
directions of most variance are kept, and one variance for all others. A mean for each class did
not do better. What was tried stands in docs/answers.md.

A corrected picture is a further centre. Two pictures of one kind are twice as far apart, squared,
as each is from the mean of its kind, so a little more than half of the distance from it counts:
by half, other strangers were known as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from imgclf.model.numbers import Numbers

_Floats = NDArray[np.float64]
_Positive = Annotated[float, Meta(gt=0)]

FEWEST_PICTURES = 20
"""To learn from, and as many held-out ones to find the limit by."""

SHARE_HELD_OUT = 0.99
"""Of held-out pictures, those that are within the limit."""

_DIRECTIONS = 32
_MOST_FEATURES = 8192
_OF_CORRECTED = 0.6
_BYTES_OF_CORRECTED = 1 << 19  # 102 pictures of 1,280 features
# By fewer the largest distance is anything, so the limit is what a log-normal distribution has.
_ENOUGH_FOR_A_QUANTILE = 100
_DEVIATIONS = 2.326  # of a normal distribution, below which 99 % are
_SHORTEST = 1e-12


class CorrectedFeatures(Struct, frozen=True):
    """A picture that was unlike the training pictures, and then corrected.

    Attributes:
        digest: SHA-256 of its file, in hexadecimal.
        unit: Its features, scaled to unit length, shape (features,).
    """

    digest: Annotated[str, Meta(max_length=64)]
    unit: Numbers


class Familiar(Struct, frozen=True, kw_only=True):
    """Which features a model knows.

    Attributes:
        mean: Of the training pictures' features, scaled to unit length, shape (features,).
        directions: Of most variance, each of length 1, shape (features, directions).
        variances: Along these, shape (directions,).
        rest: The variance along each of all other directions.
        limit: The squared distance beyond which a picture is unlike what the model knows.
        corrected: Pictures that were, until they were corrected, oldest first.
    """

    mean: Numbers
    directions: Numbers
    variances: Numbers
    rest: _Positive
    limit: _Positive
    corrected: Annotated[tuple[CorrectedFeatures, ...], Meta(max_length=10_000)] = ()

    def __post_init__(self) -> None:
        shapes = self.mean.shape, self.directions.shape, self.variances.shape
        if shapes != ((self.width,), (self.width, *self.variances.shape[:1]), shapes[2][:1]):
            raise ValueError(f"a mean, directions and variances of {shapes}")
        if not all(map(math.isfinite, (self.rest, self.limit))) or self.variances.array.min() <= 0:
            raise ValueError("a variance or a limit that is none")
        wrong = [one.unit.shape for one in self.corrected if one.unit.shape != self.mean.shape]
        if wrong:
            raise ValueError(f"a corrected picture of {wrong[0]} for {self.mean.shape}")

    @property
    def width(self) -> int:
        """How many features a picture has."""
        return self.mean.shape[0]

    def unlike(self, features: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which pictures are unlike all that the model knows, shape (pictures,).

        Args:
            features: Shape (pictures, features).
        """
        unlike: NDArray[np.bool_] = ~(self.distances(features) <= self.limit)  # no number, too
        return unlike

    def distances(self, features: NDArray[np.floating]) -> _Floats:
        """How far pictures are from what the model knows, squared, shape (pictures,).

        Args:
            features: Shape (pictures, features).
        """
        with np.errstate(over="ignore", invalid="ignore"):
            seen = _unit(features)
            distances = self._from_mean(seen)
            if self.corrected:
                known = np.stack([one.unit.array for one in self.corrected]).astype(np.float64)
                apart = distances[:, np.newaxis] + self._from_mean(known)
                apart = (apart - 2 * self._products(seen, known)).min(axis=1)
                distances = np.minimum(distances, _OF_CORRECTED * apart)
        return distances

    def corrected_by(
        self, digests: Sequence[str], features: Mapping[str, NDArray[np.floating]]
    ) -> Familiar:
        """The same for a model that is corrected by just these pictures.

        Those that were unlike what it knew are kept, the latest where there are too many.

        Args:
            digests: SHA-256 of the pictures' files, in hexadecimal, oldest first.
            features: Of each that is new, shape (features,).
        """
        there = {one.digest: one for one in self.corrected}
        by_training = replace(self, corrected=())
        for digest in digests:
            if digest not in there and digest in features:
                row = features[digest][np.newaxis]
                if by_training.unlike(row)[0] and np.isfinite(row).all():
                    there[digest] = CorrectedFeatures(digest, Numbers.of(_unit(row)[0]))
        kept = [there[digest] for digest in digests if digest in there]
        return replace(self, corrected=tuple(kept[-_room(self.width) :]))

    def _from_mean(self, seen: _Floats) -> _Floats:
        """Squared distances, shape (pictures,)."""
        apart = seen - self.mean.array
        along = apart @ self.directions.array
        distances: _Floats = np.square(apart).sum(axis=1) / self.rest
        distances += (np.square(along) * self._weights).sum(axis=1)
        return distances

    def _products(self, seen: _Floats, known: _Floats) -> _Floats:
        """Of what each has beyond the mean, shape (pictures, known)."""
        apart, others = seen - self.mean.array, known - self.mean.array
        along, others_along = apart @ self.directions.array, others @ self.directions.array
        products: _Floats = apart @ others.T / self.rest
        products += (along * self._weights) @ others_along.T
        return products

    @property
    def _weights(self) -> _Floats:
        """By how much the squares along the directions count more than the rest: below 0."""
        return 1 / self.variances.array.astype(np.float64) - 1 / self.rest


def learn_familiar(
    training: NDArray[np.floating], held_out: NDArray[np.floating]
) -> Familiar | None:
    """Which features are like those of the training pictures.

    Args:
        training: Their features, shape (pictures, features).
        held_out: Those of others, by which the limit is found, likewise.

    Returns:
        None if there are too few pictures, too many features of each, or all alike.
    """
    count, width = training.shape
    if min(count, len(held_out)) < FEWEST_PICTURES or width > _MOST_FEATURES:
        return None
    seen = _unit(training)
    mean = seen.mean(axis=0)
    apart = seen - mean
    directions, variances = _principal(apart, min(_DIRECTIONS, count // 2, width // 2))
    rest = (np.square(apart).sum() / count - variances.sum()) / max(width - len(variances), 1)
    if not len(variances) or not min(variances.min(), rest) > _SHORTEST:
        return None
    known = Familiar(
        mean=Numbers.of(mean),
        directions=Numbers.of(directions),
        variances=Numbers.of(variances),
        rest=float(rest),
        limit=1.0,
    )
    limit = _limit(known.distances(held_out))
    return replace(known, limit=limit) if math.isfinite(limit) and limit > 0 else None


def _principal(apart: _Floats, count: int) -> tuple[_Floats, _Floats]:
    """The directions of most variance and the variances along them, the largest first.

    By subspace iteration on a few random directions more than are wanted (Halko, Martinsson and
    Tropp 2011, Finding Structure with Randomness): all of them would take a second.
    """
    some = np.random.default_rng(0).standard_normal((apart.shape[1], count + 10))
    for _ in range(4):
        some = np.linalg.qr(apart.T @ (apart @ some))[0]
    along = apart @ some
    variances, turned = np.linalg.eigh(along.T @ along / len(apart))
    order = np.argsort(-variances)[:count]
    return some @ turned[:, order], variances[order]


def _limit(distances: _Floats) -> float:
    """What 99 % of pictures like these are below."""
    if len(distances) >= _ENOUGH_FOR_A_QUANTILE:
        place = math.ceil((len(distances) + 1) * SHARE_HELD_OUT)  # one more, the next picture
        return float(np.sort(distances)[min(place, len(distances)) - 1])
    logarithms = np.log(np.maximum(distances, _SHORTEST))
    return float(np.exp(logarithms.mean() + _DEVIATIONS * logarithms.std(ddof=1)))


def _unit(features: NDArray[np.floating]) -> _Floats:
    rows = features.astype(np.float64)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: _Floats = rows / np.maximum(length, _SHORTEST)
    return unit


def _room(width: int) -> int:
    return max(1, _BYTES_OF_CORRECTED // np.dtype(np.float32).itemsize // width)
