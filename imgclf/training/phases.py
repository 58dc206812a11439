"""A training in phases: each so many epochs of a network, or a part of it, on one source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

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
        model: Makes the compiled model of this phase and of those after it from that of the phase
            before, which is None if the training begins or is resumed here; None to go on with
            the same model.
        from_best: The model of the phase before is first put back to its best epoch.
    """

    epochs: int
    source: Source
    validation: Source | None = None
    trained: Sequence[str] | None = None
    optimizer: Any = None
    model: Callable[[keras.Model | None], keras.Model] | None = None
    from_best: bool = False

    def __post_init__(self) -> None:
        if self.trained is not None and self.optimizer is None:
            raise ValueError("an optimizer is made for the weights that it trains; give it one")


class Ran(NamedTuple):
    """A training after its last epoch.

    Attributes:
        model: Of the last phase that there was time for.
        history: Values by epoch, by Keras's names.
    """

    model: keras.Model
    history: dict[str, list[Any]]


def run_phases(
    model: keras.Model | None,
    phases: Sequence[Phase],
    stack: Stack,
    commit: Commit | None = None,
) -> Ran:
    """Trains a compiled model from phase to phase, to the last epoch of the last one.

    Killed in any phase and resumed from the commit, it ends with the same weights, bit for bit, as
    if it had never been interrupted.

    Args:
        model: Its layers, and with a phase's own optimizer its compilation, change with the phases;
            None if the first phase makes one.
        phases: At least one.
        stack: The callbacks, which see one training: History, logs and the best epoch go on.
        commit: Where to go on; None to begin at the beginning.

    Raises:
        UsageError: The commit is of another model, or of a phase that there is none of.
        DataError: An example can't be read any more.
    """
    from imgclf.model.build import compile_again

    first = 0 if commit is None else commit.phase
    if first >= len(phases):
        raise UsageError(
            f"the committed state is of phase {first + 1} of a training, and this one has "
            f"{len(phases)}",
            "start over with --fresh",
        )
    history: dict[str, list[Any]] = {}
    # The phase that made the model which the first one trains.
    made = max((n for n in range(first + 1) if phases[n].model is not None), default=0)
    make = phases[made].model
    if make is not None:
        model = make(None)
    assert model is not None
    trainable = _trainable_layers(model)
    # What the phases before it would have left: the flags are each phase's own, optimizers stay.
    given = [phase.optimizer for phase in phases[made:first] if phase.optimizer is not None]
    if given:
        compile_again(model, given[-1])
    for number, phase in enumerate(phases[first:], first):
        if number > first and not stack.another_phase_fits:
            break
        if number > first and phase.model is not None:
            stack.end_phase(model, back_to_best=phase.from_best)
            model = phase.model(model)
            trainable = _trainable_layers(model)
        _train_layers_of(phase, trainable)
        if phase.optimizer is not None:
            compile_again(model, phase.optimizer)
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
    return Ran(model, history)


# A layer with its own flag, for it and for the layers inside of it.
_Flags: TypeAlias = "list[tuple[keras.Layer, bool]]"


def _trainable_layers(model: keras.Model) -> list[tuple[keras.Layer, _Flags]]:
    return [(layer, _flags(layer)) for layer in model.layers if layer.trainable]


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
