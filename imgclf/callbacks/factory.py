"""One callback from its declaration, with Keras's arguments and our places for its files.

What the config's checks let pass is not checked again here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.best_epoch import BestEpoch
from imgclf.callbacks.checkpoint import ModelCheckpoint
from imgclf.callbacks.committed_state import CommittedState
from imgclf.callbacks.csv_log import CSVLogger
from imgclf.callbacks.epoch import SetEpoch
from imgclf.callbacks.learning_rate import LearningRateScheduler
from imgclf.callbacks.progress import Progress
from imgclf.callbacks.tensorboard import TensorBoard
from imgclf.callbacks.user_code import load_function, make_custom_callback
from imgclf.config.callback_catalogue import checkpoint_ending, entry_of, output_of
from imgclf.config.schedules import SCHEDULES
from imgclf.config.spec import Spec
from imgclf.runs.commits import deletes_at_end, state_directory


@dataclass(frozen=True)
class Surroundings:
    """What a callback may need beside its own arguments.

    Attributes:
        run_folder: Where its files go if the config doesn't say.
        best: For checkpoints of the best epoch.
    """

    run_folder: Path
    best: BestEpoch


def construct(spec: Spec, around: Surroundings) -> Any:
    """Makes a callback; for BackupAndRestore see `construct_committed_state`.

    Raises:
        UsageError: People's own code that can't be used.
        ValueError, TypeError: What the constructor refuses, and why.
    """
    if spec.is_custom:
        return make_custom_callback(spec.name, spec.arguments)
    if spec.name in _OURS:
        return _OURS[spec.name](dict(spec.arguments), around)
    return getattr(keras.callbacks, spec.name)(**spec.arguments)


def construct_committed_state(
    spec: Spec,
    around: Surroundings,
    callbacks: Sequence[Any],
    set_epoch: SetEpoch,
    fingerprint: Mapping[str, str],
    *,
    writes: bool,
) -> CommittedState:
    """What BackupAndRestore means here.

    Its `double_checkpoint` is always so: two commits are kept. `delete_checkpoint` is false
    unless it is asked for, so that a finished training can be given more epochs.
    """
    given = spec.arguments
    frequency = given.get("save_freq", "epoch")
    return CommittedState(
        state_directory(given, around.run_folder),
        callbacks,
        set_epoch=set_epoch,
        fingerprint=fingerprint,
        every_batches=None if frequency == "epoch" else int(frequency),
        delete_at_end=deletes_at_end(given),
        writes=writes,
    )


def _model_checkpoint(arguments: dict[str, Any], around: Surroundings) -> ModelCheckpoint:
    """Without arguments, the best epoch; with any, what they mean to Keras."""
    # The folder's own braces are no places to fill in.
    place = output_of("ModelCheckpoint").place({}, around.run_folder)
    folder = str(place).replace("{", "{{").replace("}", "}}")
    if not arguments:
        return ModelCheckpoint(f"{folder}/best.keras", {"save_best_only": True}, follow=around.best)
    name = "best" if arguments.get("save_best_only") else "epoch-{epoch:03d}"
    filepath = arguments.pop("filepath", f"{folder}/{name}{checkpoint_ending(arguments)}")
    period = arguments.pop("period", entry_of("ModelCheckpoint").own_arguments["period"])
    return ModelCheckpoint(Path(filepath).expanduser(), arguments, period)


def _csv_logger(arguments: dict[str, Any], around: Surroundings) -> CSVLogger:
    output = output_of("CSVLogger")
    filename = output.place(arguments, around.run_folder)
    arguments.pop(output.argument, None)
    return CSVLogger(filename, **arguments)


def _tensorboard(arguments: dict[str, Any], around: Surroundings) -> TensorBoard:
    output = output_of("TensorBoard")
    log_dir = output.place(arguments, around.run_folder)
    arguments.pop(output.argument, None)
    return TensorBoard(log_dir, around.run_folder.name, arguments)


def _scheduler(arguments: dict[str, Any], around: Surroundings) -> LearningRateScheduler:
    schedule, verbose = arguments.pop("schedule"), arguments.pop("verbose", 0)
    if ":" in schedule:
        return LearningRateScheduler(load_function(schedule), verbose)
    return LearningRateScheduler(SCHEDULES[schedule](**arguments), verbose)


def _lambda_callback(arguments: dict[str, Any], around: Surroundings) -> Any:
    hooks = {name: load_function(reference) for name, reference in arguments.items()}
    return keras.callbacks.LambdaCallback(**hooks)


_OURS: Mapping[str, Callable[[dict[str, Any], Surroundings], Any]] = {
    "CSVLogger": _csv_logger,
    "LambdaCallback": _lambda_callback,
    "LearningRateScheduler": _scheduler,
    "ModelCheckpoint": _model_checkpoint,
    "ProgbarLogger": lambda arguments, around: Progress(**arguments),
    "TensorBoard": _tensorboard,
}
