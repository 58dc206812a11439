"""Which names a training will log, and which of them says how good an epoch was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.epoch import Logs, SetEpoch, learning_rates
from imgclf.config.keras_private import build_metrics, metric_direction
from imgclf.config.metric_names import column_direction, log_columns
from imgclf.errors import UsageError, nearest_match


def metric_names(model: Any) -> list[str]:
    """Names of the compiled metrics in the order in which they were declared.

    Keras makes the metrics at the first step; CheckMonitors has it done before.
    """
    return [metric.name for metric in _compiled_metrics(model)]


def log_names(model: Any) -> list[str] | None:
    """All names that an epoch's logs will hold if there is validation; None if not known yet."""
    if not _has_built_metrics(model):
        return None
    return log_columns(metric_names(model), learning_rates(model.optimizer))


def direction(model: Any, monitor: str) -> str | None:
    """ "min" or "max", whichever is better, or None if Keras can't tell."""
    directions = {metric.name: metric_direction(metric) for metric in _compiled_metrics(model)}
    known = {"up": "max", "down": "min"}
    return known.get(column_direction(monitor, directions) or "")


def default_monitor(model: Any) -> tuple[str, str]:
    """What says how good an epoch was, and whether "min" or "max" of it is better.

    The first metric that has a direction, on the validation pictures; else their loss.
    """
    for name in metric_names(model):
        mode = direction(model, name)
        if mode is not None:
            return f"val_{name}", mode
    return "val_loss", "min"


def settled_monitor(model: Any, monitor: str | None, mode: str) -> tuple[str, str]:
    """What says how good an epoch was, and whether "min" or "max" of it is better.

    Args:
        model: Whose metrics are made by now.
        monitor: A name; None for `default_monitor`.
        mode: "auto" to go by the metric.
    """
    if monitor is None:
        return default_monitor(model)
    return monitor, (direction(model, monitor) or "min") if mode == "auto" else mode


class CheckMonitors(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops before the first step if a callback monitors what will not be logged.

    Keras only warns, and `ModelCheckpoint(save_best_only=True)` then saves every epoch.

    Args:
        callbacks: The ones to check.
        set_epoch: Knows what the model is trained on. With it the metrics are made now (0.3 s):
            their names are known to all callbacks, and their values can be put back when an epoch
            is resumed in its middle.
    """

    def __init__(self, callbacks: Iterable[Any], set_epoch: SetEpoch) -> None:
        super().__init__()
        self._monitoring = [one for one in callbacks if hasattr(one, "monitor")]
        self._set_epoch = set_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Compares the monitors with the names that the compiled model will log."""
        if not _has_built_metrics(self.model):
            # What Keras itself does at this point on its other backends.
            build_metrics(self.model, self._set_epoch.source.dataset().element_spec)
        names = log_names(self.model)
        if names is not None:
            for callback in self._monitoring:
                _check_monitor(callback, names, self.model)


def _check_monitor(callback: Any, names: list[str], model: Any) -> None:
    # ModelCheckpoint has a monitor also where it saves every epoch and compares nothing.
    compares = getattr(callback, "save_best_only", True)
    if callback.monitor is None or not compares:
        return
    owner = type(callback).__name__
    if callback.monitor not in names:
        near = nearest_match(callback.monitor, names)
        raise UsageError(
            f"{owner}: nothing called {callback.monitor!r} will be logged",
            f"allowed: {', '.join(names)}" + (f"; did you mean {near!r}?" if near else ""),
        )
    if getattr(callback, "mode", "auto") == "auto" and direction(model, callback.monitor) is None:
        raise UsageError(
            f"{owner}: whether {callback.monitor!r} should be large or small is not known",
            "say mode: max or mode: min",
        )


def _has_built_metrics(model: Any) -> bool:
    return all(metric.built for metric in model.metrics if hasattr(metric, "metrics"))


def _compiled_metrics(model: Any) -> list[Any]:
    """Keras keeps them one level down, in containers that it doesn't export."""
    found: list[Any] = []
    for metric in model.metrics:
        found.extend(getattr(metric, "metrics", []))
    return found
