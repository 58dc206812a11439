"""Ending a training in good order when somebody asks for it."""

from __future__ import annotations

from imgclf.backend import keras
from imgclf.callbacks.committed_state import CommittedState
from imgclf.callbacks.epoch import Logs
from imgclf.system import console
from imgclf.system.signals import StopRequest


class StopWhenAsked(keras.callbacks.Callback):  # type: ignore[misc]
    """Finishes the step, commits, and raises; the very last callback.

    At the last step of an epoch it waits for the validation: a training can't go on between
    the two.

    Args:
        stop: Whether somebody asks.
        committed_state: What commits; None if nothing does.
    """

    def __init__(self, stop: StopRequest, committed_state: CommittedState | None) -> None:
        super().__init__()
        self._stop = stop
        self._committed_state = committed_state
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Commits inside the epoch, if it can be gone on with there."""
        if self._stop.signal is None:
            return
        if self._committed_state is None:
            self._stop.obey()
        elif done := self._committed_state.commit_inside_epoch(batch):
            console.note(f"saved in epoch {self._epoch + 1} after batch {done}")
            self._stop.obey()
        else:
            console.note("the validation comes first, and then the epoch is saved")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The epoch has just been committed."""
        if self._stop.signal is not None:
            console.note(f"saved after epoch {epoch + 1}")
            self._stop.obey()
