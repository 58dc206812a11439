"""The division of pictures in groups: a whole group to one side, each class as it should be."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgclf.data.picture_files import NO_LABEL, Picture

_TRIES = 8
_ROUNDS = 5
_NEAR_ENOUGH = 0.03
"""By so much of a class its share may be off, or by one picture, before another try is made."""
_UNDRAWN = -1

_Sides: TypeAlias = NDArray[np.int64]
_Counts: TypeAlias = NDArray[np.float64]


def hold_out_groups(
    pictures: Sequence[Picture], group_of: Mapping[str, str], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which pictures are held out, shape (pictures,).

    All pictures of a group or none, and of each class as near to its share as groups let it be; of
    a class that has two groups, one. Groups are drawn by the seed and by their content, as many as
    fit; then those that bring the classes nearer change sides. So added pictures move few others.
    Where large groups leave a class far off, other draws are tried, and the nearest counts.

    Args:
        pictures: All of them.
        group_of: By digest; equal files are one.
        share: To hold out, between 0 and 1.
        seed: Another seed gives another division.
    """
    tries: list[tuple[int, float, int, NDArray[np.bool_]]] = []
    for number in range(_TRIES):
        # The first draw is that of pictures without groups.
        groups = _Groups.of(pictures, group_of, f"{seed}:{number or ''}")
        sides = groups.spread(groups.drawn(share), np.array([1 - share, share]))
        held, totals = groups.counts[sides == 1].sum(axis=0), groups.totals
        missing = int(((held == 0) | (held == totals)).sum())
        off = np.abs(held - share * totals)
        distance = float((off / np.maximum(totals, 1)).sum())
        tries.append((missing, distance, number, groups.of_pictures(sides) == 1))
        if not missing and (off <= np.maximum(1, _NEAR_ENOUGH * totals)).all():
            break
    return min(tries, key=lambda one: one[:3])[3]


def grouped_folds(
    pictures: Sequence[Picture], group_of: Mapping[str, str], folds: int, seed: int
) -> _Sides:
    """The fold of each picture, from 0, shape (pictures,); all of a group in one.

    Args:
        pictures: All of them.
        group_of: By digest; equal files are one.
        folds: How many.
        seed: Another seed gives other folds.
    """
    groups = _Groups.of(pictures, group_of, f"fold {seed} ")
    undrawn = np.full(len(groups.counts), _UNDRAWN)
    return groups.of_pictures(groups.spread(undrawn, np.full(folds, 1 / folds)))


class _Groups:
    """Groups in an order that is drawn, large ones first: small ones even out what they leave."""

    def __init__(self, counts: _Counts, row_of: _Sides) -> None:
        self.counts = counts  # by class, shape (groups, classes)
        self._row_of = row_of
        self.totals = counts.sum(axis=0)

    @classmethod
    def of(cls, pictures: Sequence[Picture], group_of: Mapping[str, str], drawn_by: str) -> _Groups:
        classes = 1 + max((label for one in pictures for label in one.labels), default=NO_LABEL)
        members: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for picture in pictures:
            # Those of no class are divided as another class is.
            members[group_of[picture.digest]][picture.digest].update(picture.labels or (classes,))

        def place(group: str) -> tuple[int, bytes]:
            drawn = hashlib.sha256(f"{drawn_by}{group}".encode()).digest()
            return -len(members[group]).bit_length(), drawn

        names = sorted(members, key=place)
        rows = {name: row for row, name in enumerate(names)}
        with_none = classes + any(not picture.labels for picture in pictures)
        counts = np.zeros((len(names), with_none))
        for name, row in rows.items():
            for labels in members[name].values():
                counts[row, list(labels)] += 1
        row_of = np.array([rows[group_of[picture.digest]] for picture in pictures], np.int64)
        return cls(counts, row_of)

    def drawn(self, share: float) -> _Sides:
        """One for the first groups that fit into a share of each class, and 0 for the others."""
        left = np.round(self.totals * share)
        sides = np.zeros(len(self.counts), np.int64)
        for row, own in enumerate(self.counts):
            if (own <= left).all():
                sides[row] = 1
                left -= own
        return sides

    def spread(self, sides: _Sides, shares: _Counts) -> _Sides:
        """The side of each group, once none brings the classes nearer by changing it.

        How far off they are is the sum of squares over sides and classes, of shares of a class; and
        one for each class that a side has nothing of.

        Args:
            sides: Of each group, to begin with; `_UNDRAWN` for one that has none yet.
            shares: Of each side.
        """
        off = np.zeros((len(shares), len(self.totals)))  # what each side has too much, in shares
        off -= shares[:, np.newaxis]
        shared = self.counts / np.maximum(self.totals, 1)
        for side in range(len(shares)):
            off[side] += shared[sides == side].sum(axis=0)
        holds = np.stack([(shared[sides == side] > 0).sum(axis=0) for side in range(len(shares))])
        for _ in range(_ROUNDS):
            moved = False
            for row, own in enumerate(shared):
                there, before = np.flatnonzero(own), sides[row]
                own = own[there]
                if before != _UNDRAWN:
                    off[before, there] -= own
                    holds[before, there] -= 1
                costs = (own * (own + 2 * off[:, there]) - (holds[:, there] == 0)).sum(axis=1)
                best = int(costs.argmin())
                # A move that brings nothing is none, or it would go on for ever.
                if before == _UNDRAWN or costs[best] < costs[before] - 1e-9:
                    sides[row], moved = best, True
                off[sides[row], there] += own
                holds[sides[row], there] += 1
            if not moved:
                break
        return sides

    def of_pictures(self, sides: _Sides) -> _Sides:
        """The side of each picture."""
        return sides[self._row_of]
