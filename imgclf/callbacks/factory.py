"""One callback from its declaration, with Keras's arguments and our places for its files.

What the config's checks let pass is not checked again here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgclf.backend import keras
from imgclf.callbacks.best_epoch import BestEpoch
from imgclf.callbacks.checkpoint import ModelCheckpoint
from imgclf.callbacks.csv_log import CSVLogger
from imgclf.callbacks.epoch import SetEpoch
from imgclf.callbacks.learning_rate import LearningRateScheduler
from imgclf.callbacks.progress import Progress
from imgclf.callbacks.tensorboard import TensorBoard
from imgclf.callbacks.user_code import load_function, make_custom_callback
from imgclf.config.callback_catalogue import checkpoint_ending, entry_of, output_of
from imgclf.config.schedules import SCHEDULES
from imgclf.config.spec import Spec


@dataclass(frozen=True)
class CallbackContext:
    """What a callback may need beside its own arguments.

    Attributes:
        run_folder: Where its files go if the config doesn't say.
        best: For checkpoints of the best epoch.
        set_epoch: Knows which phase of how many the training is in.
    """

    run_folder: Path
    best: BestEpoch
    set_epoch: SetEpoch


def construct(spec: Spec, context: CallbackContext) -> Any:
    """Makes a callback; not BackupAndRestore, which is made when the others are there.

    Raises:
        UsageError: People's own code that can't be used.
        ValueError, TypeError: What the constructor refuses, and why.
    """
    if spec.is_custom:
        return make_custom_callback(spec.name, spec.arguments)
    if spec.name in _OURS:
        return _OURS[spec.name](dict(spec.arguments), context)
    return getattr(keras.callbacks, spec.name)(**spec.arguments)


def make_scheduler(
    arguments: Mapping[str, Any], set_epoch: SetEpoch | None = None
) -> LearningRateScheduler:
    """Makes a LearningRateScheduler.

    Args:
        arguments: Its own, whose `schedule` is a name or somebody's own function, and those of
            the schedule.
        set_epoch: Knows which phase the training is in; None if there is but one.

    Raises:
        UsageError: People's own code that can't be used.
    """
    arguments = dict(arguments)
    schedule, verbose = arguments.pop("schedule"), arguments.pop("verbose", 0)
    if ":" in schedule:
        return LearningRateScheduler(load_function(schedule), verbose, set_epoch)
    return LearningRateScheduler(SCHEDULES[schedule](**arguments), verbose, set_epoch)


def _model_checkpoint(arguments: dict[str, Any], context: CallbackContext) -> ModelCheckpoint:
    """Without arguments, the best epoch; with any, what they mean to Keras."""
    # The folder's own braces are no places to fill in.
    place = output_of("ModelCheckpoint").place({}, context.run_folder)
    folder = str(place).replace("{", "{{").replace("}", "}}")
    if not arguments:
        return ModelCheckpoint(
            f"{folder}/best.keras", {"save_best_only": True}, follow=context.best
        )
    name = "best" if arguments.get("save_best_only") else "epoch-{epoch:03d}"
    filepath = arguments.pop("filepath", f"{folder}/{name}{checkpoint_ending(arguments)}")
    period = arguments.pop("period", entry_of("ModelCheckpoint").own_arguments["period"])
    return ModelCheckpoint(Path(filepath).expanduser(), arguments, period)


def _csv_logger(arguments: dict[str, Any], context: CallbackContext) -> CSVLogger:
    output = output_of("CSVLogger")
    filename = output.place(arguments, context.run_folder)
    arguments.pop(output.argument, None)
    return CSVLogger(filename, **arguments, set_epoch=context.set_epoch)


def _tensorboard(arguments: dict[str, Any], context: CallbackContext) -> TensorBoard:
    output = output_of("TensorBoard")
    log_dir = output.place(arguments, context.run_folder)
    arguments.pop(output.argument, None)
    return TensorBoard(log_dir, context.run_folder.name, arguments)


def _lambda_callback(arguments: dict[str, Any], context: CallbackContext) -> Any:
    hooks = {name: load_function(reference) for name, reference in arguments.items()}
    return keras.callbacks.LambdaCallback(**hooks)


_OURS: Mapping[str, Callable[[dict[str, Any], CallbackContext], Any]] = {
    "CSVLogger": _csv_logger,
    "LambdaCallback": _lambda_callback,
    "LearningRateScheduler": lambda arguments, context: make_scheduler(
        arguments, context.set_epoch
    ),
    "ModelCheckpoint": _model_checkpoint,
    "ProgbarLogger": lambda arguments, context: Progress(context.set_epoch, **arguments),
    "TensorBoard": _tensorboard,
}
