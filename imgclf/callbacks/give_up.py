"""GiveUp: ends a training that is not going to be the best of several."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs
from imgclf.callbacks.monitoring import settled_monitor


class GivenUp(Exception):  # noqa: N818 -- a result, which ends all phases of a training
    """The training is not worth going on with."""


class GiveUp(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells after each epoch how good it was, and raises `GivenUp` if that is not good enough.

    It raises where Keras would set `stop_training`, for that ends one phase, and the next follows.
    So `on_train_end` is not called: what is given up is not ended in good order.

    Args:
        monitor: What says how good an epoch was, as `BestEpoch` has it.
        mode: Likewise.
        hopeless: Called with the epoch, from 0, and the value, which is better if it is larger;
            says whether to give up.

    Attributes:
        values: Of the epochs so far, as they were logged; NaN where one was not measured.
    """

    def __init__(
        self, monitor: str | None, mode: str, hopeless: Callable[[int, float], bool]
    ) -> None:
        super().__init__()
        self.monitor, self.mode = monitor, mode
        self.values: list[float] = []
        self._hopeless = hopeless

    @property
    def best(self) -> float:
        """The best value so far; NaN if there is none."""
        known = [value for value in self.values if not math.isnan(value)]
        if not known:
            return math.nan
        return max(known) if self.mode == "max" else min(known)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Asks, after everything else has seen the epoch.

        Raises:
            GivenUp: The answer is yes.
        """
        self.monitor, self.mode = settled_monitor(self.model, self.monitor, self.mode)
        # A metric with a value for each class counts by their mean.
        value = float(np.mean((logs or {}).get(self.monitor, math.nan)))
        self.values.append(value)
        if math.isnan(value):
            return
        if self._hopeless(epoch, value if self.mode == "max" else -value):
            raise GivenUp
