"""The callback stack of a training: from the config to callbacks in the order that works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.best_epoch import BestEpoch
from imgclf.callbacks.captured_prints import prints_as_notes
from imgclf.callbacks.committed_state import CommittedState
from imgclf.callbacks.epoch import CompleteLogs, EpochAware, SetEpoch
from imgclf.callbacks.factory import Surroundings, construct, construct_committed_state
from imgclf.callbacks.monitoring import CheckMonitors
from imgclf.callbacks.nan_guard import CheckNumbers
from imgclf.callbacks.progress import Progress
from imgclf.callbacks.stop_on_signal import StopWhenAsked
from imgclf.callbacks.tensorboard import TensorBoard
from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.errors import Problem, UsageError
from imgclf.system.signals import StopRequest

# Hooks run in this order. What logs comes after what it logs (Keras puts the learning rate
# into the logs only while schedulers run); what keeps weights comes after the averages were
# swapped in; the commit sees what all others did. Others' own callbacks stand before History.
_ORDER: tuple[type, ...] = (
    SetEpoch,
    CheckMonitors,
    CompleteLogs,
    Progress,
    CheckNumbers,
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.CSVLogger,
    keras.callbacks.TensorBoard,
    keras.callbacks.SwapEMAWeights,
    BestEpoch,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.OrbaxCheckpoint,
    keras.callbacks.TerminateOnNaN,
    keras.callbacks.EarlyStopping,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.LambdaCallback,
    keras.callbacks.Callback,  # all that are not named here
    keras.callbacks.History,
    CommittedState,
)
# They write, or tell somebody, and nothing in the training depends on them.
_WRITERS = ("CSVLogger", "ModelCheckpoint", "RemoteMonitor", "TensorBoard")
_ON_BY_DEFAULT = (
    "ProgbarLogger",
    "CSVLogger",
    "TensorBoard",
    "ModelCheckpoint",
    "BackupAndRestore",
)


@dataclass(frozen=True)
class Stack:
    """What `fit` needs beside the data.

    Attributes:
        callbacks: In working order, for `fit(..., callbacks=stack.callbacks, verbose=0)`.
        committed_state: What commits and resumes; None if BackupAndRestore is off.
        best: The best epoch by validation, with its weights.
    """

    callbacks: list[Any]
    committed_state: CommittedState | None
    best: BestEpoch

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


def build_stack(
    loaded: LoadedConfig,
    run_folder: Path,
    *,
    feed: EpochAware | None,
    fingerprint: Mapping[str, str] | None = None,
    stop: StopRequest | None = None,
    before_stopping: Sequence[Any] = (),
    writes: bool = True,
) -> Stack:
    """Builds what a config declares, and what is on without being named.

    Args:
        loaded: The config.
        run_folder: Where files go whose place the config doesn't say.
        feed: Told the epoch before Keras asks for its batches.
        fingerprint: What the training is made of, kept in each commit beside the run's name.
        stop: Ends the training at the next step when somebody asks for it.
        before_stopping: Callbacks that look after everything else whether to stop.
        writes: Whether this process writes: of several that train together, one does. The others
            have all callbacks that decide anything, and see the same metrics.

    Raises:
        ConfigError: With every callback that can't be built, by key and line.
    """
    around = Surroundings(run_folder, _best_epoch(loaded.config))
    built: list[Any] = [CompleteLogs(), keras.callbacks.History(), around.best]
    set_epoch = None if feed is None else SetEpoch(feed)
    if set_epoch is not None:
        built.append(set_epoch)
    backup: Spec | None = None
    problems: list[Problem] = []
    for key, spec in _declared(loaded.config):
        if spec.name == "BackupAndRestore":
            backup = spec  # made last, when the others are there
        elif spec.name != "History" and (writes or spec.name not in _WRITERS):  # it is there
            try:
                built.append(construct(spec, around))
            except UsageError as error:
                problems.append(loaded.file.problem(key, error.message, allowed=error.hint))
            except (ValueError, TypeError) as error:
                problems.append(loaded.file.problem(key, f"{spec.name}: {error}"))
    if problems:
        raise loaded.file.error(*problems)
    if not any(isinstance(one, keras.callbacks.TerminateOnNaN) for one in built):
        built.append(CheckNumbers(feed))
    built.append(CheckMonitors(built, feed))
    around.best.swap = next(
        (one for one in built if isinstance(one, keras.callbacks.SwapEMAWeights)), None
    )
    callbacks = sorted(built, key=_rank)
    committed_state = None
    if backup is not None:
        committed_state = construct_committed_state(
            backup,
            around,
            callbacks,
            set_epoch,
            {**(fingerprint or {}), "run": run_folder.name},
            writes=writes,
        )
        callbacks.append(committed_state)
    callbacks.extend(before_stopping)
    if stop is not None:
        callbacks.append(StopWhenAsked(stop, committed_state))
    return Stack(callbacks, committed_state, around.best)


def _declared(config: Config) -> Iterator[tuple[str, Spec]]:
    """What the config lists and doesn't turn off, then the defaults that it doesn't speak of."""
    for index, spec in enumerate(config.callbacks):
        if not spec.off:
            yield f"callbacks.{index}", spec
    spoken_of = {spec.name for spec in config.callbacks}
    for name in _ON_BY_DEFAULT:
        if name not in spoken_of:
            yield "callbacks", Spec(name=name)


def _best_epoch(config: Config) -> BestEpoch:
    """By the rule of the checkpoint that keeps the best epoch, if there is one."""
    for spec in config.callbacks_named("ModelCheckpoint"):
        monitor = spec.arguments.get("monitor", "val_loss")
        if spec.arguments.get("save_best_only") and monitor.startswith("val_"):
            return BestEpoch(monitor, spec.arguments.get("mode", "auto"))
    return BestEpoch()


def _rank(callback: Any) -> int:
    """Its place in the order; sorting is stable, so equals stay as the config lists them."""
    kinds = [kind for kind in _ORDER if kind is not keras.callbacks.Callback]
    for kind in kinds:
        if isinstance(callback, kind):
            return _ORDER.index(kind)
    return _ORDER.index(keras.callbacks.Callback)
