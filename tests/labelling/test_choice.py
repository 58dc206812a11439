"""Which pictures are chosen: unlike each other, unlike what is known, uncertain ones first."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.labelling.choice import choose, least_certain, margins


def clusters(count: int, size: int, width: int = 32, spread: float = 0.05) -> np.ndarray:
    """Features in clusters of directions, those of the first cluster first."""
    random = np.random.default_rng(7)
    middles = np.eye(width)[:count]
    noise = random.normal(0, spread, (count * size, width))
    return (10 * (np.repeat(middles, size, axis=0) + noise)).astype(np.float16)


def test_a_margin_is_what_the_likeliest_class_is_ahead_by() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [np.nan, np.nan, np.nan]])
    assert margins(probabilities) == pytest.approx([0.2, 0.7, 0.0])


def test_a_third_comes_into_question_and_four_times_as_many_as_are_wanted_at_least() -> None:
    margin = np.linspace(1, 0, 300)
    assert least_certain(margin, 5).tolist() == list(range(299, 199, -1))
    assert len(least_certain(margin, 50)) == 200
    assert len(least_certain(margin, 100)) == 300
    assert len(least_certain(margin, 5, seen=600)) == 200


def test_of_each_cluster_one_is_chosen() -> None:
    chosen = choose(clusters(6, 20), 6)
    assert sorted(place // 20 for place in chosen) == [0, 1, 2, 3, 4, 5]
    assert chosen == choose(clusters(6, 20), 6)


def test_what_is_chosen_stands_in_the_middle_of_others() -> None:
    features = clusters(1, 40)
    [middle] = choose(features, 1)
    directions = features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    apart = np.linalg.norm(directions - directions.mean(axis=0), axis=1)
    assert middle == apart.argmin()


def test_nothing_is_chosen_near_what_is_known() -> None:
    features = clusters(6, 20)
    chosen = choose(features, 4, known=features[[0, 20]])
    assert sorted(place // 20 for place in chosen) == [2, 3, 4, 5]


def test_what_is_worth_more_comes_first() -> None:
    weights = np.repeat([0.1, 0.9, 0.5], 20)
    assert [place // 20 for place in choose(clusters(3, 20), 3, weights)] == [1, 2, 0]


def test_equal_pictures_are_chosen_once() -> None:
    one = clusters(3, 1, spread=0)
    features = np.concatenate([np.repeat(one[:1], 50, axis=0), one[1:]])
    assert len(choose(features, 10)) == 3
    assert choose(features, 10, known=one) == []


def test_the_length_of_features_makes_no_difference() -> None:
    features = clusters(4, 10)
    lengths = np.random.default_rng(1).uniform(0.5, 2, (40, 1)).astype(np.float32)
    chosen = choose(features.astype(np.float32) * lengths, 4)
    assert sorted(place // 10 for place in chosen) == [0, 1, 2, 3]


def test_of_no_pictures_none_is_chosen() -> None:
    assert choose(np.empty((0, 8), np.float16), 3) == []
