"""How well a classifier does, by pictures that were drawn at random and taught it nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from imgclf.model.intervals import wilson

SHARE = 0.2
"""Of all pictures, to judge by; as many as `data.validation_split` holds out."""


@dataclass(frozen=True)
class Judged:
    """An accuracy, and where the true one lies with 95 % confidence.

    Attributes:
        right: Pictures that it has right.
        pictures: Of so many.
    """

    right: int
    pictures: int

    @property
    def accuracy(self) -> float:
        """The share that it has right; 0 of no pictures."""
        return self.right / max(self.pictures, 1)

    @property
    def bounds(self) -> tuple[float, float]:
        """See `wilson`."""
        found = wilson(self.right, self.pictures)
        return found.low, found.high

    @property
    def within(self) -> float:
        """Half of how wide it is."""
        low, high = self.bounds
        return (high - low) / 2


def draw(digest: str) -> float:
    """A number from 0 to 1 that is drawn for a picture: by its content, so always the same."""
    drawn = hashlib.sha256(f"judge {digest}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64


def judges(digest: str) -> bool:
    """Whether a picture is among those that are set apart."""
    return draw(digest) < SHARE
