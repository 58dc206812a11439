"""A training that ends while there is time to publish it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imgclf.backend import keras
from imgclf.callbacks.stack import build_stack, in_time
from imgclf.callbacks.stop_in_time import Budget
from imgclf.runs.commits import load_latest
from imgclf.runs.folder import TimePlan
from imgclf.system import console
from imgclf.system.time_limit import TimeLimit
from tests.support.heard import Heard
from tests.support.tiny_training import declare, declared, said, small_model, sources


class Steps(keras.callbacks.Callback):
    """A clock by which each step takes so many seconds: those of the first epoch, and all later."""

    def __init__(self, first: float, later: float) -> None:
        super().__init__()
        self._seconds, self._epoch = (first, later), 0
        self.steps = 0
        self.now = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        self.now += self._seconds[min(self._epoch, 1)]


def trained_within(folder: Path, seconds: float, plan: TimePlan, steps: Steps) -> None:
    training, validation = sources()
    loaded = declare(folder, "- TensorBoard: none")
    console.use(Heard())
    budget = Budget(TimeLimit(seconds, 0, lambda: steps.now), plan)
    stack = in_time(build_stack(declared(loaded, folder / "run"), training), budget)
    with stack.running():
        small_model().fit(
            training.dataset(),
            validation_data=validation.dataset(),
            epochs=100,
            verbose=0,
            callbacks=[steps, *stack.callbacks],
        )


def planned(**values: Any) -> TimePlan:
    usual = {"epochs": 100, "fine_tuned": 0, "mirrored": False, "used": 0.0}
    return TimePlan(**{**usual, "publishing": 10, **values})


def test_it_ends_at_the_step_after_which_publishing_would_come_too_late(tmp_path: Path) -> None:
    steps = Steps(1, 1)
    trained_within(tmp_path, 20.5, planned(), steps)
    assert steps.steps == 11  # of four in an epoch
    assert "the time is up in epoch 3: publishing takes what is left\n" in said()
    commit = load_latest(tmp_path / "run/state")
    assert commit is not None
    assert commit.stopped
    assert len(commit.history["val_loss"]) == 3  # the epoch that was cut short is validated
    assert commit.seconds_of_budget == 11


def test_on_a_machine_that_became_slower_publishing_takes_longer_too(tmp_path: Path) -> None:
    steps = Steps(1, 2)
    trained_within(tmp_path, 40.5, planned(), steps)
    # Four steps of 1 s; then, of 36.5 s, 20 are for publishing: nine steps of 2 s go beyond 16.5.
    assert steps.steps == 4 + 9
    steps = Steps(1, 9)  # however slow, at most three times as long
    trained_within(tmp_path, 50.5, planned(), steps)
    assert steps.steps == 4 + 2


@pytest.mark.parametrize(("publishing", "fits"), [(2.0, True), (3.0, False)])
def test_no_phase_begins_for_which_there_is_no_time(
    tmp_path: Path, publishing: float, fits: bool
) -> None:
    training, _ = sources()
    budget = Budget(TimeLimit(10, 0, lambda: 5), planned(publishing=publishing))
    stack = in_time(build_stack(declared(declare(tmp_path), tmp_path / "run"), training), budget)
    assert stack.another_phase_fits == fits
