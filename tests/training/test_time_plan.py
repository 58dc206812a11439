"""What fits into a time: the arithmetic, on costs that are given."""

from __future__ import annotations

import pytest

from imgclf.runs.folder import TimePlan
from imgclf.training.time_plan import Costs, Declared, plan_epochs

HEAD = Costs(begin=2, epoch=0.5, publish=10, step=0.01)
# An epoch takes half a minute, as of clothing on two cores.
FINE_TUNING = Costs(begin=15, epoch=30, publish=25, step=1)
ASKED = Declared(epochs=30, fine_tuned=16)


def planned(left: float, declared: Declared = ASKED) -> TimePlan:
    plan = plan_epochs(declared, left, 8, HEAD, FINE_TUNING)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("minutes", "epochs", "fine_tuned"), [(1, 30, 0), (3, 30, 2), (10, 30, 14), (60, 30, 16)]
)
def test_more_time_buys_what_pays_most(minutes: int, epochs: int, fine_tuned: int) -> None:
    plan = planned(60 * minutes - 8)
    assert (plan.epochs, plan.fine_tuned) == (epochs, fine_tuned)
    spent = HEAD.begin + epochs * HEAD.epoch
    if fine_tuned:
        spent += FINE_TUNING.begin + fine_tuned * FINE_TUNING.epoch + FINE_TUNING.publish
    else:
        spent += HEAD.publish
    assert spent < 0.86 * (60 * minutes - 8)


def test_a_short_time_leaves_the_head_what_fits() -> None:
    assert planned(20).epochs == 10
    assert planned(20).fine_tuned == 0


def test_never_more_than_is_asked_for() -> None:
    plan = planned(6000, Declared(epochs=4, fine_tuned=2))
    assert (plan.epochs, plan.fine_tuned) == (4, 2)
    assert planned(6000, Declared(epochs=4)).fine_tuned == 0


def test_mirrored_pictures_come_last() -> None:
    asked = Declared(epochs=30, fine_tuned=16, mirrored_seconds=20)
    assert not planned(52, asked).mirrored
    assert planned(3600, asked).mirrored
    assert not planned(3600).mirrored  # nobody asked


def test_where_not_one_epoch_fits_there_is_no_plan_and_what_it_takes_is_known() -> None:
    assert plan_epochs(ASKED, HEAD.least - 0.01, 8, HEAD, FINE_TUNING) is None
    assert planned(HEAD.least + 0.01).epochs == 1


def test_a_second_phase_that_adapts_may_begin_where_only_a_part_of_its_epoch_fits() -> None:
    asked = Declared(epochs=30, fine_tuned=16, adapts=True)
    assert planned(90).fine_tuned == 0
    plan = planned(90, asked)
    assert (plan.epochs, plan.fine_tuned, plan.adapts) == (13, 1, True)
    assert planned(1000, asked).adapts
    roomy = planned(3600, asked)
    assert (roomy.fine_tuned, roomy.adapts) == (16, False)
