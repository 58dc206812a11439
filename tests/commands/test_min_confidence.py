"""`--min-confidence`: one limit for all classes, or one for each."""

from __future__ import annotations

import pytest

from imgclf.commands.min_confidence import read_min_confidence
from imgclf.errors import UsageError
from imgclf.model.prediction import Prediction

NAMES = ("cat", "dog", "a=b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.8", (0.8, 0.8, 0.8)),
        ("cat=0.9", (0.9, 0, 0)),
        ("cat=0.9, dog=1", (0.9, 1, 0)),
        ("0.5,dog=0.7", (0.5, 0.7, 0.5)),
        ("dog=0.7,0.5", (0.5, 0.7, 0.5)),
        ("a=b=0.25", (0, 0, 0.25)),
    ],
)
def test_limits_are_read(text: str, expected: tuple[float, ...]) -> None:
    assert read_min_confidence(text, NAMES) == dict(zip(NAMES, expected, strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.5", "'1.5' is no share; allowed is a number between 0 and 1, or CLASS=NUMBER"),
        ("nan", "'nan' is no share"),
        ("", "'' is no share"),
        ("cat=high", "'high' is no share"),
        ("cat=0.9,cat=0.8", "cat is there twice"),
        ("dgo=0.9", "has no class 'dgo'; it has cat, dog, a=b"),
    ],
)
def test_what_is_no_limit_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_min_confidence(text, NAMES)
    assert said in str(caught.value)


def test_an_answer_is_judged_by_the_limit_of_its_own_label() -> None:
    cat = Prediction("a.jpg", "cat", 0.8, {"cat": 0.8, "dog": 0.2}, None, unlike=False)
    assert cat.or_unsure({"cat": 0.8, "dog": 0.9}) == cat
    assert cat.or_unsure({"cat": 0.81}).label == "unsure"
    assert cat.or_unsure({"cat": 0.81}).confidence == 0.8
    assert cat.or_unsure({"dog": 1.0}) == cat
    unreadable = Prediction.unreadable("b.jpg", "truncated")
    assert unreadable.or_unsure({"cat": 1.0}) == unreadable
