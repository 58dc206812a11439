"""Scores in which each class counts the same."""

import numpy as np
import pytest

from imgclf.model.averaged_scores import averaged_scores
from imgclf.model.intervals import wilson

# A class of few pictures that are mostly wrong, and another one that was answered and has none.
CONFUSION = np.array([[90, 10, 0], [6, 3, 1], [0, 0, 0]])


def test_each_class_counts_the_same() -> None:
    found = averaged_scores(CONFUSION)
    assert found.balanced_accuracy == pytest.approx((0.9 + 0.3) / 2)
    assert found.macro_f1 == pytest.approx((180 / 196 + 6 / 23 + 0) / 3)


def test_the_interval_is_as_wide_as_the_small_class_makes_it() -> None:
    found = averaged_scores(CONFUSION).balanced_accuracy_interval
    # Of a mean of two shares of 100 and of 10 pictures, if both were alike: 36.4 pictures.
    widest = wilson(0.6 * 400 / 11, 400 / 11)
    assert found.low == pytest.approx(widest.low, abs=0.01)
    assert found.high == pytest.approx(widest.high, abs=0.01)


def test_nothing_is_certain_because_all_are_right() -> None:
    found = averaged_scores(np.diag([20, 20]))
    assert (found.balanced_accuracy, found.macro_f1) == (1.0, 1.0)
    assert found.balanced_accuracy_interval == wilson(40, 40)
    assert found.macro_f1_interval == wilson(38, 38)  # two classes take two


def test_the_same_pictures_give_the_same_interval() -> None:
    assert averaged_scores(CONFUSION) == averaged_scores(CONFUSION.copy())


@pytest.mark.parametrize("accuracy", [0.97, 0.8])
def test_the_interval_holds_what_it_promises(accuracy: float) -> None:
    random = np.random.default_rng(7)
    wrong = (1 - accuracy) / 2
    truth = np.array([[accuracy / 2, wrong], [wrong, accuracy / 2]])
    held = 0
    for _ in range(200):
        confusion = random.multinomial(40, truth.ravel()).reshape(2, 2)
        interval = averaged_scores(confusion).balanced_accuracy_interval
        held += interval.low <= accuracy <= interval.high
    assert 184 <= held <= 198


def test_of_three_pictures_a_class_the_interval_of_f1_holds_what_it_promises() -> None:
    random = np.random.default_rng(7)
    classes, f1 = 10, 0.87  # by symmetry that of each class
    truth = np.full((classes, classes), (1 - f1) / (classes - 1))
    np.fill_diagonal(truth, f1)
    held = 0
    for _ in range(100):
        confusion = random.multinomial(30, truth.ravel() / classes).reshape(classes, classes)
        interval = averaged_scores(confusion).macro_f1_interval
        held += interval.low <= f1 <= interval.high
    assert 92 <= held <= 98
