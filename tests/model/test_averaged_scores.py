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
    assert found.balanced_accuracy_interval == found.macro_f1_interval == wilson(40, 40)


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
