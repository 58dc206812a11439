"""What is said of limits, in a line."""

from __future__ import annotations

from imgclf.model.class_thresholds import ClassThreshold, ClassThresholds
from imgclf.report.min_precision import thresholds_line


def test_a_line_has_each_limit_and_what_is_never_said() -> None:
    classes = {
        "cat": ClassThreshold(0.99999999, 100, 60, 60, shared=False),
        "dog": ClassThreshold(0.0, 100, 100, 99, shared=False),
        "fox": ClassThreshold(0.75, 20, 15, 15, shared=True),
        "wolf": ClassThreshold(0.75, 20, 15, 14, shared=True),
        "fish": ClassThreshold(None, 0, 0, 0, shared=False),
    }
    assert thresholds_line(ClassThresholds(0.9, 0.1, classes, ("fish",))) == (
        "a label is given from this confidence on: cat 0.99999999, dog 0, all others 0.7500, never "
        "fish (1 of these had no picture held out); so 190 of 240 held-out pictures get one"
    )
    shared = dict.fromkeys(("cat", "dog"), classes["fox"])
    assert thresholds_line(ClassThresholds(0.9, 0.1, shared, ())) == (
        "a label is given from this confidence on: all 0.7500; so 30 of 40 held-out pictures get "
        "one"
    )
