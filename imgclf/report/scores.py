"""Scores in a line each, with how far they may be off."""

from __future__ import annotations

from collections.abc import Iterator

from imgclf.model.intervals import Interval, wilson
from imgclf.model.scores import Scores


def interval_cell(interval: Interval) -> str:
    """As a table has it: one word."""
    return f"{interval.low:.3f}-{interval.high:.3f}"


def with_interval(score: float, interval: Interval | None) -> str:
    """A score, and between which it lies with 95 % confidence, if that is known."""
    if interval is None:
        return f"{score:.4f}"
    return f"{score:.4f}, 95% interval {interval.low:.4f} to {interval.high:.4f}"


def interval_in_words(right: float, pictures: int) -> str:
    """What follows a share of pictures in a sentence: between which it lies."""
    interval = wilson(right, pictures)
    return f" (95 % interval {interval.low:.1%} to {interval.high:.1%})"


def score_lines(scores: Scores) -> Iterator[str]:
    """What a training or a version scores, the accuracy first."""
    part, interval = scores.part, scores.accuracy_interval
    score = "subset accuracy" if scores.of_label_sets else "accuracy"
    yield (
        f"{part} {score}: {scores.accuracy:.4f} ({scores.pictures} pictures), "
        f"95% interval {interval.low:.4f} to {interval.high:.4f}"
    )
    if scores.balanced_accuracy is not None:
        balanced = with_interval(scores.balanced_accuracy, scores.balanced_accuracy_interval)
        yield f"{part} balanced accuracy: {balanced}"
    if scores.macro_f1 is not None:
        yield f"{part} macro F1: {with_interval(scores.macro_f1, scores.macro_f1_interval)}"
