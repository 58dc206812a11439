"""A training that is killed at a chosen moment, and all that has to be equal in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from imgclf.backend import keras
from imgclf.callbacks.stack import Stack, build_stack
from imgclf.data.source import Source
from imgclf.runs.commits import latest_of_run
from imgclf.training.phases import Phase, run_phases
from tests.support.tiny_training import declare, declared, forgetful_model, sources

EPOCHS = 6


EVERYTHING = """
- EarlyStopping: {patience: 3, restore_best_weights: true}
- ReduceLROnPlateau: {patience: 1, factor: 0.5, cooldown: 1}
- ModelCheckpoint: {monitor: val_loss, save_best_only: true}
- LearningRateScheduler: {schedule: exponential, rate: -0.2, start_epoch: 1}
- TensorBoard: {update_freq: 2, write_graph: false}
- imgclf.callbacks.examples:EarlyStoppingAtMinLoss: {patience: 4}
"""


class Killed(BaseException):
    """Not an Exception, so that nothing can mistake it for an error that it handles."""


class Killer(keras.callbacks.Callback):
    """Raises at one moment, as if the process ended there."""

    def __init__(self, hook: str, number: int, batch: int | None = None) -> None:
        super().__init__()
        self._hook, self._number, self._batch = hook, number, batch
        self._epoch = 0

    def _strike(self, hook: str, number: int) -> None:
        if hook == self._hook and number == self._number:
            raise Killed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._strike("epoch begins", epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self._batch:
            self._strike("batch ends", self._epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._strike("epoch ends", epoch)

    def on_train_end(self, logs: Any = None) -> None:
        self._strike("training ends", 0)


def fit(
    folder: Path,
    callbacks: str,
    model: Any,
    killer: Killer | None = None,
    before_commit: bool = True,
    epochs: int = EPOCHS,
    training_keys: str = "",
    phases: Callable[[Source, Source], list[Phase]] | None = None,
) -> Stack:
    """One process of a training: goes on from what is committed in the folder, if anything is.

    Args:
        phases: Made of what there is to train on and to judge by; by default one of `epochs`.
    """
    training, validation = sources()
    loaded = declare(folder, callbacks, training_keys)
    stack = build_stack(declared(loaded, folder / "run"), training)
    state = stack.committed_state
    assert state is not None
    if killer is not None:
        place = stack.callbacks.index(state)
        stack.callbacks.insert(place if before_commit else place + 1, killer)
    planned = phases(training, validation) if phases else [Phase(epochs, training, validation)]
    with stack.running():
        run_phases(model, planned, stack, latest_of_run(state.directory, "run"))
    return stack


def outcome(folder: Path, stack: Stack, model: Any) -> dict[str, Any]:
    """All that has to be equal, to the bit where it is bits."""
    run = folder / "run"
    best = keras.models.load_model(run / "checkpoints/best.keras")
    assert stack.best is not None and stack.best.weights is not None
    return {
        "weights": [variable.numpy().tobytes() for variable in model.variables],
        "optimizer": [variable.numpy().tobytes() for variable in model.optimizer.variables],
        "log": (run / "training.csv").read_bytes(),
        "history": json.dumps(model.history.history),
        "epochs": model.history.epoch,
        "checkpoint": [weight.tobytes() for weight in best.get_weights()],
        "best": (stack.best.epoch, [weight.tobytes() for weight in stack.best.weights]),
        "events": {part: events(run / "tensorboard" / part) for part in ("train", "validation")},
    }


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(one.step, float(make_ndarray(one.tensor_proto))) for one in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
    }


def interrupted(
    folder: Path,
    callbacks: str,
    killer: Killer,
    before_commit: bool = True,
    phases: Callable[[Source, Source], list[Phase]] | None = None,
) -> Any:
    """Trains until the killer strikes, then resumes with everything made anew."""
    folder.mkdir()
    with pytest.raises(Killed):
        fit(folder, callbacks, forgetful_model(), killer, before_commit, phases=phases)
    keras.utils.clear_session()
    model = forgetful_model()
    stack = fit(folder, callbacks, model, phases=phases)
    return outcome(folder, stack, model)
