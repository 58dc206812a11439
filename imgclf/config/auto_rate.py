"""`learning_rate: auto` in the declaration of an optimizer: found when the training begins."""

from __future__ import annotations

from imgclf.config.spec import Spec

AUTO = "auto"
_INNER, _RATE = "inner_optimizer", "learning_rate"


def is_auto(optimizer: Spec) -> bool:
    """Whether the learning rate is to be found."""
    inner = optimizer.arguments.get(_INNER)
    return is_auto(inner) if isinstance(inner, Spec) else optimizer.arguments.get(_RATE) == AUTO


def with_rate(optimizer: Spec, rate: float | None) -> Spec:
    """The optimizer with this rate in place of one that is to be found.

    Args:
        optimizer: As declared.
        rate: None takes Keras's own default, for who builds a network and trains it by no rate yet.
    """
    if not is_auto(optimizer):
        return optimizer
    arguments = dict(optimizer.arguments)
    inner = arguments.get(_INNER)
    if isinstance(inner, Spec):
        arguments[_INNER] = with_rate(inner, rate)
    elif rate is None:
        del arguments[_RATE]
    else:
        arguments[_RATE] = rate
    return optimizer.model_copy(update={"arguments": arguments})
