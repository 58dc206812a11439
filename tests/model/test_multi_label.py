"""Scores and thresholds where a picture may have several labels."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.model.averaged_scores import averaged_scores
from imgclf.model.calibration import fit_temperature
from imgclf.model.intervals import f1_interval, wilson
from imgclf.model.multi_label import (
    LabelScores,
    average_precision,
    evaluate_labels,
    fit_temperature_of_answers,
    label_set_scores,
)
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import to_probabilities
from imgclf.model.thresholds import choose_thresholds
from imgclf.report.evaluation_table import label_table

# Four pictures of a cat, a dog, both and nothing.
LABELS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
SAID = np.array([[0.9, 0.2], [0.6, 0.9], [0.8, 0.4], [0.3, 0.1]])
THRESHOLDS = (0.5, 0.5)


def test_the_scores_are_those_of_their_definitions() -> None:
    found = evaluate_labels(SAID, LABELS, ["cat", "dog"], THRESHOLDS, part="test")
    assert found.subset_accuracy == 0.5
    assert found.subset_accuracy_interval == wilson(2, 4)
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.macro_f1_interval.low < found.macro_f1 < found.macro_f1_interval.high
    assert (found.labels_per_picture, found.given_per_picture) == (1.0, 1.0)
    assert found.classes == {
        "cat": LabelScores(
            *(2 / 3, 1.0, 0.8, 2, wilson(2, 3), wilson(2, 2), f1_interval(2, 3, 2), 0.5, 1.0)
        ),
        "dog": LabelScores(
            *(1.0, 0.5, 2 / 3, 2, wilson(1, 1), wilson(1, 2), f1_interval(1, 1, 2), 0.5, 1.0)
        ),
    }
    assert found.mean_average_precision == 1.0
    # Of eight answers two are wrong, each with a confidence of 0.6.
    assert found.expected_calibration_error == pytest.approx(
        (3 * 0.1 + 2 * 0.2 + 0.3 + 2 * 0.6) / 8
    )


def test_the_few_scores_of_a_model_file_are_the_same() -> None:
    found = evaluate_labels(SAID, LABELS, ["cat", "dog"], THRESHOLDS, part="test")
    kept = label_set_scores(SAID, LABELS, ["cat", "dog"], THRESHOLDS)
    assert (kept.accuracy, kept.macro_f1) == (found.subset_accuracy, found.macro_f1)
    assert kept.macro_f1_interval == found.macro_f1_interval
    assert kept.per_class == {"cat": 1.0, "dog": 0.5}
    assert kept.of_label_sets


def test_the_interval_of_macro_f1_is_about_that_of_one_label_each() -> None:
    random = np.random.default_rng(0)
    truth, said = random.integers(0, 3, 200), random.integers(0, 3, 200)
    said[:150] = truth[:150]
    confusion = np.bincount(3 * truth + said, minlength=9).reshape(3, 3)
    one_each = averaged_scores(confusion)
    several = evaluate_labels(
        np.eye(3)[said], np.eye(3, dtype=np.int64)[truth], "abc", [0.5] * 3, part="test"
    )
    assert several.macro_f1 == pytest.approx(one_each.macro_f1)
    for end in ("low", "high"):
        ours, theirs = (one.macro_f1_interval for one in (several, one_each))
        assert getattr(ours, end) == pytest.approx(getattr(theirs, end), abs=0.01)


@pytest.mark.parametrize(
    ("said", "truth", "found"),
    [
        ([0.9, 0.8, 0.1], [1, 1, 0], 1.0),
        ([0.9, 0.8, 0.1], [0, 1, 1], (1 / 2 + 2 / 3) / 2),
        ([0.5, 0.5, 0.1], [0, 1, 0], 1 / 2),  # equal ones go together
        ([0.5, 0.4], [0, 0], None),
    ],
)
def test_average_precision(said: list[float], truth: list[int], found: float | None) -> None:
    assert average_precision(np.array(said), np.array(truth) == 1) == found


def test_a_threshold_is_that_of_the_highest_f1_score() -> None:
    truth = np.array([1] * 12 + [0] * 28)
    # From 0.3 on all that have it are given, and four that don't.
    said = np.concatenate([np.full(12, 0.3), np.full(4, 0.35), np.full(24, 0.1)])
    (found,) = choose_thresholds(said[:, np.newaxis], truth[:, np.newaxis])
    assert found == pytest.approx(0.2)


def test_of_thresholds_that_are_as_good_the_one_nearest_to_a_half_is_taken() -> None:
    truth = np.array([1] * 12 + [0] * 12)
    said = np.concatenate([np.full(12, 0.9), np.full(12, 0.2)])
    assert choose_thresholds(said[:, np.newaxis], truth[:, np.newaxis]) == (0.5,)


def test_a_class_of_few_pictures_takes_the_threshold_of_all_together() -> None:
    random = np.random.default_rng(0)
    labels = (random.random((200, 3)) < (0.4, 0.4, 0.02)).astype(np.int64)
    assert 0 < labels[:, 2].sum() < 10
    said = np.clip(0.2 + 0.2 * labels + 0.1 * random.standard_normal((200, 3)), 0, 1)
    common, other, rare = choose_thresholds(said, labels)
    (together,) = choose_thresholds(said.reshape(-1, 1), labels.reshape(-1, 1))
    assert rare == together
    assert {common, other} != {together}


def test_of_few_pictures_in_all_it_is_one_half() -> None:
    assert choose_thresholds(SAID, LABELS) == (0.5, 0.5)


def test_each_class_is_calibrated_by_itself() -> None:
    random = np.random.default_rng(0)
    honest = random.random((400, 2))
    labels = (random.random((400, 2)) < honest).astype(np.int64)
    too_sure = to_probabilities(honest, "multi_label", 0.5)
    temperature = fit_temperature_of_answers(too_sure, labels)
    assert 1.6 < temperature < 2.4
    flat = np.stack([1 - too_sure.ravel(), too_sure.ravel()], axis=1)
    assert temperature == fit_temperature(flat, labels.ravel())
    assert to_probabilities(too_sure, "multi_label", 2.0) == pytest.approx(honest)


def test_outputs_that_are_quite_sure_stay_so() -> None:
    assert to_probabilities(np.array([[0.0, 1.0]]), "multi_label", 2.0) == pytest.approx(
        np.array([[0.0, 1.0]]), abs=1e-6
    )


def test_a_prediction_has_all_labels_from_their_thresholds_on() -> None:
    row, names = np.array([0.5, 0.7, 0.2]), ["cat", "dog", "hat"]
    found = Prediction.of("a.jpg", row, names, thresholds=(0.5, 0.8, 0.1))
    assert found.labels == ("cat", "hat")
    assert (found.label, found.confidence) == ("dog", 0.7)
    assert Prediction.of("a.jpg", row, names, thresholds=(0.9, 0.9, 0.9)).labels == ()
    assert Prediction.of("a.jpg", row, names).labels is None


def test_the_table_says_the_same() -> None:
    found = evaluate_labels(SAID, LABELS, ["cat", "dog"], (0.5, 0.45), part="mixed")
    lines = label_table(found).splitlines()
    assert lines[0] == (
        "subset accuracy on pictures of several parts: 0.5000 (4 pictures), 95% interval 0.1500 to "
        "0.8500"
    )
    assert lines[2] == "mean average precision: 1.0000"
    assert lines[3] == "labels a picture: 1.00, given 1.00"
    assert lines[6].split()[:7] == (
        ["class", "threshold", "precision", "recall", "f1-score", "avg-precision", "support"]
    )
    assert lines[7].split()[:7] == ["cat", "0.5000", "0.6667", "1.0000", "0.8000", "1.0000", "2"]
    assert lines[8].split()[:7] == ["dog", "0.4500", "1.0000", "0.5000", "0.6667", "1.0000", "2"]
