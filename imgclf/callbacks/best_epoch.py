"""BestEpoch: keeps the weights of the epoch that will be published."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch
from imgclf.callbacks.monitoring import settled_monitor
from imgclf.config.keras_private import averaged_weights


class BestEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Remembers the best epoch by validation, with its weights.

    Args:
        monitor: What says how good an epoch was. By default the first metric on the validation
            pictures (between equals the lower validation loss), or, if there is no metric whose
            direction is known, the validation loss.
        mode: "max", "min", or "auto" to go by the metric.
        set_epoch: Knows which phase the training is in; None if there is but one.

    Attributes:
        epoch: The best epoch so far, from 0; None before the first.
        phase: The phase that it belongs to, from 0.
        logs: What was measured at its end.
        weights: As from `get_weights()` of that phase's model; None before the first epoch.
        handed_on: The weights that the phase before this one ended with; None in the first.
        swap: The SwapEMAWeights of the stack, if any: the validation pictures are then scored
            with averaged weights, so those are kept.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: str = "auto",
        set_epoch: SetEpoch | None = None,
    ) -> None:
        super().__init__()
        self._set_epoch = set_epoch
        self.monitor = monitor
        self.mode = mode
        self.epoch: int | None = None
        self.phase = 0
        self.logs: Logs = {}
        self.weights: list[Any] | None = None
        self.handed_on: list[Any] | None = None
        self.swap: Any = None
        self._breaks_ties = monitor is None
        self._best = (math.nan, math.inf)  # the value and, to break ties, the loss

    def get_state(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {
            "epoch": self.epoch,
            "phase": self.phase,
            "logs": self.logs,
            "weights": self.weights,
            "handed_on": self.handed_on,
            "best": self._best,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self.epoch = state["epoch"]
        # Commits of before there were phases don't have it.
        self.phase = state.get("phase", 0)
        self.logs = state["logs"]
        self.weights = state["weights"]
        self.handed_on = state.get("handed_on")
        self._best = state["best"]

    def end_phase(self, model: Any, *, go_back: bool) -> None:
        """Notes what a phase hands on to the next.

        Args:
            model: The phase's.
            go_back: Whether it gets back the weights of the phase's best epoch.
        """
        phase = 0 if self._set_epoch is None else self._set_epoch.phase
        if go_back and self.weights is not None and self.phase == phase:
            model.set_weights(self.weights)
        self.handed_on = model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keeps the weights if this epoch is the best; costs one copy of them."""
        logs = logs or {}
        # At the end of an epoch, for by then the metrics' names are known.
        self.monitor, self.mode = settled_monitor(self.model, self.monitor, self.mode)
        losses = [logs.get("loss", 0.0), logs.get("val_loss", 0.0)]
        if not all(map(math.isfinite, losses)):
            return  # weights that are not numbers can still score by chance
        if self.is_bettered_by(logs):
            self._best = self._score(logs)
            self.epoch, self.logs = epoch, dict(logs)
            self.phase = 0 if self._set_epoch is None else self._set_epoch.phase
            self.weights = self._scored_weights()

    def is_bettered_by(self, logs: Logs) -> bool:
        """Whether an epoch with these logs would be better than the best one."""
        value, loss = self._score(logs)
        return not math.isnan(value) and self._is_better(value, loss)

    def _score(self, logs: Logs) -> tuple[float, float]:
        # A metric with a value for each class counts by their mean.
        value = float(np.mean(logs.get(self.monitor or "", math.nan)))
        return value, logs.get("val_loss", math.inf) if self._breaks_ties else math.inf

    def _is_better(self, value: float, loss: float) -> bool:
        best, best_loss = self._best
        if math.isnan(best):
            return True
        if value == best:
            return loss < best_loss
        return value > best if self.mode == "max" else value < best

    def _scored_weights(self) -> list[Any]:
        """Weights as they were while the validation pictures were scored."""
        weights = self.model.get_weights()
        if self.swap is None or self.swap.swap_on_epoch:  # already swapped in
            return list(weights)
        position = {id(variable): index for index, variable in enumerate(self.model.weights)}
        for variable, average in averaged_weights(self.model.optimizer):
            weights[position[id(variable)]] = keras.ops.convert_to_numpy(average)
        return list(weights)
