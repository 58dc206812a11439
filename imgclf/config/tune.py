"""What `imgclf tune` searches, as a config declares it under `tune`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from imgclf.config.spec import Declared
from imgclf.config.yaml_scalars import flow_yaml

Pruner = Literal["median", "successive_halving", "none"]

TRIALS = 50
"""How many, if the config doesn't say."""

MOST_TRIALS = 10_000
MOST_CHOICES = 100


class Range(Declared):
    """The values that a key may take: numbers between two ends, or one of several.

    Attributes:
        low: The lowest number; of whole numbers if both ends are whole.
        high: The highest.
        log: As many values are tried between 1 and 10 as between 10 and 100.
        choices: Plain values, in place of the ends; none where there are ends.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that have to be right for all of them to be."""
        return self.choices or (self.low, self.high)

    def written(self) -> Any:
        """The form that a config has."""
        if self.choices:
            return list(self.choices)
        ends = {"low": self.low, "high": self.high}
        return {**ends, "log": True} if self.log else ends


class Tune(Declared):
    """A search among trainings of one config.

    Attributes:
        ranges: By the dotted key that is varied.
        trials: How many trainings, that of the config as it stands included.
        timeout: Seconds after which no further one begins; None for no end.
        pruner: Which trainings are given up on the way: those below the `median` of the others at
            the same epoch, all but the best third at a few epochs (`successive_halving`), or none.
    """

    ranges: dict[str, Range] = Field(default_factory=dict)
    trials: int = TRIALS
    timeout: float | None = None
    pruner: Pruner = "median"

    def written(self) -> dict[str, Any]:
        """The form that a config has."""
        return {
            "trials": self.trials,
            "timeout": self.timeout,
            "pruner": self.pruner,
            "ranges": {key: one.written() for key, one in self.ranges.items()},
        }


def as_override(key: str, value: Any) -> str:
    """What gives a key a value, as after `--set`."""
    return f"{key}={flow_yaml(value)}"
