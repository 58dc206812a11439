"""How far a score may be off."""

import pytest

from imgclf.model.intervals import Interval, f1_interval, wilson


@pytest.mark.parametrize(
    ("right", "pictures", "low", "high"),
    [
        # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_intervals_are_those_in_print(
    right: int, pictures: int, low: float, high: float
) -> None:
    found = wilson(right, pictures)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    mirrored = wilson(pictures - right, pictures)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_of_no_pictures_nothing_is_known() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)


def test_f1_lies_where_the_share_of_both_among_either_does() -> None:
    found, share = f1_interval(right=30, given=40, support=35), wilson(30, 45)
    assert found == Interval(2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high))
    assert found.low < 2 * 30 / (40 + 35) < found.high
    assert f1_interval(0, 0, 0) == Interval(0.0, 1.0)
