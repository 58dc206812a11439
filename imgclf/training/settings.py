"""How a network is trained, once nothing is left open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from imgclf.config.choices import Publish
from imgclf.config.ema import Ema
from imgclf.config.fine_tune import FineTune
from imgclf.config.schema import Config
from imgclf.data.class_balance import Balance
from imgclf.runs.folder import Settled, TimePlan


@dataclass(frozen=True)
class TrainingSettings:
    """What a training goes by.

    Attributes:
        epochs: At most; callbacks may end it earlier.
        publish: Whether the weights of the best epoch are kept, or those of the last.
        seed: Of weights, augmentation and shuffling.
        settled: What the config leaves open.
        halves: Whether batches become smaller where the memory does not suffice for them.
        summary: Whether the network's layers are shown first.
        fine_tune: How a pretrained network is trained after what stands on it; None not to.
        balance: What makes up for classes of different sizes.
        logit_adjustment: How much of the classes' frequencies is taken out of the answers.
        label_smoothing: How much labels are smoothed; None for what suits each phase.
        ema: Which averages of the weights are judged and published; None for the weights.
    """

    epochs: int
    publish: Publish
    seed: int
    settled: Settled
    halves: bool = False
    summary: bool = False
    fine_tune: FineTune | None = None
    balance: Balance = field(default_factory=Balance)
    logit_adjustment: float = 0
    label_smoothing: float | None = None
    ema: Ema | None = None

    @property
    def may_halve(self) -> bool:
        """Whether there is something to halve."""
        return self.halves and self.settled.batch_size > 1

    def with_half_the_batch(self) -> TrainingSettings:
        """For another try; what was shown is not shown again."""
        settled = msgspec.structs.replace(self.settled, batch_size=self.settled.batch_size // 2)
        return replace(self, settled=settled, summary=False)


def training_settings(
    config: Config, settled: Settled, *, summary: bool = False
) -> TrainingSettings:
    """From a config, and what was found for what it leaves open."""
    training, halves = config.training, config.data.batch_size == "auto"
    return TrainingSettings(
        training.epochs,
        training.publish,
        config.seed,
        settled,
        halves,
        summary,
        training.fine_tune,
        Balance(training.class_weight, config.data.oversample),
        training.logit_adjustment,
        training.label_smoothing,
        training.ema,
    )


def settings_for_a_try(config: Config, settled: Settled) -> TrainingSettings:
    """For a few steps of each phase: on features of pictures as they are, without mirrored ones."""
    time = TimePlan(config.training.epochs, 0, mirrored=False, used=0, publishing=0)
    return training_settings(config, msgspec.structs.replace(settled, time=time))
