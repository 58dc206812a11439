"""`training.ema`: averages of the weights are judged, kept and published in their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.callbacks.stack import Stack, build_stack
from imgclf.runs.commits import latest_of_run
from imgclf.training.phases import Phase, run_phases
from tests.support.interrupted_training import Killed, Killer
from tests.support.tiny_training import declare, declared, same, small_model, sources

MOMENTUM = 0.5
STOP_EARLY = """
- TensorBoard: none
- EarlyStopping: {monitor: loss, mode: max, patience: 0, start_from_epoch: 2}
- BackupAndRestore: {save_freq: 3}
"""


class Seen(keras.callbacks.Callback):
    """What the model holds at some moments."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Any] = []
        self.judged: list[Any] = []
        self.ended: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps.append(self.model.get_weights())

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.judged.append(self.model.get_weights())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ended.append(self.model.get_weights())


def averaging_model() -> Any:
    return small_model(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=MOMENTUM))


def trained(
    folder: Path, epochs: int = 6, killer: Killer | None = None, callbacks: str = STOP_EARLY
) -> tuple[Stack, Any, Seen]:
    """Goes on from what is committed in the folder."""
    training, validation = sources()
    folder.mkdir(exist_ok=True)
    stack = build_stack(
        declared(declare(folder, callbacks), folder / "run"), training, averages=True
    )
    seen, state = Seen(), stack.committed_state
    assert state is not None
    # Behind all that look at the end of an epoch, before the weights are back.
    stack.callbacks.insert(stack.callbacks.index(state) - 1, seen)
    if killer is not None:
        stack.callbacks.append(killer)
    model = averaging_model()
    with stack.running():
        ran = run_phases(
            model,
            [Phase(epochs, training, validation)],
            stack,
            latest_of_run(state.directory, "run"),
        )
    return stack, ran.model, seen


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stack, Any, Seen]:
    folder = tmp_path_factory.mktemp("averages") / "whole"
    return folder, *trained(folder)


def test_what_is_judged_and_kept_is_the_average_over_the_steps(
    done: tuple[Path, Stack, Any, Seen],
) -> None:
    folder, stack, model, seen = done
    assert 3 <= len(seen.ended) < 6, "the callback has to end it early"
    average, averages = seen.steps[0], []
    for number, weights in enumerate(seen.steps):
        if number:
            pairs = zip(average, weights, strict=True)
            average = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in pairs]
        averages.append(average)
    for epoch, (judged, ended) in enumerate(zip(seen.judged, seen.ended, strict=True)):
        assert same(judged, ended)
        for found, expected in zip(judged, averages[4 * epoch + 3], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    best = stack.best
    assert best is not None and best.epoch is not None and best.weights is not None
    assert same(best.weights, seen.ended[best.epoch])
    saved = keras.models.load_model(folder / "run/checkpoints/best.keras")
    assert same(saved.get_weights(), best.weights)
    # The last epoch's, though a callback has ended the training.
    assert same(model.get_weights(), seen.ended[-1])


@pytest.mark.parametrize(
    "killer",
    [
        pytest.param(Killer("epoch begins", 1), id="after an epoch"),
        pytest.param(Killer("batch ends", 1, batch=2), id="in the middle of one"),
    ],
)
def test_resumed_it_ends_the_same(
    tmp_path: Path, done: tuple[Path, Stack, Any, Seen], killer: Killer
) -> None:
    with pytest.raises(Killed):
        trained(tmp_path / "resumed", killer=killer)
    stack, model, _ = trained(tmp_path / "resumed")
    assert stack.best is not None and done[1].best is not None
    assert same(stack.best.weights or [], done[1].best.weights or [])
    assert same(model.get_weights(), done[2].get_weights())
    logs = [folder / "run/training.csv" for folder in (done[0], tmp_path / "resumed")]
    assert logs[0].read_bytes() == logs[1].read_bytes()


def test_one_that_has_ended_goes_on_from_the_weights_that_were_trained(tmp_path: Path) -> None:
    short = "- TensorBoard: none"
    whole = trained(tmp_path / "whole", epochs=3, callbacks=short)[1]
    trained(tmp_path / "longer", epochs=2, callbacks=short)
    longer = trained(tmp_path / "longer", epochs=3, callbacks=short)[1]
    assert same(whole.get_weights(), longer.get_weights())
