"""ModelCheckpoint, with files that are whole or absent and `period` as in old tutorials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.best_epoch import BestEpoch
from imgclf.callbacks.epoch import Logs
from imgclf.system.files import atomic_path, temporary_files


class ModelCheckpoint(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Saves the model or its weights every so often, or when it is better than before.

    Args:
        filepath: Where to; Keras fills in the braces.
        options: The other arguments of `keras.callbacks.ModelCheckpoint`.
        period: Save (or compare) every so many epochs only.
        follow: Save the epochs that this one finds best, instead of comparing.
    """

    def __init__(
        self,
        filepath: str | Path,
        options: Mapping[str, Any],
        period: int = 1,
        follow: BestEpoch | None = None,
    ) -> None:
        super().__init__(filepath, **options)
        self.period = period
        self._follow = follow
        if follow is not None:
            self.monitor = None  # nothing to compare, nothing to check

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves if it is time."""
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        if (epoch + 1) % self.period:
            return
        target = Path(self._get_file_path(epoch, batch, logs or {}))
        if not self._is_due(epoch, batch, logs, target):
            return
        size = _size(self.model, self.save_weights_only)
        with atomic_path(target, size) as temporary, temporary_files(), _alone():
            if self.save_weights_only:
                # Keras insists on this ending, and HDF5 on a file that nobody else holds.
                weights = temporary.with_suffix(".weights.h5")
                try:
                    self.model.save_weights(weights, overwrite=True)
                    weights.replace(temporary)
                finally:
                    weights.unlink(missing_ok=True)
            else:
                self.model.save(temporary, overwrite=True)

    def _is_due(self, epoch: int, batch: int | None, logs: Logs | None, target: Path) -> bool:
        if self._follow is not None:
            return self._follow.epoch == epoch
        if self.save_best_only and self.monitor_op is None:
            self._set_monitor_op()  # Keras does so at the end of an epoch: too late for save_freq
        due: Any = self._should_save_model(epoch, batch, logs, str(target))
        return bool(due)


@contextmanager
def _alone() -> Iterator[None]:
    """For what one of several processes does: there the others would have to join in.

    Keras makes variables while it saves, and to give them all devices is a step of all processes.
    """
    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)


def _size(model: Any, weights_only: bool) -> int:
    """About how many bytes are going to be written: four for each number."""
    variables = [*model.variables, *([] if weights_only else model.optimizer.variables)]
    return sum(4 * math.prod(one.shape) for one in variables)
