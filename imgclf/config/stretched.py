"""Learning rates that change over a training, for one that is longer or shorter than declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from imgclf.config.schema import Config
from imgclf.config.spec import Spec

_SCHEDULER = "LearningRateScheduler"
# Arguments that count steps or epochs, of Keras's schedules and of ours.
_LENGTHS = ("decay_steps", "first_decay_steps", "epochs", "every")
_PLACES = ("warmup_steps", "warmup_epochs", "start_epoch", "boundaries", "table")


def stretched_optimizer(optimizer: Spec, ratio: float) -> Spec:
    """The optimizer whose schedule, if it has one, takes `ratio` times as many steps."""
    inner = optimizer.arguments.get("inner_optimizer")
    if isinstance(inner, Spec):
        return _with(optimizer, {"inner_optimizer": stretched_optimizer(inner, ratio)})
    rate = optimizer.arguments.get("learning_rate")
    if not isinstance(rate, Spec):
        return optimizer
    return _with(optimizer, {"learning_rate": _with(rate, _stretched(rate.arguments, ratio))})


def stretched_callbacks(callbacks: Iterable[Spec], ratio: float) -> tuple[Spec, ...]:
    """The callbacks; declared schedules among them take `ratio` times as many epochs."""
    return tuple(
        _with(spec, _stretched(spec.arguments, ratio)) if spec.name == _SCHEDULER else spec
        for spec in callbacks
    )


def lengths(config: Config) -> list[str]:
    """The dotted keys of schedules that have a length, which a training's own has to fit."""
    return [
        key
        for key, spec in _schedules(config)
        if any(name in spec.arguments for name in (*_LENGTHS, *_PLACES))
    ]


def _schedules(config: Config) -> Iterator[tuple[str, Spec]]:
    key, optimizer = "training.optimizer", config.training.optimizer
    inner = optimizer.arguments.get("inner_optimizer")
    if isinstance(inner, Spec):
        key, optimizer = f"{key}.inner_optimizer", inner
    rate = optimizer.arguments.get("learning_rate")
    if isinstance(rate, Spec):
        yield f"{key}.learning_rate", rate
    for index, spec in enumerate(config.callbacks):
        if spec.name == _SCHEDULER and not spec.off:
            yield f"callbacks.{index}", spec


def _stretched(arguments: Mapping[str, Any], ratio: float) -> dict[str, Any]:
    """Those of the arguments that count steps or epochs, and are other ones then."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in _LENGTHS:
            found[name] = max(1, round(value * ratio))
        elif name == "table":
            found[name] = {round(epoch * ratio): rate for epoch, rate in value.items()}
        elif name == "boundaries":
            found[name] = [round(step * ratio) for step in value]
        elif name in _PLACES:
            found[name] = int(value * ratio)
    if "warmup_epochs" in found and "epochs" in found:
        found["warmup_epochs"] = min(found["warmup_epochs"], found["epochs"] - 1)
    return found


def _with(spec: Spec, arguments: Mapping[str, Any]) -> Spec:
    return spec.model_copy(update={"arguments": {**spec.arguments, **arguments}})
