"""What the last layer is solved for: margins for corrections, and a class that came later."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.corrections.feature_space import FeatureSpace
from imgclf.corrections.head_problem import HeadProblem, first_weights, margins
from imgclf.data.class_balance import balanced_weights
from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression

_RANDOM = np.random.default_rng(0)


def problem(corrected: np.ndarray, labels: list[int]) -> HeadProblem:
    """Two classes that the first feature tells apart; 100 pictures of them are remembered."""
    remembered = _RANDOM.normal(size=(100, 6)).astype(np.float32)
    trained = LinearHead(
        np.array([[-2, 2]] + [[0, 0]] * 5, np.float32), np.array([0, 0], np.float32)
    )
    return HeadProblem(
        [],
        remembered,
        (remembered[:, 0] > 0).astype(np.int64),
        np.ones(100),
        corrected.astype(np.float32),
        np.array(labels),
        np.ones(len(labels)),
        trained,
        trained,
    )


def test_corrections_and_their_copies_come_out_right_by_a_margin() -> None:
    corrected = np.zeros((2, 3, 6))
    corrected[0] += [0.5, 4, 0, 0, 0, 0]  # which the head takes for the second class
    corrected[1] += [-0.5, 0, 4, 0, 0, 0]
    asked = problem(corrected, [0, 1])
    before = margins(asked.trained.logits(asked.corrected[:, 0]), asked.labels)
    assert (before < 0).all()
    solved = asked.solved(0.03)
    assert solved is not None
    for copy in range(3):
        after = margins(solved.logits(asked.corrected[:, copy]), asked.labels)
        assert (after >= (1.0 if copy == 0 else 0.5)).all()
    remembered = margins(solved.logits(asked.remembered), asked.remembered_labels)
    assert (remembered > 0).mean() > 0.85


def test_one_picture_can_not_be_two_things() -> None:
    corrected = np.ones((2, 2, 6))
    asked = problem(corrected, [0, 1])
    assert asked.solved(0.03) is None
    assert asked.without(np.array([1])).solved(0.03) is not None


def test_few_pictures_of_a_class_count_as_in_the_training_that_made_up_for_them() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 380 + [1] * 20)
    remembered = random.normal(size=(400, 6)).astype(np.float32)
    remembered[labels == 1, 0] += 2
    weights = balanced_weights(labels, 2)[labels]
    head = fit_logistic_regression(remembered, labels, 2, example_weights=weights)

    def found(counted: np.ndarray) -> float:
        """Of the rare class, after a correction that has nothing to do with it."""
        corrected = np.array([[[0.5, 0, 3, 0, 0, 0]]], np.float32)
        asked = HeadProblem(
            [], remembered, labels, counted, corrected, np.array([0]), np.ones(1), head, head
        )
        solved = asked.solved(0.03)
        assert solved is not None
        return float((margins(solved.logits(remembered), labels) > 0)[labels == 1].mean())

    before = float((margins(head.logits(remembered), labels) > 0)[labels == 1].mean())
    assert found(weights) >= before - 0.1
    assert found(np.ones(400)) < before - 0.4


def test_a_class_that_came_later_counts_as_much_as_one_of_the_training() -> None:
    labels, remembered = np.array([0, 2, 2, 1, 2, 2]), np.repeat([0, 1], 40)
    assert first_weights(labels, remembered, 2).tolist() == [1, 10, 10, 1, 10, 10]
    assert first_weights(labels, remembered[:4], 2).tolist() == [1] * 6
    assert first_weights(labels, np.zeros(9000, np.int64), 2).tolist() == [1, 64, 64, 1, 64, 64]


@pytest.mark.parametrize("units", [1, 3])
def test_a_layer_is_the_same_in_standardized_features_and_back(units: int) -> None:
    features = _RANDOM.normal(3, 2, (50, 8)).astype(np.float32)
    kernel, bias = _RANDOM.normal(size=(8, units)), _RANDOM.normal(size=units)
    space = FeatureSpace.of(features)
    head = space.head(kernel, bias)
    logits = head.logits(space.standardized(features))
    expected = features @ kernel + bias
    if units == 1:
        logits = logits[:, 1:] - logits[:, :1]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    for back, given in zip(space.layer(head, units), (kernel, bias), strict=True):
        np.testing.assert_allclose(back, given, atol=1e-5)
