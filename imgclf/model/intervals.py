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


def paired_difference(mended: int, spoiled: int, pictures: int) -> Interval:
    """By how much one accuracy is above another on the same pictures, between -1 and 1.

    Agresti and Min 2005, Simple Improved Confidence Intervals for Comparing Matched Proportions:
    as if each of the four outcomes of a picture had been seen half a time more. Unlike the plain
    one, it is no point where the two models differ in no picture.

    Args:
        mended: Pictures that only the one model has right.
        spoiled: Pictures that only the other has right.
        pictures: How many both were judged by.
    """
    count = pictures + 2
    share = (mended - spoiled) / count
    half = _Z * math.sqrt((mended + spoiled + 1) / count - share**2) / math.sqrt(count)
    return Interval(max(-1.0, share - half), min(1.0, share + half))


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


def f1_interval(right: int, given: int, support: int) -> Interval:
    """Of the F1 score of a class.

    Of the pictures that are the class or were given its label, those that are both are a share
    (Jaccard 1912), of which F1 is a function that only rises: 2 J / (1 + J). So its interval is
    Wilson's of that share, and holds for few pictures too, where a bootstrap says 100 % ± 0 of a
    class that is all right.

    Args:
        right: Pictures that are it and were given its label.
        given: That were given its label.
        support: That are it.
    """
    share = wilson(right, given + support - right)
    return Interval(2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high))
