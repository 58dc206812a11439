"""A config with what was settled for a run in place of what it leaves open."""

from __future__ import annotations

from imgclf.config.auto_rate import with_rate
from imgclf.config.fine_tune import FineTune
from imgclf.config.schema import Config, TrainingConfig
from imgclf.config.stretched import stretched_callbacks, stretched_optimizer
from imgclf.runs.folder import FoundRates, Settled, TimePlan


def settled_config(config: Config, settled: Settled) -> Config:
    """What a run trains by: rates as they were found, epochs and schedules as they fit.

    Args:
        config: As declared.
        settled: By the run, at its beginning.
    """
    if settled.rates is not None:
        config = _at_rates(config, settled.rates)
    return config if settled.time is None else _fitted(config, settled.time)


def _at_rates(config: Config, rates: FoundRates) -> Config:
    training, fine_tune = config.training, config.training.fine_tune
    if fine_tune is not None and rates.fine_tune is not None:
        fine_tune = fine_tune.model_copy(update={"learning_rate": rates.fine_tune})
    optimizer = with_rate(training.optimizer, rates.optimizer)
    found = training.model_copy(update={"optimizer": optimizer, "fine_tune": fine_tune})
    return config.model_copy(update={"training": found})


def _fitted(config: Config, time: TimePlan) -> Config:
    training = config.training
    ratio = (time.epochs + time.fine_tuned) / _all_epochs(training)
    fitted = training.model_copy(
        update={
            "epochs": time.epochs,
            "fine_tune": _shorter(training.fine_tune, time),
            "optimizer": stretched_optimizer(training.optimizer, ratio),
        }
    )
    callbacks = stretched_callbacks(config.callbacks, ratio)
    return config.model_copy(update={"training": fitted, "callbacks": callbacks})


def _shorter(fine_tune: FineTune | None, time: TimePlan) -> FineTune | None:
    if fine_tune is None or time.fine_tuned == 0:
        return None
    # It may turn out that there is time for all of them.
    return fine_tune if time.adapts else fine_tune.model_copy(update={"epochs": time.fine_tuned})


def _all_epochs(training: TrainingConfig) -> int:
    return training.epochs + (0 if training.fine_tune is None else training.fine_tune.epochs)
