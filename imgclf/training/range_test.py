"""The learning rate range test: steps at a rate that grows from far too low to far too high.

Smith 2017, Cyclical Learning Rates for Training Neural Networks (WACV), section 3.3: as the rate
grows, the loss begins to fall, falls faster, and at some rate is thrown back. What lies a good way
below that rate trains fast and surely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgclf.data.source import Source
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.backend import keras

LOWEST, HIGHEST = 1e-6, 10.0

_SMOOTHED = 0.9  # of the average loss so far, in the next one
_LATE = 9  # steps by which such an average comes after what it is of: 0.9 / (1 - 0.9)
_THROWN_BACK = 2.0  # times the lowest loss, or the first one if that is more
_BELOW = 10.0  # so many times below the rate of the lowest loss: what others propose, too


@dataclass(frozen=True)
class RangeTest:
    """What a test found.

    Attributes:
        rates: Of each step.
        losses: Smoothed, after each of them; as many.
        proposed: The rate to train with.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    proposed: float


def range_test(model: keras.Model, source: Source, steps: int) -> RangeTest:
    """Trains a model for some steps at growing rates, which spoils it.

    Args:
        model: Compiled with an optimizer whose rate is a number.
        source: What it is trained on; its first epoch, and what follows if that is shorter.
        steps: At most; it ends when the loss is thrown back.

    Raises:
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    with console.track("looking for a learning rate", steps) as advance:
        for step in range(steps):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / max(1, steps - 1))
            model.optimizer.learning_rate = rate
            model.reset_metrics()  # or the loss would be the mean of all steps so far
            epoch, batch = divmod(step, source.num_batches)
            logs = model.train_on_batch(*source.batch(epoch, batch), return_dict=True)
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                break
            average = _SMOOTHED * average + (1 - _SMOOTHED) * loss
            rates.append(rate)
            losses.append(average / (1 - _SMOOTHED ** (step + 1)))
            advance(1)
            if losses[-1] > _THROWN_BACK * max(losses[0], min(losses)):
                break
    return RangeTest(tuple(rates), tuple(losses), propose(rates, losses))


def propose(rates: list[float], losses: list[float]) -> float:
    """A tenth of the rate at which the loss was the lowest, to two digits.

    By then it falls no more; the rate at which it falls fastest lies below, and so does this. The
    average is the lowest some steps after the loss is, which are taken off.

    Args:
        rates: Growing.
        losses: Smoothed; as many. Of none, the lowest rate is proposed.
    """
    if not losses:
        return LOWEST
    lowest = min(range(len(losses)), key=losses.__getitem__)
    rate = max(LOWEST, rates[max(0, lowest - _LATE)] / _BELOW)
    return float(f"{rate:.1e}")
