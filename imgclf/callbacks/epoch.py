"""The two callbacks at the front of the stack, on which the others rely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.data.source import Source

Logs = dict[str, Any]


class SetEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the source which epoch comes next, before Keras asks it for a batch.

    Args:
        source: What is trained on.
        phases: How many phases the training has.

    Attributes:
        source: The same; another one where a training enters its next phase.
        phases: Likewise as given.
        phase: Which of them the training is in, from 0.
        phase_began: The epoch that it began with.
        epochs_done: How many epochs of the training are over, those of earlier phases included.
        expected: Seconds that each phase will take, None for one of which that isn't known before;
            empty if nothing is known of any.
        may_end_early: A callback may end a phase before its last epoch.
    """

    def __init__(self, source: Source, phases: int = 1) -> None:
        super().__init__()
        self.source = source
        self.phases = phases
        self.phase = 0
        self.phase_began = 0
        self.epochs_done = 0
        self.expected: Sequence[float | None] = ()
        self.may_end_early = False
        self._skipped = 0
        self._ended_epoch = False

    @property
    def seconds_after(self) -> float | None:
        """What the phases after this one will take; None if that isn't known."""
        after = [*self.expected, *[None] * (self.phases - len(self.expected))][self.phase + 1 :]
        return None if None in after else float(sum(one for one in after if one is not None))

    def skip(self, batches: int) -> None:
        """Leaves out the first batches of the epoch that begins; to be called as it begins."""
        self.source.first_batch = self._skipped = batches

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """From its first batch, unless somebody skips some now."""
        self.source.epoch = epoch
        self.skip(0)

    def end_if_done(self, batch: int) -> None:
        """Ends an epoch whose first batches were skipped, after the last of the others.

        Keras would ask for batches until there are none, and the step that gets none counts:
        the optimizer's iterations and the random seeds have moved on when it fails.
        """
        last = self._skipped + batch + 1 == self.params["steps"]
        if self._skipped and last and not self.model.stop_training:
            self._ended_epoch = self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """What ended the epoch must not end the training."""
        self.epochs_done = epoch + 1
        if self._ended_epoch:
            self._ended_epoch = self.model.stop_training = False


class CompleteLogs(keras.callbacks.Callback):  # type: ignore[misc]
    """Sees to it that all later callbacks log the same things, whichever of them there are.

    Keras adds the learning rate only where a scheduler is in use, and leaves a metric with one
    value for each of one class (F1Score, say) an array, at which TensorBoard raises.
    """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds `learning_rate`, or one for each of several optimizers."""
        if logs is None:
            return
        for name, value in logs.items():
            if isinstance(value, np.ndarray) and value.size == 1:
                logs[name] = float(value.item())
        logs.update(learning_rates(self.model.optimizer))


def learning_rates(optimizer: Any) -> dict[str, float]:
    """The present rates under the names that Keras logs them by."""
    optimizers = getattr(optimizer, "optimizers", None)
    if optimizers is None:
        return {"learning_rate": float(keras.ops.convert_to_numpy(optimizer.learning_rate))}
    return {
        f"learning_rate_{one.name}": float(keras.ops.convert_to_numpy(one.learning_rate))
        for one in optimizers
    }
