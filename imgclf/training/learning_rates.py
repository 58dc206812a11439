"""The learning rates of a training's phases, found by a range test of each."""

from __future__ import annotations

import gc
from collections.abc import Collection
from typing import TYPE_CHECKING

from imgclf.config.auto_rate import AUTO, is_auto
from imgclf.config.network import Network
from imgclf.config.schema import Config, TrainingConfig
from imgclf.data.augmenting import leading_augmenting
from imgclf.data.dataset import DataSet
from imgclf.runs.folder import FoundRates, Settled
from imgclf.system import console
from imgclf.training.fit import declared_phases
from imgclf.training.out_of_memory import out_of_memory_as_error
from imgclf.training.range_test import RangeTest, range_test
from imgclf.training.role import Role
from imgclf.training.settings import settings_for_a_try

if TYPE_CHECKING:
    from imgclf.backend import keras

OPTIMIZER, FINE_TUNE = "training.optimizer.learning_rate", "training.fine_tune.learning_rate"

# Of what is computed in a moment, and of pictures, where a step can take a second.
_STEPS, _STEPS_OF_FINE_TUNING = 100, 60
_HEAD_EPOCHS = 5  # before fine-tuning is tried, which begins with a head that has learned


def asked_for(training: TrainingConfig) -> list[str]:
    """The keys whose learning rate is to be found."""
    fine_tune = training.fine_tune
    keys = [OPTIMIZER] if is_auto(training.optimizer) else []
    if fine_tune is not None and fine_tune.learning_rate == AUTO:
        keys.append(FINE_TUNE)
    return keys


def found_rates(
    network: Network, config: Config, data: DataSet, settled: Settled
) -> FoundRates | None:
    """What `learning_rate: auto` comes to; None if no key says so.

    Args:
        network: What is trained.
        config: How.
        data: What it is trained on.
        settled: What else was left open.

    Raises:
        ConfigError: The network can't be built.
        OutOfMemoryError: The memory does not suffice for a step.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    keys = asked_for(config.training)
    if not keys:
        return None
    tests = run_range_tests(network, config, data, settled, keys)
    for key, test in tests.items():
        console.note(f"{key}: {test.proposed:g}, found in {len(test.rates)} steps")
    rates = {key: test.proposed for key, test in tests.items()}
    return FoundRates(rates.get(OPTIMIZER), rates.get(FINE_TUNE))


def run_range_tests(
    network: Network, config: Config, data: DataSet, settled: Settled, keys: Collection[str]
) -> dict[str, RangeTest]:
    """A range test for each of these keys; nothing is left of it but what is returned.

    Args:
        network: What is trained.
        config: How.
        data: What it is trained on.
        settled: What was left open.
        keys: `OPTIMIZER`, `FINE_TUNE` or both.

    Raises:
        ConfigError: The network can't be built.
        OutOfMemoryError: The memory does not suffice for a step.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    from imgclf.backend import keras
    from imgclf.model.build import augmentation_layers, compile_again

    settings = settings_for_a_try(config, settled)
    tests = {}
    try:
        with out_of_memory_as_error(network.image_size, settled.batch_size):
            augmenting = leading_augmenting(augmentation_layers(network))
            phases = declared_phases(network, data, settings, (), augmenting, Role())
            first = phases[0]
            assert first.model is not None
            if OPTIMIZER in keys:
                tests[OPTIMIZER] = range_test(first.model(None), first.source, _STEPS)
            if FINE_TUNE in keys:
                second = phases[1]
                assert second.model is not None
                with console.hushed():
                    head = _head(first.model(None), tests.get(OPTIMIZER))
                    head.fit(first.source.dataset(), epochs=_HEAD_EPOCHS, verbose=0)
                    model = second.model(head)
                # A rate that follows a schedule can't be set.
                compile_again(model, keras.optimizers.AdamW())
                tests[FINE_TUNE] = range_test(model, second.source, _STEPS_OF_FINE_TUNING)
    finally:
        # The layers of the training have the names that they always have.
        keras.backend.clear_session()
        gc.collect()
    return tests


def _head(model: keras.Model, test: RangeTest | None) -> keras.Model:
    if test is not None:
        model.optimizer.learning_rate = test.proposed
    return model
