"""What one of several processes reads of each batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class Share:
    """The part of each batch that is this process's to read.

    All processes draw the same batches; each takes its piece of them, in the order of the
    devices, so that together they read what one process would read alone.

    Attributes:
        index: Which process, from 0.
        count: How many there are.
        devices: How many devices all of them have: each has to get as many pictures as the others.
    """

    index: int = 0
    count: int = 1
    devices: int = 1

    def usable(self, pictures: int) -> int:
        """How many of so many pictures divide among the devices; less than `devices` do not."""
        return pictures - pictures % self.devices

    def of(self, batch: NDArray[_Number]) -> NDArray[_Number]:
        """This process's piece of a batch, whose size the devices divide."""
        size = len(batch) // self.count
        return batch[self.index * size : (self.index + 1) * size]


WHOLE = Share()
