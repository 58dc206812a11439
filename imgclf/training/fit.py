"""Fitting: a network from a config, trained on a data set to its last epoch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.network import Network
from imgclf.data.dataset import DataSet, Part
from imgclf.data.resampling import Resampling, leading_resampling
from imgclf.data.source import Examples, Source, encode_labels
from imgclf.runs.commits import Commit
from imgclf.system import console
from imgclf.training.out_of_memory import out_of_memory_as_error
from imgclf.training.phases import Phase, run_phases
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings

if TYPE_CHECKING:
    from imgclf.backend import keras


@dataclass(frozen=True)
class Fitted:
    """A model after its last epoch, with the weights to publish.

    Attributes:
        model: As it was trained, without the layers that `resampling` stands for.
        resampling: What the source did in place of augmentation layers.
        history: Values by epoch, by Keras's names.
        published_epoch: Whose weights it has, counted from 1.
        seconds: What fitting took.
        finished: To be called when the model is safe elsewhere; see `CommittedState.finished`.
    """

    model: keras.Model
    resampling: Resampling | None
    history: dict[str, list[float]]
    published_epoch: int
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
    from imgclf.callbacks.stack import build_stack
    from imgclf.model.build import augmentation_layers, build_model

    role = role or Role()
    settled, seed = settings.settled, settings.seed
    with out_of_memory_as_error(network.image_size, settled.batch_size):
        keras.utils.set_random_seed(seed)  # of all processes alike, before any layer is made
        resampling = None
        if settled.resampled:
            resampling = leading_resampling(augmentation_layers(network))
        keras.utils.set_random_seed(seed)  # again, so that layers looked at here change no weights
        model = build_model(network, resampling, settled.precision)
        if settings.summary:
            model.summary(print_fn=lambda line, line_break=True: console.note(line))

        training, validation = (
            _examples(part, data, network) for part in (data.training, data.validation)
        )
        size, share = settled.batch_size, role.share
        phases = [
            Phase(
                settings.epochs,
                Source(training, size, seed, resampling, share),
                Source(validation, size, share=share),
            )
        ]
        fingerprint = {**callbacks.fingerprint, "batch_size": str(size)}
        stack = build_stack(
            dataclasses.replace(callbacks, fingerprint=fingerprint),
            phases[0].source,
            stop=role.stop,
            before_stopping=role.callbacks,
            writes=role.writes,
        )
        started = time.monotonic()
        with stack.running(), role.stop.listening():
            commit = None if stack.committed_state is None else _with_batches_of(commit, size)
            history = run_phases(model, phases, stack, commit)
        seconds = time.monotonic() - started

    published_epoch, best = len(history["loss"]), stack.best
    if settings.publish == "best" and best is not None and best.epoch is not None:
        model.set_weights(best.weights)
        published_epoch = best.epoch + 1
    state = stack.committed_state
    finished = state.finished if state is not None else lambda: None
    return Fitted(model, resampling, history, published_epoch, seconds, finished)


def _examples(part: Part, data: DataSet, network: Network) -> Examples:
    folder = data.folder
    labels = encode_labels(part.labels, network.head.label_mode, len(folder.class_names))
    return Examples(part.pixels, part.rows, labels, folder.fingerprint)


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
