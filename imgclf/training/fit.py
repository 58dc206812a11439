"""Fitting: a model from a config, trained on a data set to its last epoch."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import Network
from imgclf.config.output_head import Head
from imgclf.data.batch_share import WHOLE, Share
from imgclf.data.dataset import DataSet, Part
from imgclf.data.feed import Feed, encode_labels, failures_as_they_were
from imgclf.data.resampling import Resampling, leading_resampling
from imgclf.runs.commits import Commit
from imgclf.runs.folder import Settled
from imgclf.runs.resume import fingerprint
from imgclf.system import console
from imgclf.system.signals import StopRequest

if TYPE_CHECKING:
    from imgclf.backend import keras
    from imgclf.callbacks.stack import Stack


@dataclass(frozen=True)
class Fitted:
    """A model after its last epoch, with the weights to publish.

    Attributes:
        model: As it was trained, without the layers that `resampling` stands for.
        resampling: What the feed did in place of augmentation layers.
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


def settle(loaded: LoadedConfig, network: Network, data: DataSet) -> Settled:
    """Decides what a config leaves open.

    Raises:
        ConfigError: The network can't be built.
        OutOfMemoryError: Not even for a try.
    """
    batch_size, training = loaded.config.data.first_batch_size, loaded.config.training
    if training.distribution != "none":
        # Each machine might find something else.
        return Settled("bfloat16" if training.precision == "bfloat16" else "float32", batch_size)

    from imgclf.callbacks.nan_guard import out_of_memory_as_error
    from imgclf.model.build import augmentation_layers
    from imgclf.training.precision import choose_precision

    with out_of_memory_as_error(loaded, batch_size):
        resampling = leading_resampling(augmentation_layers(network))
        pictures = len(data.training)
        precision = choose_precision(network, training, resampling, pictures, batch_size)
    return Settled(precision, batch_size)


def fit(
    loaded: LoadedConfig,
    network: Network,
    data: DataSet,
    run_folder: Path,
    commit: Commit | None,
    settled: Settled,
    stop: StopRequest,
    *,
    share: Share = WHOLE,
    writes: bool = True,
    before_stopping: Sequence[Any] = (),
    show_summary: Callable[[str], None] | None = None,
) -> Fitted:
    """Trains to the last epoch.

    Args:
        loaded: What is trained.
        network: What is built of it.
        data: What it is trained on.
        run_folder: Where the files go.
        commit: Where to go on; None to begin at the beginning.
        settled: What the config leaves open.
        stop: Ends the training at the next step when somebody asks for it.
        share: What this process reads of each batch.
        writes: Whether it writes anything; of several processes one does.
        before_stopping: Callbacks that look after everything else whether to stop.
        show_summary: Is given `model.summary()` before training.

    Raises:
        ConfigError: A callback can't be built.
        OutOfMemoryError: The memory does not suffice.
        DataError: A picture that isn't kept decoded can't be read any more.
        UsageError: The loss is no number any more.
        KeyboardInterrupt: `stop` was asked for; what was trained is committed.
    """
    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.backend import keras
    from imgclf.callbacks.nan_guard import out_of_memory_as_error
    from imgclf.callbacks.stack import build_stack
    from imgclf.model.build import augmentation_layers, build_model

    training = loaded.config.training
    num_classes = len(data.folder.class_names)
    seed = loaded.config.data.seed if training.seed is None else training.seed
    with out_of_memory_as_error(loaded, settled.batch_size):
        keras.utils.set_random_seed(seed)  # of all processes alike, before any layer is made
        resampling = None
        if settled.resampled:
            resampling = leading_resampling(augmentation_layers(network))
        keras.utils.set_random_seed(seed)  # again, so that layers looked at here change no weights
        model = build_model(network, resampling, settled.precision)
        if show_summary is not None:
            model.summary(print_fn=lambda line, line_break=True: show_summary(line))
        feed = _feed(settled, data.training, network.head, num_classes, share, seed, resampling)
        validation = _feed(settled, data.validation, network.head, num_classes, share)
        prints = fingerprint(loaded, data.folder.fingerprint())
        prints["batch_size"] = str(settled.batch_size)
        stack = build_stack(
            loaded,
            run_folder,
            feed=feed,
            fingerprint=prints,
            stop=stop,
            before_stopping=before_stopping,
            writes=writes,
        )
        first_epoch = _restore(commit, settled, model, stack, training.epochs)

        started = time.monotonic()
        with stack.running(), stop.listening(), failures_as_they_were(feed, validation):
            history = model.fit(
                feed.dataset(),
                validation_data=validation.dataset(),
                epochs=training.epochs,
                initial_epoch=first_epoch,
                callbacks=stack.callbacks,
                shuffle=False,  # the feed shuffles; True makes Keras warn that it can't
                verbose=0,
            ).history
        seconds = time.monotonic() - started

    published_epoch = len(history["loss"])
    if training.publish == "best" and stack.best.epoch is not None:
        model.set_weights(stack.best.weights)
        published_epoch = stack.best.epoch + 1
    state = stack.committed_state
    finished = state.finished if state is not None else lambda: None
    return Fitted(model, resampling, history, published_epoch, seconds, finished)


def forget_attempt() -> None:
    """Gives back the memory of a model that had too little of it; to be called before the next."""
    from imgclf.backend import keras

    keras.backend.clear_session()
    # Models are in cycles, and Python looks for those by how many objects there are, not how large.
    gc.collect()


def _feed(
    settled: Settled,
    part: Part,
    head: Head,
    num_classes: int,
    share: Share,
    shuffle_seed: int | None = None,
    resampling: Resampling | None = None,
) -> Feed:
    labels = encode_labels(part.labels, head.label_mode, num_classes)
    return Feed(part.pixels, part.rows, labels, settled.batch_size, shuffle_seed, resampling, share)


def _restore(
    commit: Commit | None, settled: Settled, model: keras.Model, stack: Stack, epochs: int
) -> int:
    """Puts back what was committed; the epoch, from 0, to begin in."""
    if commit is None or stack.committed_state is None:
        return 0
    # Halved since, the batches of an epoch that are done are twice as many.
    before = int(commit.fingerprint.get("batch_size", settled.batch_size))
    commit = dataclasses.replace(commit, batch=commit.batch * before // settled.batch_size)
    start = stack.committed_state.restore(commit, model)
    batch = f", batch {start.batch}" if start.batch else ""
    console.note(f"going on after epoch {start.epoch}{batch}")
    return epochs if start.stopped else start.epoch
