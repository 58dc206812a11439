"""A loss that is no number ends the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch, learning_rates
from imgclf.errors import UsageError
from imgclf.spelling import Lines

_SCALING = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization")


class CheckNumbers(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training at a loss that is not a number, or infinite, before it is kept anywhere.

    Looking at the loss costs nothing: Keras has fetched it for the logs.

    Args:
        set_epoch: Knows which batch of the epoch the first one was.
    """

    def __init__(self, set_epoch: SetEpoch) -> None:
        super().__init__()
        self._set_epoch = set_epoch
        self._epoch = 0
        self._step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss so far, of which every step is a part."""
        self._step = batch + 1 + self._set_epoch.source.first_batch
        self._require_number("the loss", (logs or {}).get("loss"))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The last step may have spoiled the weights, which only the next loss shows."""
        self._require_number("the loss", (logs or {}).get("loss"))
        self._require_number("the loss on the validation pictures", (logs or {}).get("val_loss"))

    def _require_number(self, what: str, value: Any) -> None:
        if value is None or math.isfinite(value):
            return
        steps = self.params.get("steps")
        raise UsageError(
            f"{what} is {float(value)} in epoch {self._epoch + 1}, step {self._step}"
            + (f" of {steps}" if steps else ""),
            Lines.of("likely causes:", *_causes(self.model), _KEPT),
        )


_KEPT = "what was committed before is kept; after a change to the config, start over: --fresh"


def _causes(model: Any) -> Iterator[str]:
    for name, rate in learning_rates(model.optimizer).items():
        yield (
            f"  a learning rate that is too high: {name} is {rate:.4g}; "
            f"try --set training.optimizer.learning_rate={rate / 10:.4g}"
        )
    if not any(type(layer).__name__ in _SCALING for layer in model.layers):
        yield (
            "  inputs that are not scaled: pictures come as numbers from 0 to 255; "
            "begin model.layers with Rescaling: 1/255"
        )
    loss = getattr(model.loss, "name", model.loss)
    yield f"  labels, an output and a loss ({loss}) that don't go together"
