"""Fitting: a model from a config, trained on a data set to its last epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgclf.callbacks.commits import Commit
from imgclf.config import Head, LoadedConfig
from imgclf.data.dataset import DataSet, Part
from imgclf.data.feed import Feed, encode_labels
from imgclf.data.share import WHOLE, Share
from imgclf.resuming import fingerprint
from imgclf.signals import StopRequest
from imgclf.talk import Talk

if TYPE_CHECKING:
    from imgclf.backend import keras
    from imgclf.callbacks.stack import Stack


@dataclass(frozen=True)
class Fitted:
    """A model after its last epoch, with the weights to publish.

    Attributes:
        history: Values by epoch, by Keras's names.
        published_epoch: Whose weights it has, counted from 1.
        seconds: What fitting took.
        finished: To be called when the model is safe elsewhere; see `CommittedState.finished`.
    """

    model: keras.Model
    history: dict[str, list[float]]
    published_epoch: int
    seconds: float
    finished: Callable[[], None]


def fit(
    loaded: LoadedConfig,
    head: Head,
    data: DataSet,
    run_folder: Path,
    commit: Commit | None,
    talk: Talk,
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
        head: Of the network.
        data: What it is trained on.
        run_folder: Where the files go.
        commit: Where to go on; None to begin at the beginning.
        talk: For progress and notes.
        stop: Ends the training at the next step when somebody asks for it.
        share: What this process reads of each batch.
        writes: Whether it writes anything; of several processes one does.
        before_stopping: Callbacks that look after everything else whether to stop.
        show_summary: Is given `model.summary()` before training.

    Raises:
        ConfigError: A callback can't be built.
        UsageError: The loss is no number any more, or the memory does not suffice.
        KeyboardInterrupt: `stop` was asked for; what was trained is committed.
    """
    # Keras's import takes seconds, which a config error or "nothing to do" should not cost.
    from imgclf.backend import keras
    from imgclf.callbacks.numbers import out_of_memory_as_error
    from imgclf.callbacks.stack import build_stack
    from imgclf.model.build import build_model

    training = loaded.config.training
    num_classes = len(data.folder.class_names)
    seed = loaded.config.data.seed if training.seed is None else training.seed
    with out_of_memory_as_error(loaded):
        keras.utils.set_random_seed(seed)
        model = build_model(loaded, head)
        if show_summary is not None:
            model.summary(print_fn=lambda line, line_break=True: show_summary(line))
        feed = _feed(loaded, data.training, head, num_classes, share, shuffle_seed=seed)
        validation = _feed(loaded, data.validation, head, num_classes, share)
        stack = build_stack(
            loaded,
            run_folder,
            talk,
            feed=feed,
            fingerprint=fingerprint(loaded, data.folder.fingerprint()),
            stop=stop,
            before_stopping=before_stopping,
            writes=writes,
        )
        first_epoch = _restore(commit, model, stack, training.epochs, talk)

        started = time.monotonic()
        with stack.running(), stop.listening(talk):
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
    return Fitted(
        model, history, published_epoch, seconds, state.finished if state else lambda: None
    )


def _feed(
    loaded: LoadedConfig,
    part: Part,
    head: Head,
    num_classes: int,
    share: Share,
    shuffle_seed: int | None = None,
) -> Feed:
    labels = encode_labels(part.labels, head.label_mode, num_classes)
    batch_size = loaded.config.data.batch_size
    return Feed(part.pixels, part.rows, labels, batch_size, shuffle_seed, share)


def _restore(
    commit: Commit | None, model: keras.Model, stack: Stack, epochs: int, talk: Talk
) -> int:
    """Puts back what was committed; the epoch, from 0, to begin in."""
    if commit is None or stack.committed_state is None:
        return 0
    start = stack.committed_state.restore(commit, model)
    batch = f", batch {start.batch}" if start.batch else ""
    talk.note(f"going on after epoch {start.epoch}{batch}")
    return epochs if start.stopped else start.epoch
