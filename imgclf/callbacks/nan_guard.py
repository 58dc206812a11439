"""Numbers that end a training: a loss that is none, and memory that isn't there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import EpochAware, Logs, learning_rates
from imgclf.config.loaded import LoadedConfig
from imgclf.errors import ImgclfError, OutOfMemoryError, UsageError
from imgclf.system.disk import problem_of

_SCALING = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization")


class CheckNumbers(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training at a loss that is not a number, or infinite, before it is kept anywhere.

    Looking at the loss costs nothing: Keras has fetched it for the logs.

    Args:
        feed: Says which batch of the epoch the first one was.
    """

    def __init__(self, feed: EpochAware | None) -> None:
        super().__init__()
        self._feed = feed
        self._epoch = 0
        self._step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss so far, of which every step is a part."""
        self._step = batch + 1 + (self._feed.first_batch if self._feed else 0)
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
            "\n".join(["likely causes:", *_causes(self.model), _KEPT]),
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


@contextmanager
def out_of_memory_as_error(loaded: LoadedConfig, batch_size: int) -> Iterator[None]:
    """Says what to do where the memory does not suffice.

    Args:
        loaded: What is trained.
        batch_size: Pictures in a step.

    Raises:
        OutOfMemoryError: It does not.
    """
    try:
        yield
    except ImgclfError:
        raise
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        height, width = loaded.config.data.image_size
        if batch_size > 1:
            smaller = f"--set data.batch_size={batch_size // 2} --fresh"
        else:
            smaller = f"--set 'data.image_size=[{height // 2}, {width // 2}]' --fresh"
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise OutOfMemoryError(
            f"the memory does not suffice for batches of {batch_size} pictures of "
            f"{height} x {width} in this network ({reason[:200]})",
            f"try: {smaller}",
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if problem_of(error) is not None:
        return False  # TensorFlow calls a full disk an exhausted resource, too
    name, text = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or name == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in text  # JAX's words
        or "std::bad_alloc" in text
    )
