"""How well a classifier does, by pictures that were drawn at random and taught it nothing."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

SHARE = 0.2
"""Of all pictures, to judge by; as many as `data.validation_split` holds out."""

_Z = 1.959964  # of the normal distribution: 95 % lie within


@dataclass(frozen=True)
class Interval:
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
        """Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference.

        Of few pictures, and of shares near 0 and 1, it holds what it promises, where the accuracy
        plus and minus two standard errors says 100 % ± 0 of three right ones.
        """
        if not self.pictures:
            return 0.0, 1.0
        count, share = self.pictures, self.accuracy
        middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
        half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
        half /= 1 + _Z**2 / count
        return max(0.0, middle - half), min(1.0, middle + half)

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
