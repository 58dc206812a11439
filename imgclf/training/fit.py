"""Fitting: a network from a config, trained on a data set to its last epoch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.network import Network
from imgclf.config.spec import Spec
from imgclf.data.augmenting import Augmenting, leading_augmenting
from imgclf.data.dataset import DataSet, Part
from imgclf.data.mixing import mixing_of
from imgclf.data.source import Examples, Source, encode_labels
from imgclf.runs.commits import Commit
from imgclf.system import console, time_limit
from imgclf.training.expected import expected_seconds
from imgclf.training.label_shares import begin_at_label_shares
from imgclf.training.label_smoothing import smooth_labels
from imgclf.training.logit_adjustment import adjusted_bias
from imgclf.training.lower_maps import lower_maps
from imgclf.training.mixed_labels import measure_by_larger_part
from imgclf.training.networks import TrainedWeights, build_network, show_summary
from imgclf.training.out_of_memory import out_of_memory_as_error
from imgclf.training.phases import Phase, Ran, run_phases
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings
from imgclf.training.sources import sources_of
from imgclf.training.transfer import (
    FrozenFeatures,
    averaged,
    examples_of,
    fine_tuning_phase,
    frozen_features,
    head_phase,
)

if TYPE_CHECKING:
    from imgclf.backend import keras
    from imgclf.callbacks.stack import Stack
    from imgclf.callbacks.stop_in_time import Budget


@dataclass(frozen=True)
class Fitted:
    """What a training came to.

    Attributes:
        weights: To publish; see `published_network`.
        augmenting: What the source did in place of augmentation layers.
        history: Values by epoch, by Keras's names.
        published_epoch: Whose weights they are, counted from 1.
        fine_tuned_after: How many epochs the first phase had; None if there was but one.
        averaged: They lie half way between those and what fine-tuning began with.
        seconds: What fitting took.
        finished: To be called when the model is safe elsewhere; see `CommittedState.finished`.
    """

    weights: TrainedWeights
    augmenting: Augmenting | None
    history: dict[str, list[float]]
    published_epoch: int
    fine_tuned_after: int | None
    averaged: bool
    seconds: float
    finished: Callable[[], None]


def fit(
    network: Network,
    data: DataSet,
    settings: TrainingSettings,
    callbacks: DeclaredCallbacks,
    commit: Commit | None = None,
    role: Role | None = None,
) -> Fitted:
    """Trains to the last epoch.

    Args:
        network: What is trained.
        data: What it is trained on.
        settings: How.
        callbacks: What happens around it, and where files go.
        commit: Where to go on; None to begin at the beginning.
        role: What this process does of it; None if it trains alone.

    Raises:
        ConfigError: The network, or a callback, can't be built.
        OutOfMemoryError: The memory does not suffice.
        DataError: A picture that isn't kept decoded can't be read any more.
        UsageError: The loss is no number any more.
        KeyboardInterrupt: The role's `stop` was asked for; what was trained is committed.
    """
    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.backend import keras
    from imgclf.callbacks.stack import build_stack, in_time
    from imgclf.model.build import augmentation_layers

    role = role or Role()
    settled, seed = settings.settled, settings.seed
    with out_of_memory_as_error(network.image_size, settled.batch_size):
        keras.utils.set_random_seed(seed)  # of all processes alike, before any layer is made
        augmenting = None
        if settled.resampled:
            layers = augmentation_layers(network)
            augmenting = leading_augmenting(layers, settled.changes_pixels)
        phases = declared_phases(network, data, settings, callbacks.specs, augmenting, role)
        fingerprint = {**callbacks.fingerprint, "batch_size": str(settled.batch_size)}
        stack = build_stack(
            dataclasses.replace(callbacks, fingerprint=fingerprint),
            phases[0].source,
            phases=len(phases),
            stop=role.stop,
            before_stopping=role.callbacks,
            writes=role.writes,
            averages=settings.ema is not None,
        )
        budget = _budget(settings, phases)
        if budget is not None:
            stack = in_time(stack, budget)
        stack.set_epoch.expected = expected_seconds(network, data, settings)
        started = time.monotonic()
        with stack.running(), role.stop.listening():
            commit = (
                None
                if stack.committed_state is None
                else _with_batches_of(commit, settled.batch_size)
            )
            ran = run_phases(None, phases, stack, commit)
            phases = phases[: stack.set_epoch.phase + 1]  # for more there may have been no time
        chosen = _chosen(network, settings, phases, stack, ran)
        seconds = time.monotonic() - started

    state = stack.committed_state
    finished = state.finished if state is not None else lambda: None
    weights, published_epoch, is_averaged = chosen
    return Fitted(
        _adjusted(weights, settings.logit_adjustment, data, network),
        augmenting,
        ran.history,
        published_epoch,
        stack.set_epoch.phase_began if len(phases) > 1 else None,
        is_averaged,
        seconds,
        finished,
    )


def _budget(settings: TrainingSettings, phases: Sequence[Phase]) -> Budget | None:
    """The time that holds, and what was found to fit into it."""
    limit, plan = time_limit.current(), settings.settled.time
    if limit is None or plan is None:
        return None
    from imgclf.callbacks.stop_in_time import Budget, Decay

    fine_tune = settings.fine_tune
    if fine_tune is None or not plan.adapts or isinstance(fine_tune.learning_rate, str):
        return Budget(limit, plan)
    phase = phases[1]
    batches = 0 if phase.validation is None else phase.validation.num_batches
    decay = Decay(fine_tune.learning_rate, phase.source.num_batches, phase.epochs, batches)
    return Budget(limit, plan, decay)


def declared_phases(
    network: Network,
    data: DataSet,
    settings: TrainingSettings,
    callbacks: Sequence[Spec],
    augmenting: Augmenting | None,
    role: Role,
) -> list[Phase]:
    """One of pictures; on a pretrained network one of its features, and perhaps one of pictures.

    Args:
        network: What is trained.
        data: What it is trained on.
        settings: How.
        callbacks: As declared.
        augmenting: What the source does in place of augmentation layers.
        role: What this process does of it.
    """
    from imgclf.model.build import mixing_layers

    mixing = mixing_of(mixing_layers(network))

    def pictures() -> tuple[Source, Source]:
        examples = (
            _examples(data.training, data, network),
            _examples(data.validation, data, network),
        )
        return sources_of(examples, data, settings, role, augmenting, mixing)

    if network.backbone is None:
        return [
            Phase(
                settings.epochs,
                *pictures(),
                model=lambda _: _whole(network, data, settings, augmenting),
            )
        ]
    time_plan = settings.settled.time
    features = frozen_features(network, data, mirrored=time_plan is None or time_plan.mirrored)
    phases = [head_phase(network, data, features, settings, role)]
    if settings.fine_tune is not None:
        cut = settings.settled.cut
        sources = pictures() if cut is None else _maps(network, data, features, cut, settings, role)
        phases.append(
            fine_tuning_phase(network, settings.fine_tune, sources, augmenting, settings, callbacks)
        )
    return phases


def _maps(
    network: Network,
    data: DataSet,
    features: FrozenFeatures,
    cut: int,
    settings: TrainingSettings,
    role: Role,
) -> tuple[Source, Source]:
    """What lies below the cut makes of pictures, in the order in which these would come."""
    training, validation = lower_maps(network, data, features.network, cut)
    examples = (
        examples_of(training, data.training.labels, data, network),
        examples_of(validation, data.validation.labels, data, network),
    )
    return sources_of(examples, data, settings, role)


def _whole(
    network: Network, data: DataSet, settings: TrainingSettings, augmenting: Augmenting | None
) -> keras.Model:
    """The network from scratch, before its first step."""
    from imgclf.backend import keras

    keras.utils.set_random_seed(settings.seed)  # again, whatever was made since
    model = build_network(network, augmenting, settings.settled.precision)
    begin_at_label_shares(model, data.training.labels, network.head)
    smooth_labels(model, settings.label_smoothing or 0, network.head)
    measure_by_larger_part(model, network)
    if settings.summary:
        show_summary(model)
    return model


def _chosen(
    network: Network,
    settings: TrainingSettings,
    phases: Sequence[Phase],
    stack: Stack,
    ran: Ran,
) -> tuple[TrainedWeights, int, bool]:
    """The weights to publish, the epoch that they are of, and whether they are an average."""
    head_only = network.backbone is not None
    best, last, cut = stack.best, len(phases) - 1, settings.settled.cut
    if settings.publish == "last" or best is None or best.epoch is None or best.weights is None:
        weights = TrainedWeights(ran.model.get_weights(), head_only and last == 0, cut)
        return weights, len(ran.history["loss"]), False
    epoch = best.epoch + 1
    if best.phase == 0:
        return TrainedWeights(best.weights, head_only), epoch, False
    validation = phases[last].validation
    late = stack.in_time is not None and stack.in_time.time_is_up
    if best.handed_on is not None and validation is not None and not late:
        between = averaged(network, best.weights, best.handed_on, cut)
        if best.is_bettered_by(_measured(ran.model, between, validation)):
            console.note(
                "half way between the fine-tuned network and what it began as is better than both"
            )
            return TrainedWeights(between, cut=cut), epoch, True
    return TrainedWeights(best.weights, cut=cut), epoch, False


def _adjusted(
    weights: TrainedWeights, amount: float, data: DataSet, network: Network
) -> TrainedWeights:
    """With the bias of the output, which is the last array, moved."""
    if amount == 0:
        return weights
    *others, bias = weights.arrays
    moved = adjusted_bias(bias, amount, data.training.labels)
    return dataclasses.replace(weights, arrays=[*others, moved])


def _measured(model: keras.Model, weights: Sequence[Any], validation: Source) -> dict[str, Any]:
    """What an epoch with these weights would log of the validation examples."""
    model.set_weights(weights)
    logs = model.evaluate(validation.dataset(), verbose=0, return_dict=True)
    return {f"val_{name}": value for name, value in logs.items()}


def _examples(part: Part, data: DataSet, network: Network) -> Examples:
    classes = len(data.folder.class_names)
    labels = encode_labels(part.labels, network.head.label_mode, classes)
    return Examples(part.pixels, part.rows, labels, data.fingerprint)


def _with_batches_of(commit: Commit | None, size: int) -> Commit | None:
    """The commit to go on from, with its batches counted as they are now."""
    if commit is None:
        return None
    # Halved since, the batches of an epoch that are done are twice as many.
    before = int(commit.fingerprint.get("batch_size", size))
    commit = dataclasses.replace(commit, batch=commit.batch * before // size)
    batch = f", batch {commit.batch}" if commit.batch else ""
    console.note(f"going on after epoch {commit.epoch}{batch}")
    return commit
