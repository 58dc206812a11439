"""Learning rates that a config can declare: functions of the epoch, without Keras.

Each is called as `schedule(epoch, lr, initial_learning_rate)` at the beginning of an epoch
(counted from 0) with the rate that the optimizer has now and the one that it began with, and
returns the rate to train with. The ones that multiply (`exponential`, `step`) start from the
present rate, as the example in Keras's documentation does, so they go together with
ReduceLROnPlateau; a resume is exact all the same, for the committed state holds the rate.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from imgclf.config import expression as arithmetic


class Schedule(Protocol):
    """What all declared schedules are."""

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""


@dataclass(frozen=True)
class Exponential:
    """`lr * exp(rate)` at every epoch from `start_epoch` on.

    Args:
        rate: Below 0 to decay; -0.1 takes away about a tenth each epoch.
        start_epoch: The first epoch (from 0) that is multiplied.
    """

    rate: float
    start_epoch: int = 0

    def __post_init__(self) -> None:
        _finite("rate", self.rate)
        if abs(self.rate) > 50:
            raise ValueError(f"rate must lie between -50 and 50; received: {self.rate!r}")
        _whole("start_epoch", self.start_epoch, 0)

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        return lr * math.exp(self.rate) if epoch >= self.start_epoch else lr


@dataclass(frozen=True)
class Table:
    """Sets the rate at the epochs listed and keeps it in between.

    Args:
        table: Epoch (from 0) to learning rate, such as `{3: 0.05, 6: 0.01}`.
    """

    table: Mapping[int, float]

    def __post_init__(self) -> None:
        if not isinstance(self.table, Mapping) or not self.table:
            raise ValueError(
                "table must list epochs and their learning rates, such as "
                f"{{3: 0.05, 6: 0.01}}; received: {self.table!r}"
            )
        for epoch, rate in self.table.items():
            _whole("an epoch in the table", epoch, 0)
            _positive(f"the rate at epoch {epoch}", rate)

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        return float(self.table.get(epoch, lr))


@dataclass(frozen=True)
class Step:
    """`lr * factor` every so many epochs.

    Args:
        factor: What the rate is multiplied by.
        every: Epochs from one step to the next.
        start_epoch: The epoch that they are counted from; the first step is at
            `start_epoch + every`.
    """

    factor: float
    every: int
    start_epoch: int = 0

    def __post_init__(self) -> None:
        _positive("factor", self.factor)
        _whole("every", self.every, 1)
        _whole("start_epoch", self.start_epoch, 0)

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        since = epoch - self.start_epoch
        return lr * self.factor if since > 0 and since % self.every == 0 else lr


@dataclass(frozen=True)
class Cosine:
    """From the initial rate down to `min_learning_rate` along half a cosine, then level.

    Args:
        epochs: The epoch at which the minimum is reached, warm-up included.
        min_learning_rate: Where it ends.
        warmup_epochs: Epochs that climb in a straight line to the initial rate first.
    """

    epochs: int
    min_learning_rate: float = 0.0
    warmup_epochs: int = 0

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 1)
        _not_negative("min_learning_rate", self.min_learning_rate)
        _whole("warmup_epochs", self.warmup_epochs, 0)
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs must be fewer than epochs ({self.epochs}); "
                f"received: {self.warmup_epochs}"
            )

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        if epoch < self.warmup_epochs:
            return _ramp(0.0, initial_learning_rate, epoch, self.warmup_epochs)
        done = min(1.0, (epoch - self.warmup_epochs) / (self.epochs - self.warmup_epochs))
        height = initial_learning_rate - self.min_learning_rate
        return self.min_learning_rate + height * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Warmup:
    """Climbs in a straight line to the initial rate, which is reached after `epochs` epochs.

    Args:
        epochs: How many epochs train below the initial rate.
        start: The rate that the line leaves from, just before the first epoch.
    """

    epochs: int
    start: float = 0.0

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 1)
        _not_negative("start", self.start)

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        if epoch > self.epochs:
            return lr
        return _ramp(self.start, initial_learning_rate, epoch, self.epochs)


@dataclass(frozen=True)
class Expression:
    """Arithmetic over `epoch` (from 0) and `lr` (the rate now), such as `lr * 0.9 ** epoch`.

    Args:
        expression: Numbers, `pi`, `e`, `+ - * / // % **`, comparisons, and/or/not,
            `a if test else b`, and abs, cos, exp, log, max, min, sqrt.
    """

    expression: str
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tree = arithmetic.parse(self.expression, ("epoch", "lr"))
        object.__setattr__(self, "_tree", tree)

    def __call__(self, epoch: int, lr: float, initial_learning_rate: float) -> float:
        """The learning rate for `epoch`."""
        return arithmetic.evaluate(self._tree, {"epoch": float(epoch), "lr": lr})


SCHEDULES: Mapping[str, type[Schedule]] = {
    "exponential": Exponential,
    "table": Table,
    "step": Step,
    "cosine": Cosine,
    "warmup": Warmup,
    "expression": Expression,
}


def _ramp(start: float, end: float, epoch: int, epochs: int) -> float:
    # The first epoch is one step up already: at a rate of 0 it would be wasted.
    return start + (end - start) * min(1.0, (epoch + 1) / (epochs + 1))


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on; received: {value!r}")


def _finite(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f"{name} must be a number; received: {value!r}")


def _positive(name: str, value: float) -> None:
    _finite(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be above 0; received: {value!r}")


def _not_negative(name: str, value: float) -> None:
    _finite(name, value)
    if value < 0:
        raise ValueError(f"{name} must not be below 0; received: {value!r}")
