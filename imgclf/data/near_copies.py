"""Pictures that are one picture: in another size, saved anew, or as a program's thumbnail.

How far two pictures may differ was measured on 3,000 photos of cats and dogs and 1,485 of clothes,
each beside itself saved at quality 70, and at a quarter of its sides and quality 85 and 70. Of
those copies, brightness differs by at most 0.07 of the picture's own contrast, and colour by 0.19
(of thumbnails 45 pixels high). Of any two photos taken apart, brightness differs by 0.23 and more;
but for one pair, which turned out to be the same file saved twice, under two labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imgclf.data.looks import SIDE

_BRIGHTNESS: Final = 0.12
_COLOUR: Final = 0.3
"""At most this much of the contrast may two pictures differ by, as root mean square."""

_LEAST_CONTRAST: Final = 4.0
"""In grey levels; pictures with less are blank, and alike only in that."""

_COARSE: Final = 4
"""Pixels across that are compared first."""
_ROWS: Final = 512
_PAIRS: Final = 20_000

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_Floats = NDArray[np.float32]
_Places = NDArray[np.int64]


def near_copies(looks: NDArray[np.uint8]) -> list[list[int]]:
    """Groups of pictures that look alike, by their places.

    Every pair that is near enough is found, whatever the number of pictures; a second or so for
    20,000. Who is like one of a group belongs to it.

    Args:
        looks: As `look_pixels` gives them, shape (pictures, SIDE, SIDE, 3).

    Returns:
        At least two places each, in ascending order.
    """
    colours = looks.reshape(len(looks), SIDE * SIDE, 3)
    grey = np.matmul(colours, _LUMA)
    grey_contrast = grey.std(axis=1)
    whole = np.flatnonzero(grey_contrast >= _LEAST_CONTRAST)
    groups = _Groups(len(looks))
    for one, other in _candidates(grey, grey_contrast, whole, groups):
        for start in range(0, len(one), _PAIRS):
            some = slice(start, start + _PAIRS)
            apart = groups.apart(one[some], other[some])
            pairs = one[some][apart], other[some][apart]
            alike = _differ(grey, grey_contrast, *pairs) <= _BRIGHTNESS
            pairs = pairs[0][alike], pairs[1][alike]
            alike = _colours_differ(colours, *pairs) <= _COLOUR
            groups.join(pairs[0][alike], pairs[1][alike])
    return groups.all()


def _candidates(
    grey: _Floats, contrast: _Floats, places: _Places, groups: _Groups
) -> Iterator[tuple[_Places, _Places]]:
    """Pairs that may be near enough: all that are and aren't in one group yet, and few others.

    Neither means of pixels nor the mean of all can differ by more than the pixels do.
    """
    step = SIDE // _COARSE
    coarse = grey[places].reshape(-1, _COARSE, step, _COARSE, step).mean(axis=(2, 4))
    coarse = coarse.reshape(-1, _COARSE * _COARSE) - 128
    order = np.argsort(coarse.mean(axis=1), kind="stable")
    coarse, places = coarse[order], places[order]
    mean, limit = coarse.mean(axis=1), _BRIGHTNESS * contrast[places]
    squares = (coarse**2).sum(axis=1)
    for start in range(0, len(places), _ROWS):
        rows = slice(start, start + _ROWS)
        end = int(np.searchsorted(mean, (mean[rows] + limit[rows]).max() + 0.1, "right"))
        distances = squares[rows, None] + squares[None, start:end]
        distances -= 2 * coarse[rows] @ coarse[start:end].T
        # A little more than the limit, for this is float32.
        near = distances <= ((limit[rows] + 0.1) ** 2 * coarse.shape[1] + 1)[:, None]
        near &= groups.apart(places[rows, None], places[None, start:end])
        first, second = np.nonzero(np.triu(near, 1))
        yield places[start + first], places[start + second]


def _differ(grey: _Floats, contrast: _Floats, one: _Places, other: _Places) -> _Floats:
    apart = np.sqrt(((grey[one] - grey[other]) ** 2).mean(axis=1))
    found: _Floats = apart / np.minimum(contrast[one], contrast[other])
    return found


def _colours_differ(colours: NDArray[np.uint8], one: _Places, other: _Places) -> _Floats:
    first, second = colours[one].astype(np.float32), colours[other].astype(np.float32)
    apart = np.sqrt(((first - second) ** 2).mean(axis=(1, 2)))
    contrasts = (np.sqrt(whole.var(axis=1).mean(axis=1)) for whole in (first, second))
    found: _Floats = apart / np.minimum(*contrasts)
    return found


class _Groups:
    """Which of so many things belong together, as pairs of them come."""

    def __init__(self, count: int) -> None:
        self._group = np.arange(count)

    def apart(self, one: _Places, other: _Places) -> NDArray[np.bool_]:
        """Which of these pairs are not known to belong together."""
        apart: NDArray[np.bool_] = self._group[one] != self._group[other]
        return apart

    def join(self, one: _Places, other: _Places) -> None:
        """Makes one group of the two groups of each pair."""
        parents: list[int] = self._group.tolist()

        def lowest(place: int) -> int:
            while parents[place] != place:
                parents[place] = parents[parents[place]]
                place = parents[place]
            return place

        for first, second in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted((lowest(first), lowest(second)))
            parents[high] = low
        if len(one):
            self._group = np.array([lowest(place) for place in range(len(parents))])

    def all(self) -> list[list[int]]:
        """Those of at least two."""
        _, group, counts = np.unique(self._group, return_inverse=True, return_counts=True)
        order = np.argsort(group, kind="stable")
        ends = np.cumsum(counts)
        return [
            order[end - count : end].tolist()
            for end, count in zip(ends.tolist(), counts.tolist(), strict=True)
            if count > 1
        ]
