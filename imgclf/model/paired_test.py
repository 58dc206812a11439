"""Two models compared on the same pictures, pair by pair.

McNemar 1947, Note on the Sampling Error of the Difference Between Correlated Proportions, by its
exact form: pictures that both models have right, or both wrong, say nothing of which is
better; of the others, as many should be mended as spoiled if neither is. An accuracy's standard
error knows nothing of that, and would refuse one class of ten by chance alone, where a class has
few pictures.
"""

from __future__ import annotations

import math

CHANCE = 0.05
"""What is likelier than this is taken for chance."""


def probability(mended: int, spoiled: int) -> float:
    """Of as many spoiled or more, if each of them were as likely to be spoiled as mended.

    Args:
        mended: Pictures that only the later model has right.
        spoiled: Pictures that only the earlier model has right.
    """
    changed = mended + spoiled
    tail = sum(math.comb(changed, one) for one in range(spoiled, changed + 1))
    return tail / (1 << changed)


def either_way(only_one: int, only_other: int) -> float:
    """Of a difference as large or larger, to either side, if both models are equally good.

    Args:
        only_one: Pictures that only the one model has right.
        only_other: Pictures that only the other has right.
    """
    fewer, more = sorted((only_one, only_other))
    return min(1.0, 2 * probability(fewer, more))


def drop_by_chance(mended: int, pictures: int) -> float:
    """The largest drop in accuracy, between 0 and 1, that chance explains.

    Args:
        mended: Pictures that only the later model has right.
        pictures: How many both were judged by, mended ones included; at least one.
    """
    spoiled = mended
    while spoiled < pictures and probability(mended, spoiled + 1) >= CHANCE:
        spoiled += 1
    return (spoiled - mended) / pictures
