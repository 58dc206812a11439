"""What the columns of the log will be called, and which way is better."""

from __future__ import annotations

from typing import Literal

from imgclf.config.keras_names import BY_OUTPUT, snake_case
from imgclf.config.keras_private import METRIC_DIRECTION
from imgclf.config.keras_signatures import assigned_word, signature
from imgclf.config.spec import Spec

Direction = Literal["up", "down"]


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
