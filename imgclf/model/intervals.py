"""How far a score may be off, for it was measured on so many pictures and no more.

Each interval holds the score that the model has on all such pictures with 95 % confidence.
"""

from __future__ import annotations

import math

from msgspec import Struct

_Z = 1.959964  # of the normal distribution: 95 % lie within


class Interval(Struct, frozen=True):
    """Between which a score lies with 95 % confidence.

    Attributes:
        low: Between 0 and 1.
        high: Likewise; at least `low`.
    """

    low: float
    high: float


def wilson(right: float, pictures: float) -> Interval:
    """Of a share, such as an accuracy or the recall of a class.

    Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference. Of few
    pictures, and of shares near 0 and 1, it holds what it promises, where the share plus and minus
    two standard errors says 100 % ± 0 of three right ones.

    Args:
        right: Pictures that are right; need be no whole number.
        pictures: Of so many; of none it is from 0 to 1.
    """
    if pictures <= 0:
        return Interval(0.0, 1.0)
    share = right / pictures
    middle = (share + _Z**2 / (2 * pictures)) / (1 + _Z**2 / pictures)
    half = _Z * math.sqrt(share * (1 - share) / pictures + _Z**2 / (4 * pictures**2))
    half /= 1 + _Z**2 / pictures
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
