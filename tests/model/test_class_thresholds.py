"""A threshold for each class, with a test of its own where there are enough pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imgclf.model.class_thresholds import (
    ClassThreshold,
    HeldOutAnswers,
    class_thresholds,
    most_precise,
    pictures_wanted,
)
from imgclf.model.precision_threshold import RISK
from imgclf.model.selective import score_selective

NAMES = ("cat", "dog", "wolf")


def answers(*groups: tuple[int, int, int, float]) -> HeldOutAnswers:
    """From so many pictures each, what they are, what is said of them, and how sure that is."""
    columns = [
        np.repeat([group[k] for group in groups], [one[0] for one in groups]) for k in (1, 2, 3)
    ]
    return HeldOutAnswers(columns[0], columns[1], columns[2].astype(float))


def test_each_class_has_its_own_limit_and_those_with_few_pictures_share_one() -> None:
    found = class_thresholds(
        answers(
            (200, 0, 0, 0.99),
            (100, 0, 0, 0.6),
            (60, 1, 0, 0.6),
            (200, 1, 1, 0.99),
            (35, 2, 2, 0.99),
            (30, 0, 2, 0.5),
        ),
        NAMES,
        0.9,
    )
    assert found.classes == {
        "cat": ClassThreshold(pytest.approx(0.795), 360, 200, 200, shared=False),
        "dog": ClassThreshold(0.0, 200, 200, 200, shared=False),
        # 35 without a mistake: at a third of the risk it takes 33.
        "wolf": ClassThreshold(pytest.approx(0.745), 65, 35, 35, shared=False),
    }
    assert (found.pictures, found.given, found.never, found.unseen) == (625, 435, [], ())


def test_classes_with_few_pictures_are_tested_together() -> None:
    few = answers((20, 0, 0, 0.99), (20, 1, 1, 0.99), (15, 2, 2, 0.99), (15, 0, 1, 0.5))
    found = class_thresholds(few, NAMES, 0.95)
    assert [one.least for one in found.classes.values()] == [pytest.approx(0.745)] * 3
    assert all(one.shared for one in found.classes.values())
    assert [(one.given, one.right) for one in found.classes.values()] == [(20, 20)] * 2 + [(15, 15)]


def test_of_a_class_of_which_no_picture_was_held_out_nothing_is_promised() -> None:
    found = class_thresholds(answers((100, 0, 0, 0.99), (100, 1, 1, 0.99)), NAMES, 0.9)
    assert found.unseen == ("wolf",)
    assert found.never == ["wolf"]
    assert found.limits == {"cat": 0.0, "dog": 0.0, "wolf": math.inf}


def test_what_it_would_take_is_known() -> None:
    thirty = answers((15, 0, 0, 0.99), (15, 1, 1, 0.99))
    assert class_thresholds(thirty, NAMES, 0.95).given == 0
    assert most_precise(thirty, NAMES) == 0.92  # 0.92 ** 30 is 0.08, 0.93 ** 30 is 0.11
    assert pictures_wanted(thirty, 0.95) == 45
    # So few of them are wrong that it may well be kept, but 230 without a mistake are wanted.
    assert pictures_wanted(thirty, 0.99) == 230
    assert pictures_wanted(answers((30, 0, 1, 0.9), (30, 1, 0, 0.9)), 0.95) is None
    assert most_precise(answers((30, 0, 1, 0.9), (30, 1, 0, 0.9)), NAMES) is None


def test_pictures_unlike_what_the_model_knows_get_no_answer() -> None:
    thresholds = class_thresholds(answers((100, 0, 0, 0.99), (100, 1, 1, 0.99)), NAMES, 0.9)
    said = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.1, 0.9, 0.0], [0.0, 0.1, 0.9]])
    labels = np.array([0, 0, 1, 2])
    found = score_selective(thresholds, said, labels, np.array([False, False, True, False]))
    assert (found.pictures, found.share_answered) == (4, 0.5)
    assert (found.overall.given, found.overall.right, found.overall.precision) == (2, 1, 0.5)
    assert {name: (one.given, one.precision) for name, one in found.classes.items()} == {
        "cat": (1, 1.0),
        "dog": (1, 0.0),
        "wolf": (0, None),
    }
    assert score_selective(thresholds, said, labels, None).overall.given == 3


def simulated(pictures: int, random: np.random.Generator) -> tuple[np.ndarray, HeldOutAnswers]:
    """Ten classes, the later the rarer and the harder, and how likely each answer is right."""
    said = np.minimum(random.geometric(0.3, pictures), 10) - 1
    likely = random.beta(40 / (said + 1), 1)
    right = random.random(pictures) < likely
    return likely, HeldOutAnswers(np.where(right, said, (said + 1) % 10), said, likely)


def test_all_answers_together_and_each_test_keep_the_promise() -> None:
    random = np.random.default_rng(18)
    names = [f"class {place}" for place in range(10)]
    chances, others = simulated(50_000, random)
    broken, given = 0, []
    for _ in range(100):
        found = class_thresholds(simulated(600, random)[1], names, 0.95)
        limits = np.array(list(found.limits.values()))
        answered = others.confidence >= limits[others.said]
        shared = np.array([one.shared for one in found.classes.values()])[others.said]
        tests = [answered, answered & shared]
        tests += [answered & ~shared & (others.said == place) for place in range(10)]
        broken += any(one.any() and chances[one].mean() < 0.95 for one in tests)
        given.append(answered.mean())
    assert broken <= RISK * 100
    assert np.mean(given) > 0.3
