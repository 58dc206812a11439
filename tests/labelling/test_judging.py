"""How well a classifier does, and who is asked."""

from __future__ import annotations

import hashlib
import math

import pytest

from imgclf.labelling.judging import Judged, draw, judges


@pytest.mark.parametrize(("right", "pictures"), [(97, 100), (3, 7), (150, 300)])
def test_the_bounds_are_accuracies_that_what_was_seen_is_just_likely_with(
    right: int, pictures: int
) -> None:
    for bound in Judged(right, pictures).bounds:
        deviation = math.sqrt(bound * (1 - bound) / pictures)
        assert abs(right / pictures - bound) == pytest.approx(1.959964 * deviation)


def test_nothing_is_certain_of_few_pictures() -> None:
    assert Judged(10, 10).bounds == pytest.approx((1 - 0.277533, 1.0), abs=1e-6)
    assert Judged(0, 10).bounds == pytest.approx((0.0, 0.277533), abs=1e-6)


def test_of_no_pictures_nothing_is_known() -> None:
    assert (Judged(0, 0).bounds, Judged(0, 0).within) == ((0.0, 1.0), 0.5)


def test_it_is_narrower_the_more_pictures_there_are() -> None:
    assert Judged(146, 150).within < 0.03 < Judged(97, 100).within


def test_a_fifth_is_drawn_by_what_pictures_are() -> None:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    assert sum(map(judges, digests)) == pytest.approx(2_000, abs=150)
    assert draw(digests[0]) == draw(digests[0]) != draw(digests[1])
    assert all(0 <= draw(digest) < 1 for digest in digests)
