"""The callback stack of a training: from the config to callbacks in the order that works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.averages import TrainOn, UseAverages
from imgclf.callbacks.best_epoch import BestEpoch
from imgclf.callbacks.captured_prints import prints_as_notes
from imgclf.callbacks.carry_over import CarryOver
from imgclf.callbacks.committed_state import CommittedState
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.callbacks.epoch import CompleteLogs, SetEpoch
from imgclf.callbacks.factory import CallbackContext, construct
from imgclf.callbacks.fit_in_time import FitInTime
from imgclf.callbacks.monitoring import CheckMonitors
from imgclf.callbacks.nan_guard import CheckNumbers
from imgclf.callbacks.progress import Progress
from imgclf.callbacks.stop_in_time import Budget, StopInTime
from imgclf.callbacks.stop_on_signal import StopWhenAsked
from imgclf.callbacks.tensorboard import TensorBoard
from imgclf.config.callback_catalogue import CATALOGUE, entry_of, entry_of_class
from imgclf.config.loaded import ConfigFile
from imgclf.config.spec import Spec
from imgclf.data.source import Source
from imgclf.errors import UsageError
from imgclf.runs.commit_settings import commit_settings
from imgclf.runs.commits import Commit
from imgclf.system.signals import StopRequest


@dataclass(frozen=True)
class Stack:
    """What happens around the steps of a training.

    Attributes:
        callbacks: In working order, for `fit(..., callbacks=stack.callbacks, verbose=0)`.
        set_epoch: Knows what is trained on just now.
        carry_over: Takes what callbacks remember from one phase to the next.
        committed_state: What commits and resumes; None if BackupAndRestore is off.
        best: The best epoch by validation, with its weights; None if nobody asks.
        in_time: Ends the training in time; None if it may take as long as it does.
    """

    callbacks: list[Any]
    set_epoch: SetEpoch
    carry_over: CarryOver
    committed_state: CommittedState | None = None
    best: BestEpoch | None = None
    in_time: StopInTime | None = None

    @property
    def another_phase_fits(self) -> bool:
        """Whether there is time for the phase that would follow."""
        return self.in_time is None or self.in_time.another_phase_fits

    def end_phase(self, model: Any, *, back_to_best: bool) -> None:
        """To be called after the last epoch of a phase that one with another model follows.

        Args:
            model: The phase's.
            back_to_best: Whether it gets back the weights of the phase's best epoch, if known.
        """
        if self.best is not None:
            self.best.end_phase(model, go_back=back_to_best)

    def enter(self, source: Source, phase: int) -> None:
        """To be called before the first epoch of a phase that follows another."""
        self.carry_over.keep()
        self._place(source, phase, self.set_epoch.epochs_done)

    def restore(self, commit: Commit, source: Source, model: Any) -> None:
        """Puts a commit's values into a compiled model; the callbacks follow when `fit` begins.

        Raises:
            UsageError: The model is not the one that was committed.
        """
        assert self.committed_state is not None
        self.set_epoch.epochs_done = commit.epoch
        self._place(source, commit.phase, commit.phase_began)
        self.committed_state.restore(commit, model)

    def _place(self, source: Source, phase: int, began: int) -> None:
        before = self.set_epoch.phase_began
        self.set_epoch.source = source
        self.set_epoch.phase, self.set_epoch.phase_began = phase, began
        for callback in self.callbacks:
            if isinstance(callback, keras.callbacks.EarlyStopping):
                # Which counts the phase's epochs, while Keras counts on.
                callback.start_from_epoch += began - before

    @contextmanager
    def running(self) -> Iterator[None]:
        """To be held around `fit`.

        What Keras and others print becomes notes, and whatever ends the training, no bar and no
        open writer is left behind: Keras calls `on_train_end` only if nothing was raised.
        """
        with prints_as_notes():
            try:
                yield
            finally:
                for callback in self.callbacks:
                    if isinstance(callback, Progress | TensorBoard):
                        callback.close()


def bare_stack(source: Source, callbacks: Sequence[Any] = ()) -> Stack:
    """For trainings that leave no files and can't be gone on with: these callbacks alone."""
    set_epoch, carry_over = SetEpoch(source), CarryOver(callbacks)
    return Stack([set_epoch, *callbacks, carry_over], set_epoch, carry_over)


