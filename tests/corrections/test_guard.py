"""Versions are compared pair by pair, on the same pictures, overall and by class."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.corrections.guard import Judged, Rights

NAMES = ("cat", "dog")


def judged(
    trained: str, after: str, *, before: str | None = None, max_drop: float | None = None
) -> Judged:
    """Right and wrong answers as `+` and `-`, those to cats before a space, those to dogs after."""
    labels = np.array([0] * trained.index(" ") + [1] * (len(trained) - trained.index(" ") - 1))

    def right(said: str) -> np.ndarray:
        return np.array([letter == "+" for letter in said if letter != " "])

    first, last = right(trained), right(after)
    now = first if before is None else right(before)
    return Judged.of(Rights(first, now, last, last), labels, NAMES, max_drop)


def test_a_class_that_has_all_of_its_eight_right_has_a_tolerance() -> None:
    assert judged("++++++++ ----", "++++---- ----").worse == []
    assert judged("++++++++ ----", "+++----- ----").worse == ["(all)", "cat"]
    assert judged("++++++++ ----", "++++++++ ----").tolerance == {
        "(all)": 4 / 12,
        "cat": 4 / 8,
        "dog": 4 / 4,
    }


def test_a_class_that_has_none_of_its_eight_right_can_not_be_worse() -> None:
    assert judged("-------- ++++", "-------- ++++").worse == []
    assert judged("-------- ++++", "-------- ++++").tolerance["cat"] == 0.5


def test_only_the_pictures_that_tell_the_versions_apart_count() -> None:
    """Six spoiled of sixteen that changed are chance, six of six are not."""
    still = "+" * 60
    assert judged(f"++++++---------- {still}", f"------++++++++++ {still}").worse == []
    assert judged(f"++++++---------- {still}", f"---------------- {still}").worse == [
        "(all)",
        "cat",
    ]


def test_it_is_not_worse_than_the_trained_one_nor_than_the_one_in_use() -> None:
    """Two versions of which each loses three are worse together than chance explains."""
    trained, before, after = "+++++++++ +", "++++++--- +", "+++------ +"
    assert judged(trained, before).worse == []
    assert judged(before, after).worse == []
    assert judged(trained, after, before=before).worse == ["(all)", "cat"]
    # What was gained since the training is not to be lost again either.
    assert judged("--------- +", "--------- +", before="+++++++-- +").worse == ["(all)", "cat"]


def test_the_drop_that_would_let_it_pass_is_rounded_up() -> None:
    found = judged("+++++++ +", "------- +", before="+++++++ +")
    assert found.worse == ["(all)", "cat"]
    assert found.drop_asked == 1.0
    found = judged("+++++++++ ++", "+++------ ++")
    assert found.drop_asked == 0.6667
    assert judged("+++++++++ ++", "+++------ ++", max_drop=found.drop_asked).worse == []
    assert judged("+++++++++ ++", "+++------ ++", max_drop=0.6666).worse == ["cat"]


@pytest.mark.parametrize("max_drop", [0.0, 0.25])
def test_max_drop_is_the_tolerance_that_was_asked_for(max_drop: float) -> None:
    found = judged("++++++++ ++++", "++++++++ ++++", max_drop=max_drop)
    assert found.tolerance == {"(all)": max_drop, "cat": max_drop, "dog": max_drop}
    assert judged("++++++++ ++++", "+++++++- ++++", max_drop=max_drop).worse == (
        ["(all)", "cat"] if max_drop == 0 else []
    )
