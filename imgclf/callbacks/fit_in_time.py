"""Fine-tuning for as long as there is time, with a rate that has fallen to nothing at its end."""

from __future__ import annotations

import math
import time
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.callbacks.stop_in_time import Decay, StopInTime

_TAKEN = 0.95  # of what is left; the machine may have more to do later
_FIRST_STEPS = 4  # of the phase, before which their pace says little
_A_PART = 4  # of an epoch: how often it is looked how many steps fit
_SHORT = 0.2  # of an epoch; as few steps are not worth a validation
_VALIDATION_IN_STEPS = 0.5  # as many pictures


class FitInTime(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes the second phase longer or shorter, as its steps turn out, to end in the time.

    The learning rate is set after each step, along a cosine that reaches 0 after the last. Where
    that moves, the rate goes on from where it is. Where it stands is committed, so that a resumed
    phase goes on with the same rates; how long it becomes then is a matter of the time that is
    left.

    Args:
        stopping: Knows how much time there is.
        decay: Of the rate.
        epochs: How many there are to begin with.
        set_epoch: Knows which phase the training is in.
    """

    def __init__(
        self, stopping: StopInTime, decay: Decay, epochs: int, set_epoch: SetEpoch
    ) -> None:
        super().__init__()
        self._stopping, self._decay, self._set_epoch = stopping, decay, set_epoch
        self._end = epochs * decay.steps
        self._shift, self._length = 0.0, float(self._end)
        self._validation: float | None = None
        self._began = 0.0

    def get_state(self) -> dict[str, Any]:
        """Where on the cosine the phase is, and its last step."""
        return {"shift": self._shift, "length": self._length, "end": self._end}

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self._shift, self._length = float(state["shift"]), float(state["length"])
        self._end = int(state["end"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Says how many there will be, to who shows it."""
        if self._set_epoch.phase > 0:
            self._tell()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks how many steps fit, sets the next rate, and ends the phase after its last step."""
        if self._set_epoch.phase == 0:
            return
        done, steps = self._done, self._decay.steps
        often = max(1, steps // _A_PART)
        if (done >= _FIRST_STEPS and done % steps % often == 0) or done == _FIRST_STEPS:
            self._look(done)
        rate = keras.optimizers.schedules.CosineDecay(self._decay.rate, self._length)
        self.model.optimizer.learning_rate = rate(done + self._shift)
        if self._end <= done < self._decay.most * steps:
            self.model.stop_training = True

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Starts the clock of the validation."""
        self._began = time.monotonic()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The first one compiles, too."""
        if self._set_epoch.phase > 0:
            took = time.monotonic() - self._began
            self._validation = min(took, self._validation or took)

    @property
    def _done(self) -> int:
        """Steps of the phase."""
        return int(self.model.optimizer.iterations)

    def _look(self, done: int) -> None:
        step, steps = self._stopping.step, self._decay.steps
        if step is None or done >= self._end:
            return
        validation = self._validation
        if validation is None:
            validation = _VALIDATION_IN_STEPS * self._decay.validation * step
        # Validations of whole epochs, and one of an epoch that is cut short.
        room = (_TAKEN * self._stopping.left - validation) / (step + validation / steps)
        end = done + max(1, int(room))
        over = end % steps
        if over < _SHORT * steps and end - over > done:
            end -= over
        end = min(end, self._decay.most * steps)
        if end != self._end:
            passed = (done + self._shift) / self._length
            self._length = (end - done) / (1 - passed)
            self._shift = passed * self._length - done
            self._end = end
            self._tell()

    def _tell(self) -> None:
        # All callbacks have the same dictionary.
        epochs = self._set_epoch.phase_began + math.ceil(self._end / self._decay.steps)
        self.params["epochs"] = epochs
