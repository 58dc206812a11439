"""Scores where a picture may have several labels, by scikit-learn's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.model.averaged_scores import spread_interval
from imgclf.model.calibration import error_by_chance, expected_calibration_error, fit_temperature
from imgclf.model.intervals import Interval, f1_interval, wilson
from imgclf.model.probabilities import Probabilities
from imgclf.model.scores import Scores
from imgclf.model.scoring import ClassScores, Judged

_Labels = NDArray[np.int64]
_DRAWS = 1000
_AT_ONCE = 1 << 22  # numbers: 32 MiB


class LabelScores(ClassScores, frozen=True):
    """How well one label is given, each score between 0 and 1.

    Attributes:
        threshold: How probable it must be to be given.
        average_precision: Over all thresholds; None if no picture has it.
    """

    threshold: float
    average_precision: float | None


class MultiLabelEvaluation(Struct, frozen=True):
    """How a model of several labels did on labelled pictures.

    Attributes:
        part: What the pictures are.
        trained_on: See `Evaluation`, as of the next two.
        pictures: How many could be read and are judged.
        unreadable: How many could not.
        subset_accuracy: The share of the pictures that were given just their labels.
        subset_accuracy_interval: Between which it lies with 95 % confidence.
        macro_f1: The mean of the F1 scores of the classes that a picture has or was given.
        mean_average_precision: Over the classes that a picture has; needs no thresholds.
        labels_per_picture: That they have, on average.
        given_per_picture: That they were given.
        classes: By class name, in the model's order.
        expected_calibration_error: By how much the confidence of single answers, yes or no, and
            their accuracy differ on average.
        calibration_error_by_chance: What of it a model shows whose confidence is exactly right.
        calibration_error: What is left then, at least 0.
        temperature: By which the model's confidence is calibrated.
        scored_before: How often a version of the model was scored on these test pictures before.
    """

    part: Judged
    trained_on: int | None
    pictures: int
    unreadable: int
    subset_accuracy: float
    subset_accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    mean_average_precision: float
    labels_per_picture: float
    given_per_picture: float
    classes: dict[str, LabelScores]
    expected_calibration_error: float
    calibration_error_by_chance: float
    calibration_error: float
    temperature: float
    scored_before: int = 0


def evaluate_labels(
    probabilities: Probabilities,
    labels: _Labels,
    class_names: Sequence[str],
    thresholds: Sequence[float],
    *,
    part: Judged,
    trained_on: int | None = 0,
    unreadable: int = 0,
    temperature: float = 1.0,
) -> MultiLabelEvaluation:
    """All scores of a model on labelled pictures.

    Args:
        probabilities: Calibrated, shape (pictures, classes).
        labels: 0 or 1, shape (pictures, classes); at least one picture.
        class_names: In output order.
        thresholds: How probable each must be to be given.
        part: What the pictures are; kept in the result, as are the next three.
        trained_on: How many of them were trained on.
        unreadable: How many more there were.
        temperature: Of the calibration.
    """
    given = given_labels(probabilities, thresholds)
    truth = labels == 1
    classes = {
        name: _label_scores(probabilities[:, place], truth[:, place], given[:, place], threshold)
        for place, (name, threshold) in enumerate(zip(class_names, thresholds, strict=True))
    }
    just = int((given == truth).all(axis=1).sum())
    macro, macro_interval = _macro_f1(truth, given)
    precisions = [one.average_precision for one in classes.values()]
    known = [one for one in precisions if one is not None]
    answers = as_answers(probabilities, labels)
    error, by_chance = expected_calibration_error(*answers), error_by_chance(*answers)
    return MultiLabelEvaluation(
        part=part,
        trained_on=trained_on,
        pictures=len(labels),
        unreadable=unreadable,
        subset_accuracy=just / len(labels),
        subset_accuracy_interval=wilson(just, len(labels)),
        macro_f1=macro,
        macro_f1_interval=macro_interval,
        mean_average_precision=sum(known) / len(known) if known else 0.0,
        labels_per_picture=float(truth.sum() / len(labels)),
        given_per_picture=float(given.sum() / len(labels)),
        classes=classes,
        expected_calibration_error=error,
        calibration_error_by_chance=by_chance,
        calibration_error=max(0.0, error - by_chance),
        temperature=temperature,
    )


def label_set_scores(
    probabilities: Probabilities,
    labels: _Labels,
    class_names: Sequence[str],
    thresholds: Sequence[float],
    part: Literal["validation", "test"] = "validation",
) -> Scores:
    """The few scores that a model file keeps; see `evaluate_labels`."""
    given, truth = given_labels(probabilities, thresholds), labels == 1
    macro, macro_interval = _macro_f1(truth, given)
    return Scores(
        accuracy=float((given == truth).all(axis=1).mean()),
        per_class={
            name: float(given[truth[:, place], place].mean())
            for place, name in enumerate(class_names)
            if truth[:, place].any()
        },
        pictures=len(labels),
        part=part,
        macro_f1=macro,
        macro_f1_interval=macro_interval,
        of_label_sets=True,
    )


def given_labels(probabilities: Probabilities, thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """Which labels each picture is given, shape (pictures, classes)."""
    given: NDArray[np.bool_] = probabilities >= np.array(thresholds)
    return given


def as_answers(probabilities: Probabilities, labels: _Labels) -> tuple[Probabilities, _Labels]:
    """Each class of each picture as a question of its own: no or yes.

    Args:
        probabilities: Shape (pictures, classes).
        labels: 0 or 1, of the same shape.

    Returns:
        Shape (answers, 2), and 0 or 1, shape (answers,).
    """
    flat = probabilities.ravel()
    return np.stack([1 - flat, flat], axis=1), labels.ravel()


def fit_temperature_of_answers(probabilities: Probabilities, labels: _Labels) -> float:
    """See `fit_temperature`."""
    return fit_temperature(*as_answers(probabilities, labels))


def average_precision(said: NDArray[np.float64], truth: NDArray[np.bool_]) -> float | None:
    """The mean of the precision over all recalls, as scikit-learn has it; None if there are none.

    Args:
        said: Probabilities, shape (pictures,).
        truth: Which pictures have the label.
    """
    if not truth.any():
        return None
    order = np.argsort(-said, kind="stable")
    ranked, right = said[order], np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # equal ones go together
    precision = right[ends] / (ends + 1)
    steps = np.diff(right[ends], prepend=0) / right[-1]
    return float((precision * steps).sum())


def _label_scores(
    said: NDArray[np.float64],
    truth: NDArray[np.bool_],
    given: NDArray[np.bool_],
    threshold: float,
) -> LabelScores:
    right, given_in_all, support = int((truth & given).sum()), int(given.sum()), int(truth.sum())
    either = given_in_all + support
    return LabelScores(
        precision=right / given_in_all if given_in_all else 0.0,
        recall=right / support if support else 0.0,
        f1_score=2 * right / either if either else 0.0,
        support=support,
        precision_interval=wilson(right, given_in_all),
        recall_interval=wilson(right, support),
        f1_score_interval=f1_interval(right, given_in_all, support),
        threshold=threshold,
        average_precision=average_precision(said, truth),
    )


def _macro_f1(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> tuple[float, Interval]:
    """With its interval, found as `averaged_scores` does: by drawing as many pictures again."""
    pictures = len(truth)
    counted = [one.astype(np.float64) for one in (truth & given, truth, given)]
    everything = np.ones((1, pictures))
    macro = float(_of_draws(everything, counted)[0])
    random, step = np.random.default_rng(0), max(1, _AT_ONCE // pictures)
    even = np.full(pictures, 1 / pictures)
    draws = [
        _of_draws(random.multinomial(pictures, even, min(step, _DRAWS - start)), counted)
        for start in range(0, _DRAWS, step)
    ]
    drawn = np.concatenate(draws)
    support = truth.sum(axis=0)
    support = support[support > 0]
    most = float(len(support) ** 2 / (1 / support).sum()) if len(support) else 0.0
    corrected = min(1.0, max(0.0, 2 * macro - float(drawn.mean())))
    wider = pictures / max(1, pictures - truth.shape[1])
    variance = wider * float(drawn.var())
    either = [spread_interval(score, variance, most / wider) for score in (macro, corrected)]
    return macro, Interval(min(one.low for one in either), max(one.high for one in either))


def _of_draws(
    times: NDArray[np.number], counted: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Macro F1 of each draw, given how often each picture is in it, shape (draws, pictures)."""
    right, support, given = (times.astype(np.float64) @ one for one in counted)
    either = support + given
    there = either > 0
    f1_scores = np.divide(2 * right, either, out=np.zeros(either.shape), where=there)
    means: NDArray[np.float64] = f1_scores.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return means
