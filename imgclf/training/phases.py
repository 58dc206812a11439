"""A training in phases: each so many epochs of a network, or a part of it, on one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from imgclf.config.keras_private import with_inner_layers
from imgclf.data.source import Source, failures_as_they_were
from imgclf.errors import UsageError
from imgclf.runs.commits import Commit

if TYPE_CHECKING:
    from imgclf.backend import keras
    from imgclf.callbacks.stack import Stack


@dataclass(frozen=True)
class Phase:
    """A part of a training.

    Attributes:
        epochs: How many, at most: callbacks may end it earlier. They count on from those of the
            phases before.
        source: What is trained on.
        validation: What is judged by after each epoch; None for nothing.
        trained: The names of the layers whose weights are trained; None for all that the model
            came with as trainable. The others stay as they are, statistics of batch normalization
            included.
        optimizer: A Keras optimizer, which is needed where `trained` is given; None for the one
            that the model is compiled with.
    """

    epochs: int
    source: Source
    validation: Source | None = None
    trained: Sequence[str] | None = None
    optimizer: Any = None

    def __post_init__(self) -> None:
        if self.trained is not None and self.optimizer is None:
            raise ValueError("an optimizer is made for the weights that it trains; give it one")


def run_phases(
    model: keras.Model, phases: Sequence[Phase], stack: Stack, commit: Commit | None = None
) -> dict[str, list[Any]]:
    """Trains a compiled model from phase to phase, to the last epoch of the last one.

    Killed in any phase and resumed from the commit, it ends with the same weights, bit for bit, as
    if it had never been interrupted.

    Args:
        model: Its layers, and with a phase's own optimizer its compilation, change with the phases.
        phases: At least one.
        stack: The callbacks, which see one training: History, logs and the best epoch go on.
        commit: Where to go on; None to begin at the beginning.

    Returns:
        Values by epoch, by Keras's names.

    Raises:
        UsageError: The commit is of another model, or of a phase that there is none of.
        DataError: An example can't be read any more.
    """
    first = 0 if commit is None else commit.phase
    if first >= len(phases):
        raise UsageError(
            f"the committed state is of phase {first + 1} of a training, and this one has "
            f"{len(phases)}",
            "start over with --fresh",
        )
    history: dict[str, list[Any]] = {}
    trainable = [(layer, _flags(layer)) for layer in model.layers if layer.trainable]
    # What the phases before it would have left: the flags are each phase's own, optimizers stay.
    given = [phase.optimizer for phase in phases[:first] if phase.optimizer is not None]
    if given:
        _compile(model, given[-1])
    for number, phase in enumerate(phases[first:], first):
        _train_layers_of(phase, trainable)
        if phase.optimizer is not None:
            _compile(model, phase.optimizer)
        if commit is not None and number == first:
            stack.restore(commit, phase.source, model)
            began, ended = commit.phase_began, commit.stopped
        else:
            if number > 0:
                stack.enter(phase.source, number)
            began, ended = stack.set_epoch.epochs_done, False
        last = began + phase.epochs
        with failures_as_they_were(phase.source, phase.validation):
            history = model.fit(
                phase.source.dataset(),
                validation_data=None if phase.validation is None else phase.validation.dataset(),
                epochs=last,
                # A phase that a callback had ended has no next epoch; what callbacks do at the end
                # of a training (going back to the best weights, say) they do again.
                initial_epoch=last if ended else stack.set_epoch.epochs_done,
                callbacks=stack.callbacks,
                shuffle=False,  # the source shuffles; True makes Keras warn that it can't
                verbose=0,
            ).history
    return history


# A layer with its own flag, for it and for the layers inside of it.
_Flags: TypeAlias = "list[tuple[keras.Layer, bool]]"


def _flags(layer: keras.Layer) -> _Flags:
    """Of the layer and of those inside of it, which come after what they are in."""
    return [(one, one.trainable) for one in with_inner_layers(layer)]


def _train_layers_of(phase: Phase, trainable: Sequence[tuple[keras.Layer, _Flags]]) -> None:
    """Makes the layers of the phase the ones that are trained, all else being as the model came."""
    for layer, flags in trainable:
        if phase.trained is None or layer.name in phase.trained:
            for one, flag in flags:
                # To set it is to set it in all layers inside, on JAX even if nothing changes.
                if one.trainable != flag:
                    one.trainable = flag
        elif layer.trainable:
            layer.trainable = False


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Gives the model another optimizer; loss and metrics stay."""
    from imgclf.backend import keras

    compiled = keras.saving.deserialize_keras_object(
        {**model.get_compile_config(), "optimizer": None}
    )
    model.compile(**{**compiled, "optimizer": optimizer})
