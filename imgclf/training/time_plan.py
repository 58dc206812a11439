"""What of a training fits into its time: a calculation from what things cost here."""

from __future__ import annotations

from dataclasses import dataclass

from imgclf.runs.folder import TimePlan

_PLANNED = 0.85
"""Of the time that is left so much is planned; the machine may have more to do later."""

_HEAD_PART = 0.2
"""So much of it goes to the head at most, where fine-tuning follows."""

_HEAD_LEAST = 5  # epochs; with fewer, fine-tuning begins with a poor head

_LEAST_PART = 0.3  # of an epoch of fine-tuning; less is not worth its beginning

_ROOMY = 2.0
"""With so many times the time that all of fine-tuning takes, it is done as without a time: one that
adapts gets its rates from outside of its steps, whose last bit may not be that of a schedule."""


@dataclass(frozen=True)
class Costs:
    """Seconds that things take on this machine as it is now.

    Attributes:
        begin: Of the first phase, before its first step.
        epoch: Of the first phase, validation included.
        publish: All that comes after the last epoch.
        step: A step of training.
    """

    begin: float
    epoch: float
    publish: float
    step: float

    def fitting(self, left: float) -> int:
        """How many epochs fit into so many seconds, with what comes before and after."""
        return int((_PLANNED * left - self.begin - self.publish) // self.epoch)

    @property
    def least(self) -> float:
        """Seconds that a training of one epoch needs."""
        return (self.begin + self.epoch + self.publish) / _PLANNED


@dataclass(frozen=True)
class Declared:
    """What is asked for, at most.

    Attributes:
        epochs: Of the first phase.
        fine_tuned: Of the second; 0 if there is none.
        mirrored_seconds: What features of mirrored pictures would take; None if they are not
            asked for.
        adapts: The second phase can become longer or shorter when it is under way, and end in an
            epoch.
    """

    epochs: int
    fine_tuned: int = 0
    mirrored_seconds: float | None = None
    adapts: bool = False


def plan_epochs(
    declared: Declared, left: float, used: float, costs: Costs, fine_tuning: Costs | None = None
) -> TimePlan | None:
    """Spends the time where it pays.

    Fine-tuning gains the most by far; it begins with a head that has had some epochs. What is left
    then goes to the head, and to features of mirrored pictures last.

    Args:
        declared: What is asked for, at most.
        left: Seconds.
        used: Seconds before; written down.
        costs: Of the first phase, and of publishing without a second one.
        fine_tuning: Of the second phase, and of publishing what it makes; None if there is none.

    Returns:
        None if not even one epoch fits.
    """
    if fine_tuning is not None and declared.fine_tuned:
        room = _PLANNED * left - costs.begin - fine_tuning.begin - fine_tuning.publish
        part = int(_HEAD_PART * room // costs.epoch)
        epochs = min(declared.epochs, max(_HEAD_LEAST, part))
        room -= epochs * costs.epoch
        fine_tuned = min(declared.fine_tuned, int(room // fine_tuning.epoch))
        if declared.adapts and room > _LEAST_PART * fine_tuning.epoch:
            fine_tuned = max(1, fine_tuned)
        roomy = room >= _ROOMY * declared.fine_tuned * fine_tuning.epoch
        if fine_tuned > 0:
            return TimePlan(
                epochs,
                fine_tuned,
                _mirrors(declared, epochs * costs.epoch, room - fine_tuned * fine_tuning.epoch),
                used,
                fine_tuning.publish,
                fine_tuning.step,
                adapts=declared.adapts and not roomy,
            )
    epochs = min(declared.epochs, costs.fitting(left))
    if epochs < 1:
        return None
    rest = _PLANNED * left - costs.begin - costs.publish - epochs * costs.epoch
    mirrored = _mirrors(declared, epochs * costs.epoch, rest)
    return TimePlan(epochs, 0, mirrored, used, costs.publish)


def _mirrors(declared: Declared, head: float, rest: float) -> bool:
    """Whether there is time for features of mirrored pictures, and for a head on twice as many."""
    seconds = declared.mirrored_seconds
    return seconds is not None and seconds + head <= rest
