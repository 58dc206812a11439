"""Averages of the weights, which are judged and published in their place: `training.ema`."""

from __future__ import annotations

from typing import Any

from imgclf.config.json_forms import OFF, JsonSchema, any_of, mapping
from imgclf.config.problems import Report
from imgclf.config.read_spec import refuse_argument
from imgclf.config.spec import Declared, Spec
from imgclf.config.tree import Node
from imgclf.config.value_checks import MISMATCH, Flag, Number

EMA = "true, {momentum: 0.99}, or null"
"""What a message says may stand there."""

_MOMENTUM = Number(above=0, below=1)


class Ema(Declared):
    """The exponential moving average of the weights over the steps.

    Polyak and Juditsky 1992, Acceleration of Stochastic Approximation by Averaging; as Keras's
    optimizers compute it.

    Attributes:
        momentum: After each step the average is momentum * average + (1 - momentum) * weights.
    """

    momentum: float = 0.99

    def written(self) -> dict[str, float]:
        """The form that a config has."""
        return {"momentum": self.momentum}

    def kept_by(self, optimizer: Spec) -> Spec:
        """The optimizer, keeping the averages; of LossScaleOptimizer the one inside."""
        inner = optimizer.arguments.get("inner_optimizer")
        more: dict[str, Any] = {"use_ema": True, "ema_momentum": self.momentum}
        if isinstance(inner, Spec):
            more = {"inner_optimizer": self.kept_by(inner)}
        return Spec(name=optimizer.name, arguments={**optimizer.arguments, **more})


def read_ema(report: Report, node: Node, key: str) -> Ema | None:
    """Whether weights are averaged, and over how many steps.

    Args:
        report: Takes the problems and the places of the arguments.
        node: Yes or no, or the momentum.
        key: The dotted key of `node`.

    Returns:
        None if they aren't; with the default of what can't be read.
    """
    if node.value is None or node.is_off:
        return None
    if Flag().read(node) is True:
        return Ema()
    if not isinstance(node.value, dict) or not node.value:
        report.refuse(node, key, "this can't be used", received=node.shown(), allowed=EMA)
        return None
    given: dict[str, float] = {}
    for argument, inner in node.value.items():
        place = f"{key}.{argument}"
        report.origins[place] = inner.origin
        if argument not in Ema.model_fields:
            refuse_argument(report, inner, place, "ema", argument, Ema.model_fields)
            continue
        momentum: Any = MISMATCH if inner.is_empty else _MOMENTUM.read(inner)
        if momentum is MISMATCH:
            report.refuse_value(inner, place, "ema", argument, _MOMENTUM)
        else:
            given[argument] = float(momentum)
    return Ema(**given)


def ema_form() -> JsonSchema:
    """What `read_ema` takes, for an editor."""
    keys = dict.fromkeys(Ema.model_fields, _MOMENTUM.schema())
    return any_of(OFF, Flag().schema(), mapping(keys, least=1))
