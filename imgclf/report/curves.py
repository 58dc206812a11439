"""What the log of a training is drawn as, on the page and in PNG files alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEARNING_RATE = "learning rate"


@dataclass(frozen=True)
class Curves:
    """A quantity over the epochs.

    Attributes:
        title: What it is.
        lines: "training" and "validation", or a name each, to the values by epoch; NaN for an
            epoch that has none.
        published_epoch: Counted from 1; None if it isn't known.
        fine_tuned_after: How many epochs the first phase had; None if there was but one.
    """

    title: str
    lines: Mapping[str, Sequence[float]]
    published_epoch: int | None
    fine_tuned_after: int | None = None

    @property
    def epochs(self) -> int:
        """How many there are."""
        return max(map(len, self.lines.values()))


def curves_of(
    history: Mapping[str, Sequence[object]],
    published_epoch: int | None,
    fine_tuned_after: int | None = None,
) -> tuple[Curves, ...]:
    """One for the loss, for each metric, and for the learning rate, in this order.

    Args:
        history: Values by epoch, by Keras's names, of which `val_` marks those of validation;
            what is no number (a metric with a value for each class) is left out.
        published_epoch: Counted from 1.
        fine_tuned_after: How many epochs the first phase had; None if there was but one.
    """
    numbers = {name: [_number(value) for value in values] for name, values in history.items()}
    numbers = {name: values for name, values in numbers.items() if any(map(math.isfinite, values))}
    rates = [name for name in numbers if name.startswith("learning_rate")]
    measured = dict.fromkeys(name.removeprefix("val_") for name in numbers if name not in rates)
    found = [
        Curves(
            name.replace("_", " "),
            {
                label: numbers[key]
                for key, label in ((name, "training"), (f"val_{name}", "validation"))
                if key in numbers
            },
            published_epoch,
            fine_tuned_after,
        )
        for name in sorted(measured, key=lambda name: name != "loss")
    ]
    if rates:
        lines = {name.replace("_", " "): numbers[name] for name in rates}
        found.append(Curves(LEARNING_RATE, lines, published_epoch, fine_tuned_after))
    return tuple(found)


def _number(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan
