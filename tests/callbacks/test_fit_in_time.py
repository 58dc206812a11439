"""Fine-tuning that becomes as long as there is time for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.stack import build_stack, in_time
from imgclf.callbacks.stop_in_time import Budget, Decay
from imgclf.runs.commits import load_latest
from imgclf.runs.folder import TimePlan
from imgclf.system import console
from imgclf.system.time_limit import TimeLimit
from tests.support.heard import Heard
from tests.support.tiny_training import declare, declared, small_model, sources

RATE = 0.01
STEPS = 4  # of an epoch


class Clock(keras.callbacks.Callback):
    """By which each step takes so many seconds, and a validation none; it notes the rates."""

    def __init__(self, *seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.now = 0.0
        self.rates: list[float] = []
        self.epochs: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(self.params["epochs"])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))
        self.now += self._seconds[min(len(self.rates), len(self._seconds)) - 1]


def fine_tuned(folder: Path, seconds: float, clock: Clock, epochs: int, most: int = 50) -> None:
    """A phase that is planned to have so many epochs, of which the last can be cut short."""
    training, validation = sources()
    loaded = declare(folder, "- TensorBoard: none")
    console.use(Heard())
    plan = TimePlan(5, epochs, mirrored=False, used=0, publishing=10, adapts=True)
    decay = Decay(RATE, training.num_batches, most, validation.num_batches)
    budget = Budget(TimeLimit(seconds, 0, lambda: clock.now), plan, decay)
    stack = in_time(build_stack(declared(loaded, folder / "run"), training, phases=2), budget)
    stack.set_epoch.phase = 1
    model = small_model()
    model.compile(keras.optimizers.AdamW(RATE), "binary_crossentropy", metrics=["accuracy"])
    with stack.running():
        model.fit(
            training.dataset(),
            validation_data=validation.dataset(),
            epochs=most,
            verbose=0,
            callbacks=[clock, *stack.callbacks],
        )


def cosine(steps: int) -> list[float]:
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    return [float(schedule(step)) for step in range(steps)]


def test_with_all_the_time_it_is_as_long_as_asked_for_by_the_rates_of_its_schedule(
    tmp_path: Path,
) -> None:
    clock = Clock(1)
    fine_tuned(tmp_path, 1000, clock, epochs=3, most=3)
    assert clock.rates == cosine(3 * STEPS)


def test_steps_that_are_faster_than_planned_make_it_longer(tmp_path: Path) -> None:
    clock = Clock(1)
    fine_tuned(tmp_path, 40, clock, epochs=2)
    # Of the 30 s that publishing leaves.
    assert 20 <= len(clock.rates) <= 29
    assert clock.rates[:4] == cosine(2 * STEPS)[:4]
    assert all(np.diff(clock.rates) < 0)
    assert clock.rates[-1] < 0.01 * RATE  # it has come down, but for its last step
    # Whoever shows the progress is told how many there will be.
    assert clock.epochs[-1] == len(clock.epochs)
    commit = load_latest(tmp_path / "run/state")
    assert commit is not None
    assert commit.stopped
    assert commit.callbacks["FitInTime"]["end"] == len(clock.rates)


def test_steps_that_are_slower_than_planned_make_it_shorter_and_the_rate_still_comes_down(
    tmp_path: Path,
) -> None:
    clock = Clock(1, 1, 3)
    fine_tuned(tmp_path, 40, clock, epochs=8)
    assert clock.now < 30
    assert len(clock.rates) < 13
    assert clock.rates[-1] < 0.15 * RATE
    assert all(np.diff(clock.rates) < 0)
