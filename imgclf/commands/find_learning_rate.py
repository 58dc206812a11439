"""Looking for a learning rate: read the pictures, run a range test of each phase, draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imgclf.backend import keras_importing
from imgclf.commands.training_pictures import read_pictures
from imgclf.config.choices import Precision
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import declared_network
from imgclf.config.spec import Spec
from imgclf.data.configured_folder import require_folder
from imgclf.errors import UsageError
from imgclf.report.plots import draw_range_tests
from imgclf.runs.folder import Settled, learning_rate_plot
from imgclf.training.learning_rates import FINE_TUNE, OPTIMIZER, run_range_tests


@dataclass(frozen=True)
class FoundLearningRates:
    """What the range tests propose.

    Attributes:
        proposed: By the key to set.
        plot: The PNG file with the loss against the rate.
    """

    proposed: Mapping[str, float]
    plot: Path


def find_learning_rate(loaded: LoadedConfig) -> FoundLearningRates:
    """Proposes learning rates for a config; nothing is trained, and no run is left.

    Args:
        loaded: The config; with `training.fine_tune` its second phase is tried, too.

    Raises:
        ConfigError: The network can't be built.
        DataError: The pictures can't be used.
        UsageError: The optimizer's rate follows a schedule; or the memory does not suffice.
        WriteError: The plot or the cache can't be written.
    """
    config = loaded.config
    _require_a_number(config.training.optimizer)
    require_folder(loaded)
    with keras_importing(needed=True):
        data = read_pictures(config.data, None)
    network = declared_network(loaded, len(data.folder.class_names))
    keys = [OPTIMIZER] if config.training.fine_tune is None else [OPTIMIZER, FINE_TUNE]
    asked = config.training.precision
    precision: Precision = "float32" if asked == "auto" else asked
    settled = Settled(precision, config.data.first_batch_size)
    tests = run_range_tests(network, config, data, settled, keys)
    plot = learning_rate_plot(loaded.name)
    draw_range_tests(tests, plot)
    return FoundLearningRates({key: test.proposed for key, test in tests.items()}, plot)


def _require_a_number(optimizer: Spec) -> None:
    inner = optimizer.arguments.get("inner_optimizer", optimizer)
    rate = inner.arguments.get("learning_rate")
    if isinstance(rate, Spec):
        raise UsageError(
            f"the learning rate of {inner.name} follows {rate.name}, so there is no one rate to "
            "look for",
            f"give it a number: --set training.optimizer={inner.name}",
        )
