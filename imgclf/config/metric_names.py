"""What the columns of the log will be called, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from imgclf.config.keras_names import BY_OUTPUT, snake_case
from imgclf.config.keras_private import METRIC_DIRECTION
from imgclf.config.keras_signatures import assigned_word, signature
from imgclf.config.spec import Spec

Direction = Literal["up", "down"]


def log_columns(metrics: Iterable[str], rates: Iterable[str] = ("learning_rate",)) -> list[str]:
    """The columns in the log of an epoch with validation.

    Args:
        metrics: Names of what is measured beside the loss.
        rates: What learning rates are logged under.
    """
    measured = list(dict.fromkeys(["loss", *metrics]))
    return [*measured, *(f"val_{name}" for name in measured), *rates]


def column_direction(column: str, directions: Mapping[str, str | None]) -> str | None:
    """Whether a column is better when it goes "up" or "down"; None if that isn't known.

    Args:
        column: As it is logged, of training or of validation.
        directions: Those of the metrics, by their names.
    """
    name = column.removeprefix("val_")
    return "down" if name == "loss" else directions.get(name)


def metric_name(metric: Spec) -> str:
    """The name that Keras logs a metric under: its `name`, or one made from the class."""
    if metric.name in BY_OUTPUT["metrics"]:
        return metric.name
    given = metric.arguments.get("name")
    default = signature("metrics", metric.name).arguments.get("name")
    return str(given or default or snake_case(metric.name))


def metric_direction(metric: Spec) -> Direction | None:
    """Whether a metric is better when it goes up or down; None if Keras doesn't know."""
    if metric.name in BY_OUTPUT["metrics"]:
        return "up"
    word = assigned_word("metrics", metric.name, METRIC_DIRECTION)
    return word if word in ("up", "down") else None  # type: ignore[return-value]
