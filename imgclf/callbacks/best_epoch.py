"""BestEpoch: keeps the weights of the epoch that will be published."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs
from imgclf.callbacks.monitoring import default_monitor, direction
from imgclf.config.keras_private import averaged_weights


class BestEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Remembers the best epoch by validation, with its weights.

    Args:
        monitor: What says how good an epoch was. By default the first metric on the validation
            pictures (between equals the lower validation loss), or, if there is no metric whose
            direction is known, the validation loss.
        mode: "max", "min", or "auto" to go by the metric.

    Attributes:
        epoch: The best epoch so far, from 0; None before the first.
        logs: What was measured at its end.
        weights: As from `model.get_weights()`; None before the first epoch.
        swap: The SwapEMAWeights of the stack, if any: the validation pictures are then scored
            with averaged weights, so those are kept.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: str = "auto",
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.mode = mode
        self.epoch: int | None = None
        self.logs: Logs = {}
        self.weights: list[Any] | None = None
        self.swap: Any = None
        self._breaks_ties = monitor is None
        self._best = (math.nan, math.inf)  # the value and, to break ties, the loss

    def get_state(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {
            "epoch": self.epoch,
            "logs": self.logs,
            "weights": self.weights,
            "best": self._best,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self.epoch = state["epoch"]
        self.logs = state["logs"]
        self.weights = state["weights"]
        self._best = state["best"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keeps the weights if this epoch is the best; costs one copy of them."""
        logs = logs or {}
        self._settle_monitor()
        # A metric with a value for each class counts by their mean.
        value = float(np.mean(logs.get(self.monitor or "", math.nan)))
        losses = [logs.get("loss", 0.0), logs.get("val_loss", 0.0)]
        if math.isnan(value) or not all(map(math.isfinite, losses)):
            return  # weights that are not numbers can still score by chance
        loss = logs.get("val_loss", math.inf) if self._breaks_ties else math.inf
        if self._is_better(value, loss):
            self._best = (value, loss)
            self.epoch, self.logs = epoch, dict(logs)
            self.weights = self._scored_weights()

    def _settle_monitor(self) -> None:
        """At the end of an epoch, for by then the metrics' names are known."""
        if self.monitor is None:
            self.monitor, self.mode = default_monitor(self.model)
        elif self.mode == "auto":
            self.mode = direction(self.model, self.monitor) or "min"

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
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        for one in getattr(optimizer, "optimizers", [optimizer]):
            position = {id(variable): index for index, variable in enumerate(self.model.weights)}
            for variable, average in averaged_weights(one):
                weights[position[id(variable)]] = keras.ops.convert_to_numpy(average)
        return list(weights)
