"""Averages of the weights, in the model wherever it is judged or kept: `training.ema`.

As Keras's SwapEMAWeights, but that steps and commits always find the weights that are trained:
averages are swapped in for the validation, stay for whatever looks at the epoch's end, and are
swapped out before the commit. With Keras's `swap_on_epoch` a training that ends early is left
without its averages, and one that has ended can't go on from what it was.
"""

from __future__ import annotations

from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs
from imgclf.config.keras_private import averaged_weights


class UseAverages(keras.callbacks.Callback):  # type: ignore[misc]
    """Swaps the optimizer's averages in when the validation begins, or else the epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self._used = False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Swaps them in."""
        self._use(True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Swaps them in, if nothing was validated."""
        self._use(True)

    def put_back(self) -> None:
        """Swaps them out."""
        self._use(False)

    def _use(self, averages: bool) -> None:
        if self._used == averages:
            return
        for variable, average in averaged_weights(self.model.optimizer):
            trained = keras.ops.convert_to_numpy(variable)
            variable.assign(average)
            average.assign(trained)
        self._used = averages


class TrainOn(keras.callbacks.Callback):  # type: ignore[misc]
    """Swaps them out again, after all that looks at the end of an epoch.

    Args:
        averages: What has swapped them in.
    """

    def __init__(self, averages: UseAverages) -> None:
        super().__init__()
        self._averages = averages

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The commit comes next."""
        self._averages.put_back()
