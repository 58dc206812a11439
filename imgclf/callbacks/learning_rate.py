"""LearningRateScheduler: the declared schedules and people's own functions, set each epoch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch, learning_rates
from imgclf.config.keras_private import given_learning_rate
from imgclf.config.schedules import SCHEDULES, Schedule
from imgclf.errors import UsageError

_DECLARED = tuple(SCHEDULES.values())


class LearningRateScheduler(keras.callbacks.LearningRateScheduler):  # type: ignore[misc]
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: A declared schedule, or a function of the epoch (from 0) and, if it takes two
            arguments, the present rate.
        verbose: 1 says each epoch what it set.
        set_epoch: Knows where the training's phase began, whose epochs are counted; None if there
            is but one.

    Raises:
        UsageError: When the training begins: the optimizer has a schedule of its own, or a
            declared schedule has no usable rate for some epoch.
    """

    def __init__(
        self,
        schedule: Schedule | Callable[..., Any],
        verbose: int = 0,
        set_epoch: SetEpoch | None = None,
    ) -> None:
        super().__init__(schedule, verbose)
        self._set_epoch = set_epoch
        self._initial: dict[str, float] | None = None

    def get_state(self) -> dict[str, Any]:
        """The rates that the optimizer began with; the present ones are in the optimizer."""
        return {"initial": self._initial}

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self._initial = state["initial"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Remembers the initial rates, and tries a declared schedule on every epoch."""
        for optimizer in _optimizers(self.model.optimizer):
            given = given_learning_rate(optimizer)
            if isinstance(given, keras.optimizers.schedules.LearningRateSchedule):
                raise UsageError(
                    "LearningRateScheduler: the optimizer's learning_rate is a schedule already",
                    "give the optimizer a number, or leave LearningRateScheduler out",
                )
        self._initial = learning_rates(self.model.optimizer)
        if isinstance(self.schedule, _DECLARED):
            for initial in self._initial.values():
                rate = initial
                for epoch in range(self.params["epochs"] - self._phase_began):
                    rate = self._scheduled(epoch, rate, initial)

    def _update_optimizer_lr(self, optimizer: Any, epoch: int) -> float:
        several = hasattr(self.model.optimizer, "optimizers")
        name = f"learning_rate_{optimizer.name}" if several else "learning_rate"
        assert self._initial is not None
        present = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        rate = self._scheduled(epoch - self._phase_began, present, self._initial[name])
        optimizer.learning_rate = rate
        return rate

    @property
    def _phase_began(self) -> int:
        return 0 if self._set_epoch is None else self._set_epoch.phase_began

    def _scheduled(self, epoch: int, present: float, initial: float) -> float:
        # Keras tries one argument after any TypeError, also one from inside the function.
        if isinstance(self.schedule, _DECLARED):
            try:
                rate = self.schedule(epoch, present, initial)
            except (ValueError, OverflowError) as error:
                raise UsageError(f"LearningRateScheduler: {error}") from None
        elif _takes_one_argument(self.schedule):
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(epoch, present)
        try:
            number = float(keras.ops.convert_to_numpy(rate))
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise UsageError(
                f"LearningRateScheduler: the schedule gives {rate!r} for epoch {epoch} (from 0)",
                "a learning rate is a number, and not below 0",
            )
        return number


def _optimizers(optimizer: Any) -> list[Any]:
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    return list(getattr(inner, "optimizers", [inner]))


def _takes_one_argument(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return False
    return sum(one.kind in positional for one in parameters) == 1
