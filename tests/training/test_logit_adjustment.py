"""Classes' frequencies are taken out of a network's answers, by its bias."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.training.logit_adjustment import adjusted_bias

LOGITS = np.random.default_rng(0).normal(size=(6, 3))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_each_class_is_divided_by_its_share(amount: float) -> None:
    labels, shares = np.array([0] * 8 + [1] * 3 + [2]), np.array([8, 3, 1]) / 12
    moved = adjusted_bias(np.zeros(3, np.float32), amount, labels)
    divided = softmax(LOGITS) / shares**amount
    expected = divided / divided.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(LOGITS + moved), expected, atol=1e-6)


def test_the_odds_of_the_second_of_two_are_divided_by_how_often_it_is_there() -> None:
    moved = adjusted_bias(np.array([0.3], np.float32), 1, np.array([0] * 9 + [1] * 3))
    np.testing.assert_allclose(np.exp(moved), [np.exp(0.3) / (3 / 9)], rtol=1e-6)


def test_classes_of_one_size_stay_as_they_are() -> None:
    said = softmax(LOGITS + adjusted_bias(np.zeros(3, np.float32), 1, np.arange(12) % 3))
    np.testing.assert_allclose(said, softmax(LOGITS), atol=1e-6)


def test_a_class_without_pictures_is_no_infinity() -> None:
    assert np.isfinite(adjusted_bias(np.zeros(3, np.float32), 1, np.array([0, 0, 1]))).all()
