"""Three callbacks to use or to copy from, in the sense of Keras's guide to writing your own.

callbacks:
  - imgclf.callbacks.examples:EarlyStoppingAtMinLoss: {patience: 2}
  - imgclf.callbacks.examples:TableLearningRate: {table: {3: 0.05, 6: 0.01, 9: 0.005, 12: 0.001}}
  - imgclf.callbacks.examples:LossPrinter

`get_state` and `set_state` are what lets a callback go on exactly after an interruption:
whatever it remembers from one hook to the next, as plain values and NumPy arrays.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from imgclf.backend import keras

Logs = dict[str, Any]


class EarlyStoppingAtMinLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops when the training loss has not gone down, and goes back to its best weights.

    Args:
        patience: How many epochs in a row may pass without a new minimum.
    """

    def __init__(self, patience: int = 0) -> None:
        super().__init__()
        self.patience = patience
        self.best = math.inf
        self.best_weights: list[Any] | None = None
        self.wait = 0
        self.stopped_epoch: int | None = None

    def get_state(self) -> dict[str, Any]:
        """What it remembers."""
        return {
            "best": self.best,
            "best_weights": self.best_weights,
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned; called after `on_train_begin`."""
        self.best = state["best"]
        self.best_weights = state["best_weights"]
        self.wait = state["wait"]
        self.stopped_epoch = state["stopped_epoch"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets an earlier training."""
        self.best, self.best_weights, self.wait = math.inf, None, 0
        self.stopped_epoch = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares the loss with the lowest so far."""
        loss = (logs or {})["loss"]
        if loss < self.best:
            self.best, self.wait = loss, 0
            self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait > self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Goes back to the weights of the lowest loss."""
        if self.stopped_epoch is not None and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class TableLearningRate(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate at the epochs that a table lists, and keeps it in between.

    Args:
        table: Epoch (from 0) to learning rate.
    """

    def __init__(self, table: Mapping[int, float]) -> None:
        super().__init__()
        if not isinstance(table, Mapping):
            raise ValueError(f"table maps epochs to rates, as in {{3: 0.05}}; received: {table!r}")
        self.table = {int(epoch): float(rate) for epoch, rate in table.items()}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the rate, if the table has one for this epoch."""
        if epoch in self.table:
            self.model.optimizer.learning_rate = self.table[epoch]


class LossPrinter(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints the loss for each batch and each epoch, in training, testing and prediction.

    Args:
        stream: Where to; stderr by default, for stdout is for results.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """One line a batch."""
        self._print(f"training: up to batch {batch}, the average loss is {_loss(logs)}")

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """One line a batch."""
        self._print(f"testing: up to batch {batch}, the average loss is {_loss(logs)}")

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """One line a batch; there is no loss, for nobody said what is right."""
        self._print(f"predicting: batch {batch} is done")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """One line an epoch."""
        self._print(f"epoch {epoch}: the average loss is {_loss(logs)}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream or sys.stderr, flush=True)


def _loss(logs: Logs | None) -> str:
    return f"{logs['loss']:.4f}" if logs and "loss" in logs else "not known"
