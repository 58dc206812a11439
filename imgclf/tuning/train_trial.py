"""One trial: a training that publishes nothing and leaves no state."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.choices import Precision
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import Network, declared_network
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.data.dataset import DataSet
from imgclf.model.engine import KerasEngine
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.model.scoring import accuracy_scores
from imgclf.runs.folder import RunFolder, RunRecord, Settled
from imgclf.system import console
from imgclf.training.auto import settle
from imgclf.training.fit import Fitted, fit
from imgclf.training.networks import published_network
from imgclf.training.out_of_memory import forget_attempt
from imgclf.training.role import Role
from imgclf.training.settings import training_settings
from imgclf.training.settled_config import settled_config
from imgclf.training.transfer import FrozenFeatures, frozen_features, head_outputs


@dataclass(frozen=True)
class Ready:
    """A trial before its first step.

    Attributes:
        loaded: With the values of the trial.
        data: What it is trained and judged on.
        network: What is trained.
        features: Of its pretrained network; None if it has none.
        settled: What its config leaves open.
    """

    loaded: LoadedConfig
    data: DataSet
    network: Network
    features: FrozenFeatures | None
    settled: Settled


@dataclass(frozen=True)
class Result:
    """What a trial came to.

    Attributes:
        monitor: What said how good an epoch was.
        mode: Whether "max" or "min" of that is better.
        values: Of that after each epoch; NaN where it was not measured.
        best: The best of these; NaN if there is none.
        fitted: None if it was given up.
        wrong: Places of the validation pictures that it has wrong; None if it was given up.
        seconds: What it took.
    """

    monitor: str
    mode: str
    values: tuple[float, ...]
    best: float
    fitted: Fitted | None
    wrong: tuple[int, ...] | None
    seconds: float


def prepare(loaded: LoadedConfig, data: DataSet, precision: Precision | None = None) -> Ready:
    """Computes what a trial needs that isn't there yet, the features of its pictures above all.

    Args:
        loaded: With the values of the trial.
        data: What it is trained and judged on.
        precision: What the first trial has settled for `training.precision: auto`: to be found
            once, for it goes by the time of a few steps. None for the first trial.

    Raises:
        ConfigError: The network can't be built.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    network = declared_network(loaded, len(data.folder.class_names))
    features = None if network.backbone is None else frozen_features(network, data)
    config = _computing_in(loaded.config, precision)
    settled = settle(network, config, data, None if features is None else features.network)
    if settled.rates is not None:
        found = dataclasses.replace(loaded, config=settled_config(loaded.config, settled))
        network = declared_network(found, len(data.folder.class_names))
    return Ready(loaded, data, network, features, settled)


def train_trial(
    ready: Ready, run: RunFolder, record: RunRecord, hopeless: Callable[[int, float], bool]
) -> Result:
    """Trains to the last epoch, or until it is said to be hopeless.

    Args:
        ready: What is trained.
        run: Where its log and TensorBoard's files go.
        record: What the run says of itself.
        hopeless: See `callbacks.give_up.GiveUp`.

    Raises:
        UsageError: The loss is no number any more, say, or the memory does not suffice.
        ConfigError: The network, or a callback, can't be built.
        KeyboardInterrupt: Ctrl-C; `TerminateSignal`, which is one, for SIGTERM.
    """
    # Keras's import takes seconds.
    from imgclf.callbacks.give_up import GivenUp, GiveUp
    from imgclf.callbacks.stack import publication_monitor

    config, began = settled_config(ready.loaded.config, ready.settled), time.monotonic()
    run.begin(record, ready.loaded.text, ready.loaded.resolved_yaml())
    watching = GiveUp(*publication_monitor(config.callbacks), hopeless)
    fitted, probabilities = None, None
    try:
        with console.hushed():
            fitted = fit(
                ready.network,
                ready.data,
                training_settings(config, ready.settled),
                DeclaredCallbacks(
                    _in_the_run(config.callbacks), ready.loaded.file, run.path, leaves_no_state=True
                ),
                role=Role(callbacks=(watching,)),
            )
            probabilities = _probabilities(ready, fitted)
    except GivenUp:
        record = replace(record, pruned=True)
    finally:
        forget_attempt()
    part, wrong = ready.data.validation, None
    if fitted is not None and probabilities is not None:
        record = replace(
            record,
            published_epoch=fitted.published_epoch,
            fine_tuned_after=fitted.fine_tuned_after,
            averaged=fitted.averaged,
            scores=accuracy_scores(probabilities, part.labels, ready.data.folder.class_names),
        )
        found = np.flatnonzero(probabilities.argmax(axis=1) != part.labels)
        wrong = tuple(int(place) for place in found)
    values, seconds = tuple(watching.values), time.monotonic() - began
    run.write(replace(record, status="finished", epochs_run=len(values), seconds=seconds))
    assert watching.monitor is not None
    return Result(watching.monitor, watching.mode, values, watching.best, fitted, wrong, seconds)


def _computing_in(config: Config, precision: Precision | None) -> Config:
    if precision is None or config.training.precision != "auto":
        return config
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def _in_the_run(callbacks: Sequence[Spec]) -> tuple[Spec, ...]:
    """The callbacks, each with its output in the run's folder: trials would replace each other's.

    Without the bar of each epoch: there is one of all trials.
    """
    kept = (spec for spec in callbacks if spec.name != "ProgbarLogger")
    return (*map(_without_place, kept), Spec(name="ProgbarLogger", off=True))


def _without_place(spec: Spec) -> Spec:
    output = entry_of(spec.name).output
    if output is None or output.argument not in spec.arguments or output.usual is None:
        return spec
    arguments = {key: one for key, one in spec.arguments.items() if key != output.argument}
    return spec.model_copy(update={"arguments": arguments})


def _probabilities(ready: Ready, fitted: Fitted) -> Probabilities:
    """Of the validation pictures, by the network that would be published."""
    from imgclf.model.build import build_head, output_activation

    if ready.features is not None and fitted.weights.head_only:
        outputs = head_outputs(ready.network, ready.features, fitted.weights)
        assert outputs is not None
        head = build_head(ready.network, ready.features.network.width)
        return to_probabilities(outputs, output_activation(head))
    model = published_network(ready.network, fitted.weights)
    engine = KerasEngine(model)
    outputs = np.concatenate([engine.run(batch) for batch in ready.data.validation.batches()])
    return to_probabilities(outputs, output_activation(model))
