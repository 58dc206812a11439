"""Two models compared on the same pictures: which drops are chance."""

import pytest

from imgclf.model.paired_test import drop_by_chance, either_way, probability


@pytest.mark.parametrize(
    ("mended", "spoiled", "expected"),
    [(0, 0, 1.0), (0, 1, 0.5), (0, 4, 1 / 16), (0, 5, 1 / 32), (1, 1, 0.75), (3, 1, 0.9375)],
)
def test_probability_is_the_binomial_tail(mended: int, spoiled: int, expected: float) -> None:
    assert probability(mended, spoiled) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(0, 0, 1.0), (1, 1, 1.0), (0, 6, 2 / 64), (6, 0, 2 / 64), (2, 8, 2 * 56 / 1024)],
)
def test_either_way_it_is_the_tail_on_both_sides(one: int, other: int, expected: float) -> None:
    assert either_way(one, other) == expected


@pytest.mark.parametrize(
    ("mended", "pictures", "expected"),
    [
        (0, 8, 4 / 8),  # four of four spoiled: 1 in 16
        (0, 100, 4 / 100),
        (0, 1, 1.0),  # nothing can be said by one picture
        (10, 100, 9 / 100),  # 19 spoiled of 29: 1 in 15
    ],
)
def test_a_drop_is_chance_until_it_is_unlikely(mended: int, pictures: int, expected: float) -> None:
    assert drop_by_chance(mended, pictures) == expected
    over = mended + round(expected * pictures) + 1
    assert over > pictures or probability(mended, over) < 0.05
