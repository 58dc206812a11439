"""Thresholds that keep the precision they promise, as often as they promise it."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.model.precision_threshold import (
    RISK,
    Threshold,
    fewest_answers,
    precision_threshold,
    trials,
)


@pytest.mark.parametrize(
    ("precision", "mistakes", "risk", "answers"),
    # 0.95 ** 44 is 0.105 and 0.95 ** 45 is 0.099.
    [
        (0.95, 0, 0.1, 45),
        (0.95, 1, 0.1, 77),
        (0.95, 2, 0.1, 105),
        (0.95, 0, 0.05, 59),
        (0.99, 0, 0.1, 230),
        (0.9, 1, 0.1, 38),
        (0.5, 0, 0.1, 4),
        (1e-17, 0, 0.1, 1),
        (1 - 2**-30, 0, 0.1, 2_472_381_917),  # takes no memory
    ],
)
def test_so_many_answers_it_takes(
    precision: float, mistakes: int, risk: float, answers: int
) -> None:
    assert fewest_answers(precision, mistakes, risk) == answers


def test_a_few_answers_promise_nothing_though_all_are_right() -> None:
    scores = np.linspace(0.9, 1, 45)
    assert precision_threshold(scores[:44], np.ones(44, bool), 0.95) is None
    assert precision_threshold(scores, np.ones(45, bool), 0.95) == Threshold(0.0, 45, 45)
    assert precision_threshold(scores[:0], np.ones(0, bool), 0.95) is None


def test_of_the_smallest_precision_one_right_answer_is_enough() -> None:
    scores = np.linspace(0.1, 0.9, 5)
    assert precision_threshold(scores, np.arange(5) == 4, 1e-17) == Threshold(0.0, 5, 1)


def test_the_limit_lies_between_the_last_answer_that_is_given_and_the_next() -> None:
    scores = np.concatenate([np.full(50, 0.75), np.full(50, 0.25)])
    right = np.arange(100) < 50
    found = precision_threshold(scores, right, 0.95)
    assert found == Threshold(0.5, 50, 50)
    # Equal scores stand or fall together.
    assert precision_threshold(scores, np.arange(100) % 50 > 2, 0.95) is None


def test_whatever_order_they_come_in() -> None:
    random = np.random.default_rng(3)
    scores = random.beta(8, 1, 300)
    right = random.random(300) < scores
    shuffled = random.permutation(300)
    found = precision_threshold(scores, right, 0.9)
    assert found is not None
    assert found == precision_threshold(scores[shuffled], right[shuffled], 0.9)
    assert found.given == (scores >= found.least).sum()
    assert found.right == right[scores >= found.least].sum()


def test_it_begins_where_the_test_is_likeliest_to_be_passed() -> None:
    scores = np.concatenate([np.full(200, 0.999), np.full(800, 0.9)])
    first = trials(scores, 0.95)[0]
    assert (first.given, first.mistakes) == (200, 5)
    right = np.ones(1000, bool)
    right[[0, 1]] = False  # two mistakes at the very top, where 45 answers may have none
    assert precision_threshold(scores, right, 0.95) is not None


def test_of_many_pictures_not_each_is_a_test() -> None:
    random = np.random.default_rng(0)
    scores = random.beta(20, 1, 100_000)
    found = precision_threshold(scores, random.random(100_000) < scores, 0.95)
    assert len(trials(scores, 0.95)) < 100
    # Of scores as these, 0.9524 are right on average.
    assert found is not None
    assert found.given > 95_000


def draws(sharpness: float, pictures: int, sets: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sets of scores, and which answers are right: each with its score for a probability."""
    random = np.random.default_rng(18)
    found = []
    for _ in range(sets):
        scores = random.beta(sharpness, 1, pictures)
        found.append((scores, random.random(pictures) < scores))
    return found


def kept_by_all_such(least: float, sharpness: float) -> float:
    """The precision from a score on: the mean of a beta distribution (a, 1) beyond it."""
    beyond = 1 - least**sharpness
    return sharpness / (sharpness + 1) * (1 - least ** (sharpness + 1)) / beyond


@pytest.mark.parametrize(("sharpness", "pictures"), [(12, 200), (8, 400), (12, 1000)])
def test_the_promise_is_kept_by_as_many_held_out_sets_as_it_says(
    sharpness: float, pictures: int
) -> None:
    broken, by_share, found = 0, 0, 0
    sets = draws(sharpness, pictures, 400)
    for scores, right in sets:
        threshold = precision_threshold(scores, right, 0.95)
        if threshold is not None:
            found += 1
            broken += kept_by_all_such(threshold.least, sharpness) < 0.95
        # What it would be without a test: the lowest limit with 95 % right among those there.
        order = np.argsort(-scores)
        share = np.cumsum(right[order]) / np.arange(1, pictures + 1)
        enough = np.flatnonzero(share >= 0.95)
        if len(enough):
            by_share += kept_by_all_such(scores[order][enough[-1]], sharpness) < 0.95
    assert broken <= RISK * len(sets)
    assert by_share > 3 * RISK * len(sets)
    assert found > 0.5 * len(sets)


def test_it_is_kept_too_where_confidence_means_nothing() -> None:
    """Every answer is right with 94 %, however sure: none may be given, or once in ten times."""
    random = np.random.default_rng(5)
    given = 0
    for _ in range(400):
        scores, right = random.random(300), random.random(300) < 0.94
        given += precision_threshold(scores, right, 0.95) is not None
    assert 0 < given <= RISK * 400
