"""Logistic regression, against sums that are written out and answers that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression


def drawn(examples: int, features: int, classes: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Examples around the middle of their class, which lies near those of others."""
    random = np.random.default_rng(1)
    middles = random.normal(size=(classes, features))
    labels = np.arange(examples) % classes
    return middles[labels] + random.normal(size=(examples, features)), labels


def written_out(
    head: LinearHead,
    features: NDArray[Any],
    labels: NDArray[np.int64],
    l2: float,
    weights: NDArray[Any],
    towards: LinearHead | None,
) -> float:
    """What is to become smallest, number by number."""
    total = 0.0
    for example, label, weight in zip(features, labels, weights, strict=True):
        logits = [
            sum(example[i] * head.weights[i, k] for i in range(len(example))) + head.biases[k]
            for k in range(len(head.biases))
        ]
        total -= weight * (logits[label] - math.log(sum(math.exp(one) for one in logits)))
    away = head.weights if towards is None else head.weights - towards.weights
    distance = float((away**2).sum())
    if towards is not None:
        distance += float(((head.biases - towards.biases) ** 2).sum())
    return total / weights.sum() + l2 / 2 * distance


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_small_step_from_the_answer_makes_it_better(
    classes: int, pulled: bool, weighted: bool
) -> None:
    random = np.random.default_rng(2)
    features, labels = drawn(20, 3, classes)
    weights = random.uniform(0.5, 3, 20) if weighted else np.ones(20)
    towards = LinearHead(random.normal(size=(3, classes)), random.normal(size=classes))
    head = fit_logistic_regression(
        features,
        labels,
        classes,
        l2=0.05,
        example_weights=weights if weighted else None,
        towards=towards if pulled else None,
        tolerance=1e-8,
    )
    step, around = 1e-5, np.concatenate([head.weights, head.biases[None]])
    for place in np.ndindex(around.shape):
        objective = []
        for sign in (1, -1):
            moved = around.copy()
            moved[place] += sign * step
            there = LinearHead(moved[:-1], moved[-1])
            given = (features, labels, 0.05, weights, towards if pulled else None)
            objective.append(written_out(there, *given))
        assert abs(objective[0] - objective[1]) / (2 * step) < 1e-7


def test_features_that_say_nothing_leave_the_shares_of_the_classes() -> None:
    labels = np.array([0] * 5 + [1] * 3 + [2] * 2)
    head = fit_logistic_regression(np.zeros((10, 4)), labels, 3, tolerance=1e-9)
    np.testing.assert_allclose(head.probabilities(np.ones((1, 4))), [[0.5, 0.3, 0.2]], atol=1e-7)
    assert not head.weights.any()
    assert head.biases.sum() == pytest.approx(0, abs=1e-9)


def test_two_opposite_examples_have_the_answer_of_one_equation() -> None:
    head = fit_logistic_regression(
        np.array([[-1.0], [1.0]]), np.array([0, 1]), 2, l2=0.3, tolerance=1e-10
    )
    [[minus, plus]] = head.weights
    assert minus == pytest.approx(-plus)
    # By symmetry the loss is ln(1 + exp(-2w)) + 0.3 w^2, whose slope is zero here.
    assert 0.3 * plus == pytest.approx(1 / (1 + math.exp(2 * plus)))
    np.testing.assert_allclose(head.biases, 0, atol=1e-9)


def test_an_example_of_weight_two_counts_as_two_and_of_weight_none_not_at_all() -> None:
    features, labels = drawn(12, 2, 3)
    weighted = fit_logistic_regression(
        features, labels, 3, example_weights=np.array([2, 0] + [1] * 10), tolerance=1e-9
    )
    chosen = [0, 0, *range(2, 12)]
    listed = fit_logistic_regression(features[chosen], labels[chosen], 3, tolerance=1e-9)
    np.testing.assert_allclose(weighted.weights, listed.weights, atol=1e-7)
    np.testing.assert_allclose(weighted.biases, listed.biases, atol=1e-7)


def test_a_strong_pull_leaves_the_head_as_it_is_and_a_weak_one_lets_it_learn() -> None:
    features, labels = drawn(60, 20, 3)
    free = fit_logistic_regression(features, labels, 3)
    contrary = LinearHead(-free.weights, np.array([1.0, 0.0, -2.0]))
    kept = fit_logistic_regression(features, labels, 3, l2=1e6, towards=contrary)
    np.testing.assert_allclose(kept.weights, contrary.weights, atol=1e-5)
    np.testing.assert_allclose(kept.biases, contrary.biases, atol=1e-5)
    learned = fit_logistic_regression(features, labels, 3, l2=1e-4, towards=contrary)
    kept_right, learned_right = (
        (head.probabilities(features).argmax(axis=1) == labels).mean() for head in (kept, learned)
    )
    assert kept_right < 0.2 < 0.9 < learned_right


def test_a_start_at_the_answer_needs_no_steps_and_one_elsewhere_changes_nothing() -> None:
    features, labels = drawn(50, 4, 3)
    answer = fit_logistic_regression(features, labels, 3, tolerance=1e-9)
    again = fit_logistic_regression(features, labels, 3, start=answer, max_iterations=1)
    np.testing.assert_allclose(again.weights, answer.weights, atol=1e-7)
    cold = fit_logistic_regression(features, labels, 3, max_iterations=1)
    assert abs(cold.weights - answer.weights).max() > 0.1
    elsewhere = LinearHead(np.ones((4, 3)) * [3, -2, 1], np.array([4.0, -4.0, 0.0]))
    far = fit_logistic_regression(features, labels, 3, start=elsewhere, tolerance=1e-9)
    np.testing.assert_allclose(far.weights, answer.weights, atol=1e-6)


def test_single_precision_comes_to_the_same() -> None:
    features, labels = drawn(300, 20, 5)
    double = fit_logistic_regression(features, labels, 5)
    single = fit_logistic_regression(features.astype(np.float32), labels, 5)
    assert (single.weights.dtype, single.biases.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(
        single.probabilities(features), double.probabilities(features), atol=1e-3
    )


def test_a_class_without_examples_is_unlikely() -> None:
    features, labels = drawn(30, 2, 2)
    said = fit_logistic_regression(features, labels, 3).probabilities(features)
    assert said[:, 2].max() < 0.01


def test_a_start_far_away_does_not_overflow() -> None:
    features, labels = drawn(30, 2, 2)
    start = LinearHead(np.array([[1e4, -1e4], [-1e4, 1e4]]), np.array([1e4, -1e4]))
    far = fit_logistic_regression(features, labels, 2, start=start, tolerance=1e-7)
    near = fit_logistic_regression(features, labels, 2, tolerance=1e-7)
    np.testing.assert_allclose(far.weights, near.weights, atol=1e-5)


@pytest.mark.parametrize("width", [64, pytest.param(200, marks=pytest.mark.slow)])
def test_a_hundred_classes_are_told_apart(width: int) -> None:
    """Multiplied in blocks of examples, and whole."""
    features, labels = drawn(200, width, 100)
    single = features.astype(np.float32)
    said = fit_logistic_regression(single, labels, 100).probabilities(single)
    assert (said.argmax(axis=1) == labels).all()
    exact = fit_logistic_regression(features, labels, 100, tolerance=1e-7)
    np.testing.assert_allclose(said, exact.probabilities(features), atol=2e-3)