def build_stack(
    declared: DeclaredCallbacks,
    source: Source,
    *,
    phases: int = 1,
    stop: StopRequest | None = None,
    before_stopping: Sequence[Any] = (),
    writes: bool = True,
    averages: bool = False,
) -> Stack:
    """Builds what a config declares, and what is on without being named.

    Args:
        declared: The callbacks.
        source: Of the first phase; told the epoch before Keras asks for its batches.
        phases: How many phases the training has.
        stop: Ends the training at the next step when somebody asks for it.
        before_stopping: Callbacks that look after everything else whether to stop.
        writes: Whether this process writes: of several that train together, one does. The others
            have all callbacks that decide anything, and see the same metrics.
        averages: Whether the optimizer's averages of the weights are judged and kept in their
            place.

    Raises:
        ConfigError: With every callback that can't be built, by key and line.
    """
    set_epoch = SetEpoch(source, phases)
    best = BestEpoch(*publication_monitor(declared.specs), set_epoch)
    context = CallbackContext(declared.run_folder, best, set_epoch)
    built = [set_epoch, CompleteLogs(), keras.callbacks.History(), context.best]
    # BackupAndRestore is made last, when the others are there; History is there.
    to_make = [
        (key, spec)
        for key, spec in _in_use(declared.specs)
        if spec.name not in ("BackupAndRestore", "History")
        and (writes or not entry_of(spec.name).tells_only)
        and not (declared.leaves_no_state and entry_of(spec.name).keeps_state)
    ]
    built += _construct(to_make, context, declared.file)
    if not any(isinstance(one, keras.callbacks.TerminateOnNaN) for one in built):
        built.append(CheckNumbers(set_epoch))
    built.append(CheckMonitors(built, set_epoch))
    back = []
    if averages:
        built.append(UseAverages())
        back.append(TrainOn(built[-1]))
    swaps = (one for one in built if isinstance(one, keras.callbacks.SwapEMAWeights))
    context.best.swap = next(swaps, None)
    set_epoch.may_end_early = any(isinstance(one, keras.callbacks.EarlyStopping) for one in built)
    callbacks = sorted(built, key=_rank)
    carry_over = CarryOver(callbacks)
    committed_state = None
    settings = commit_settings(declared.specs, declared.run_folder)
    if settings is not None and not declared.leaves_no_state:
        committed_state = CommittedState(
            settings.directory,
            callbacks,
            set_epoch=set_epoch,
            fingerprint={
                **declared.fingerprint,
                "data": source.fingerprint,
                "run": declared.run_folder.name,
            },
            every_batches=settings.every_batches,
            delete_at_end=settings.delete_at_end,
            writes=writes,
        )
    committing = [] if committed_state is None else [committed_state]
    stopping = [] if stop is None else [StopWhenAsked(stop, committed_state)]
    return Stack(
        [*callbacks, carry_over, *back, *committing, *before_stopping, *stopping],
        set_epoch,
        carry_over,
        committed_state,
        context.best,
    )


def in_time(stack: Stack, budget: Budget) -> Stack:
    """The same stack, which ends the training in time, and commits how much of it was used.

    Args:
        stack: From `build_stack`.
        budget: The time that the training has.
    """
    stopping = StopInTime(budget, stack.set_epoch)
    timed: list[Any] = [stopping]
    if budget.decay is not None:
        timed.append(FitInTime(stopping, budget.decay, budget.plan.fine_tuned, stack.set_epoch))
    if stack.committed_state is not None:
        for callback in timed:
            stack.committed_state.keep_state_of(callback)
    place = stack.callbacks.index(stack.carry_over)
    callbacks = [*stack.callbacks[:place], *timed, *stack.callbacks[place:]]
    return replace(stack, callbacks=callbacks, in_time=stopping)


def _construct(
    keyed: Sequence[tuple[str, Spec]], context: CallbackContext, file: ConfigFile
) -> list[Any]:
    """These callbacks; all that can't be built are told at once."""
    built, problems = [], []
    for key, spec in keyed:
        try:
            built.append(construct(spec, context))
        except UsageError as error:
            problems.append(file.problem(key, error.message, hint=error.hint))
        except (ValueError, TypeError) as error:
            problems.append(file.problem(key, f"{spec.name}: {error}"))
    if problems:
        raise file.error(*problems)
    return built


def _in_use(specs: Sequence[Spec]) -> Iterator[tuple[str, Spec]]:
    """What the config lists and doesn't turn off, then the defaults that it doesn't speak of."""
    for index, spec in enumerate(specs):
        if not spec.off:
            yield f"callbacks.{index}", spec
    spoken_of = {spec.name for spec in specs}
    for entry in CATALOGUE:
        if entry.on_by_default and entry.name not in spoken_of:
            yield "callbacks", Spec(name=entry.name)


def publication_monitor(specs: Sequence[Spec]) -> tuple[str | None, str]:
    """What says which epoch is the best, and its mode, as `BestEpoch` takes them.

    By the rule of the checkpoint that keeps the best epoch, if there is one.
    """
    for spec in specs:
        if spec.name != "ModelCheckpoint" or spec.off:
            continue
        monitor = str(spec.arguments.get("monitor", entry_of(spec.name).monitors))
        if spec.arguments.get("save_best_only") and monitor.startswith("val_"):
            return monitor, spec.arguments.get("mode", "auto")
    return None, "auto"


def _rank(callback: Any) -> int:
    """Its place in the order; sorting is stable, so equals stay as the config lists them."""
    return CATALOGUE.index(entry_of_class(type(callback)))
