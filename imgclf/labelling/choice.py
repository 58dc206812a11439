"""Which pictures are worth a label: uncertain ones, unlike each other and unlike what is known.

Uncertainty is the margin between the two likeliest classes (Scheffer, Decomain and Wrobel 2001,
Active Hidden Markov Models for Information Extraction). The uncertain ones are divided into
clusters by k-means on their features, and of each the middle is chosen, as in DropQuery (Gupte et
al. 2024, Revisiting Active Learning in the Era of Vision Foundation Models); here pictures that
have labels are centres that stay where they are, so that nothing
near them is chosen: a core set covers what is not covered yet (Sener and Savarese 2018, Active
Learning for Convolutional Neural Networks: A Core-Set Approach). The greedy k-center of that paper
takes what is like nothing else, which teaches little of what is common: measured, with all else
that was tried, in docs/labelling.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

_SHARE = 1 / 3
"""Of all pictures, the least certain: so many are divided into clusters."""

_TIMES = 4
"""At least so many times as many as are to be chosen."""

_ROUNDS = 15
"""Of k-means, which changes little after ten."""

_ALIKE = 1e-5
"""Squared distances below this are rounding: of unit vectors in float32."""

_OPPOSITE = 4.0
"""The squared distance of opposite ones, the largest there is."""

_ROWS = 1024
"""Distances that are computed at once, to as many others as there are."""


def margins(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """By how much the likeliest class is ahead of the next, from 0 to 1; NaN counts as 0.

    Args:
        probabilities: Shape (pictures, classes); of at least two classes.
    """
    two = np.sort(probabilities, axis=1)[:, -2:].astype(np.float64)
    return np.clip(np.nan_to_num(two[:, 1] - two[:, 0], nan=0.0), 0.0, 1.0)


def least_certain(margin: NDArray[np.float64], count: int, seen: int | None = None) -> Places:
    """The pictures that come into question, least certain first.

    Args:
        margin: Shape (pictures,).
        count: How many are to be chosen.
        seen: Of how many these are the least certain; None if they are all.
    """
    total = len(margin) if seen is None else seen
    return np.argsort(margin, kind="stable")[: max(_TIMES * count, round(_SHARE * total))]


def choose(
    features: NDArray[np.floating],
    count: int,
    weights: NDArray[np.float64] | None = None,
    known: NDArray[np.floating] | None = None,
    seed: int = 0,
) -> list[int]:
    """Pictures that are unlike each other and unlike those that are known.

    Args:
        features: Shape (pictures, features).
        count: How many.
        weights: How much each is worth, from 0 on, shape (pictures,); None for all the same.
        known: Features of pictures that have labels, shape (pictures, features).
        seed: Of the first centres.

    Returns:
        Positions, those that stand for most first; fewer than `count` if the others are like
        these, or like what is known.
    """
    points = _directions(features)
    worth = np.ones(len(points)) if weights is None else weights + np.finfo(np.float32).tiny
    fixed = np.full(len(points), np.inf, np.float32)
    if known is not None and len(known):
        fixed = _nearest(points, _directions(known))
    centres = points[_first_centres(points, worth, fixed, count, seed)]
    clusters: Places | None = None
    for _ in range(_ROUNDS):
        before, (clusters, _) = clusters, _assigned(points, centres, fixed)
        if before is not None and np.array_equal(before, clusters):
            break
        for cluster in range(len(centres)):
            inside = clusters == cluster
            if inside.any():
                share = (worth[inside] / worth[inside].sum()).astype(np.float32)
                centres[cluster] = share @ points[inside]
    clusters, distances = _assigned(points, centres, fixed)
    chosen = []
    for cluster in range(len(centres)):
        inside = np.flatnonzero(clusters == cluster)
        if len(inside):
            middle = inside[distances[inside].argmin()]
            chosen.append((-float(worth[inside].sum()), int(middle)))
    return [middle for _, middle in sorted(chosen)]


def _first_centres(
    points: Floats, worth: NDArray[np.float64], fixed: Floats, count: int, seed: int
) -> list[int]:
    """Arthur and Vassilvitskii 2007, k-means++: each far from those before, by its worth; of two
    that are drawn the one that leaves less uncovered.
    """
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    nearest = np.minimum(fixed, _OPPOSITE)
    while len(chosen) < count:
        chances = np.where(nearest > _ALIKE, worth * nearest, 0.0)
        total = chances.sum()
        if not total > 0:
            break
        drawn = random.choice(len(points), 2, p=chances / total)
        left = np.minimum(nearest[:, None], _squared_distances(points, points[drawn]))
        best = int((worth @ left).argmin())
        chosen.append(int(drawn[best]))
        nearest = left[:, best]
    return chosen


def _assigned(points: Floats, centres: Floats, fixed: Floats) -> tuple[Places, Floats]:
    """The nearest centre of each point, -1 if a fixed one is nearer; and how far it is."""
    clusters = np.full(len(points), -1, np.int64)
    distances = fixed.copy()
    if len(centres):
        for start in range(0, len(points), _ROWS):
            rows = slice(start, start + _ROWS)
            apart = _squared_distances(points[rows], centres)
            nearest = apart.argmin(axis=1)
            least = apart[np.arange(len(apart)), nearest]
            clusters[rows] = np.where(least <= fixed[rows], nearest, -1)
            distances[rows] = least
    return clusters, distances


def _nearest(points: Floats, others: Floats) -> Floats:
    """How far the nearest of the others is, squared."""
    found = np.empty(len(points), np.float32)
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        found[rows] = _squared_distances(points[rows], others).min(axis=1)
    return found


def _squared_distances(points: Floats, others: Floats) -> Floats:
    result: Floats = -2 * (points @ others.T)
    result += (points**2).sum(axis=1)[:, None]
    result += (others**2).sum(axis=1)[None]
    return np.maximum(result, 0.0, out=result)


def _directions(features: NDArray[np.floating]) -> Floats:
    """Of length 1, for features of a picture with much in it are large altogether."""
    points = features.astype(np.float32)
    lengths = np.sqrt((points.astype(np.float64) ** 2).sum(axis=1))
    points /= np.maximum(lengths, np.finfo(np.float32).tiny)[:, None].astype(np.float32)
    return points
