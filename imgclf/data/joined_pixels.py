"""Decoded pictures of two places, read as if they were of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.data.on_demand import OnDemand


class Joined:
    """Read like an array of decoded pictures: those of the first place, then those of the second.

    Args:
        first: uint8, shape (pictures, height, width, 3), or what is read like that.
        second: Likewise, of the same height and width.

    Attributes:
        shape: (pictures, height, width, 3).
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self, first: Pixels | OnDemand | Joined, second: Pixels | OnDemand | Joined
    ) -> None:
        self._first, self._second = first, second
        self._border = first.shape[0]
        self.shape: tuple[int, ...] = (self._border + second.shape[0], *first.shape[1:])

    def __getitem__(self, rows: NDArray[np.int64] | np.int64) -> Pixels:
        """These pictures, uint8.

        Raises:
            DataError: One can't be read any more, of those that are decoded when they are read.
        """
        if isinstance(rows, np.integer):
            one: Pixels = self[np.array([rows], np.int64)][0]
            return one
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        of_first = rows < self._border
        found[of_first] = self._first[rows[of_first]]
        if not of_first.all():
            found[~of_first] = self._second[rows[~of_first] - self._border]
        return found
