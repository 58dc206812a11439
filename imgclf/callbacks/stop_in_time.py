"""Ending a training while there is still time for its model to be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.runs.folder import TimePlan
from imgclf.system import console
from imgclf.system.processor_share import ProcessorShare
from imgclf.system.time_limit import TimeLimit

_MOST_SLOWER = 3.0


@dataclass(frozen=True)
class Decay:
    """How the rate of the second phase falls, along a cosine.

    Attributes:
        rate: That it begins with.
        steps: Of an epoch.
        most: Epochs, at most.
        validation: Batches that each epoch is validated by.
    """

    rate: float
    steps: int
    most: int
    validation: int


@dataclass(frozen=True)
class Budget:
    """The time that a training has.

    Attributes:
        limit: When all has to be over.
        plan: What was found to fit into it.
        decay: Of the second phase, if it is to be as long as there is time for.
    """

    limit: TimeLimit
    plan: TimePlan
    decay: Decay | None = None


class StopInTime(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the epoch, and the training, at the step after which publishing would come too late.

    What was planned for the time fits into it as the machine was then; this is for a machine that
    has more to do since. The epoch that is cut short is validated, and may be the best.

    Args:
        budget: The time, and what publishing was expected to take.
        set_epoch: Knows which phase the training is in.
        share: What of the processors there is.
    """

    def __init__(
        self, budget: Budget, set_epoch: SetEpoch, share: ProcessorShare | None = None
    ) -> None:
        super().__init__()
        self._limit = budget.limit
        self._plan = budget.plan
        self._set_epoch = set_epoch
        self._share = share or ProcessorShare()
        self._epoch_began: float | None = None
        self._first = 0
        self._fastest: float | None = None
        self._slower = 1.0
        self._said = False
        self.step: float | None = None

    def get_state(self) -> dict[str, Any]:
        """How much time is used, so that it counts if the training is interrupted."""
        return {"used": self._limit.used}

    def set_state(self, state: dict[str, Any]) -> None:
        """Whoever made the limit has counted it."""

    @property
    def left(self) -> float:
        """Seconds that are not needed for publishing.

        Which takes longer than was expected by as much as more is wanted of the processors, or, if
        that isn't known, as steps do than in the fastest epoch.
        """
        slower, before = self._slower, self._plan.slower
        if before is not None and (now := self._share.slower) is not None:
            slower = min(_MOST_SLOWER, now / before)
        return self._limit.left - self._plan.publishing * slower

    @property
    def time_is_up(self) -> bool:
        """Whether what is left is needed for publishing."""
        return self.left < 0

    @property
    def another_phase_fits(self) -> bool:
        """Whether there is time to begin one, which takes about as long as publishing what it
        makes."""
        return self._limit.left > 2 * (self._limit.left - self.left)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the epoch's clock after its first step, which may compile."""
        self._epoch_began = self.step = None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Ends the epoch, if need be."""
        now = self._limit.used
        if self._epoch_began is None:
            self._epoch_began, self._first = now, batch
        elif self._set_epoch.phase > 0 or self._plan.fine_tuning_step is None:
            self.step = (now - self._epoch_began) / (batch - self._first)
            if self._fastest:
                self._slower = min(_MOST_SLOWER, max(1.0, self.step / self._fastest))
        self._look(f"in epoch {self._set_epoch.epochs_done + 1}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After the last epoch that there is time for."""
        if self.step is not None:
            self._fastest = min(self.step, self._fastest or self.step)
        self._look(f"after epoch {epoch + 1}")

    def _look(self, where: str) -> None:
        if not self.time_is_up:
            return
        self.model.stop_training = True
        if not self._said:
            self._said = True
            console.note(f"the time is up {where}: publishing takes what is left")
