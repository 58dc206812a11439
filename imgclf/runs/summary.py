"""A training of the past as its folder tells it, whether it was finished, cut short or damaged."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, Literal

import msgspec

from imgclf.config.stored import read_stored_values
from imgclf.errors import ConfigError
from imgclf.model.intervals import Interval
from imgclf.model.scores import Scores
from imgclf.runs.folder import RunFolder, RunRecord
from imgclf.system.kept_files import read_kept

Status = Literal["finished", "pruned", "running", "interrupted", "failed", "damaged"]

_LogRow = dict[str, float]

_MOST_OF_A_LOG = 1 << 26  # bytes
# A damaged log may put one at a billion.
_MOST_EPOCHS = 100_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One training.

    Attributes:
        name: Of its config, and of the model.
        path: Its folder.
        status: "running" while a process is at it; "pruned" if it was a trial and given up;
            "failed" if an error ended it; "interrupted" if it isn't finished for another reason;
            "damaged" if its record can't be read.
        started: Local time, as ISO 8601 has it; None if the folder's name doesn't say.
        seconds: What fitting took, all in all; None if that isn't known.
        epochs: At most so many were asked for, in all phases; None if its config can't be read.
        epochs_run: So many were done.
        epoch: Whose weights were published, counted from 1; of an unfinished training the best
            so far.
        scores: At that epoch, on the validation pictures, by Keras's names without `val_`; those
            on the training pictures begin with `training_`; of a published model also
            `balanced_accuracy` and `macro_f1`; on test pictures, if there are any, they begin with
            `test_`.
        intervals: Between which those of a published model lie with 95 % confidence, as far as
            that is known.
        model: Where the model was published.
        version: The model's version that it became.
        command: What it was started by.
        tensorboard: Where TensorBoard's files are, if they are in the run's folder.
        error: What of it can't be read.
        failure: The error that ended it.
        differs: What its config has under the keys in which the trainings of this name differ.
    """

    name: str
    path: str
    status: Status
    started: str | None
    seconds: float | None = None
    epochs: int | None = None
    epochs_run: int = 0
    epoch: int | None = None
    scores: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    model: str | None = None
    version: int | None = None
    command: str = ""
    tensorboard: str | None = None
    error: str | None = None
    failure: str | None = None
    differs: dict[str, Any] = {}


def read_run(folder: RunFolder, *, at_work: bool) -> Run:
    """Reads what there is; what can't be read is named in the result.

    Args:
        folder: Of the training.
        at_work: Whether a process may be at it just now.
    """
    name = folder.path.parent.name
    run = Run(
        name=name,
        path=str(folder.path),
        status="damaged",
        started=folder.started.isoformat() if folder.started else None,
        tensorboard=str(folder.tensorboard) if folder.tensorboard.is_dir() else None,
    )
    record = folder.read()
    if record is None:
        return msgspec.structs.replace(run, error="its run.json can't be read")
    log, error = _read_log(folder.log)
    epoch = record.published_epoch or _best_so_far(log)
    status = _status(record, at_work)
    return msgspec.structs.replace(
        run,
        status=status,
        seconds=record.seconds,
        epochs=_epochs(record, folder.config_resolved),
        epochs_run=record.epochs_run or len(log),
        epoch=epoch,
        scores=_scores(record, log.get(epoch or 0, {})),
        intervals=_intervals(record),
        model=record.model,
        version=record.publication.version if record.publication and record.model else None,
        command=record.command,
        error=error,
        failure=record.failure if status == "failed" else None,
    )


def read_history(folder: RunFolder) -> dict[str, list[float]]:
    """What the log of a training has: values by epoch, by Keras's names; NaN for what it lacks."""
    log, _ = _read_log(folder.log)
    names = dict.fromkeys(name for row in log.values() for name in row)
    epochs = range(1, min(max(log, default=0), _MOST_EPOCHS) + 1)
    return {name: [log.get(epoch, {}).get(name, math.nan) for epoch in epochs] for name in names}


def _status(record: RunRecord, at_work: bool) -> Status:
    if record.status == "finished":
        return "pruned" if record.pruned else "finished"
    if at_work:
        return "running"
    return "interrupted" if record.failure is None else "failed"


def _epochs(record: RunRecord, resolved: Path) -> int | None:
    time = None if record.settled is None else record.settled.time
    if time is not None:  # what fits into it, whatever was asked for
        return time.epochs + time.fine_tuned
    try:
        training = read_stored_values(resolved)["training"]
        epochs = int(training["epochs"])
        fine_tune = training.get("fine_tune")  # which earlier versions did not have
        return epochs + (int(fine_tune["epochs"]) if fine_tune else 0)
    except (ConfigError, ValueError, TypeError, KeyError):
        return None


def _read_log(path: Path) -> tuple[dict[int, _LogRow], str | None]:
    """The log by epoch, counted from 1, and what is wrong with it."""
    try:
        text = read_kept(path, _MOST_OF_A_LOG).decode("utf-8")
    except FileNotFoundError:  # turned off, written elsewhere, or not begun
        return {}, None
    except (OSError, ValueError):
        return {}, f"its {path.name} can't be read"
    separator = text[len("epoch") : len("epoch") + 1]
    if not text.startswith("epoch") or not separator.strip("\r\n"):
        return {}, f"its {path.name} is no log" if text else None
    log: dict[int, _LogRow] = {}
    damaged = f"its {path.name} is damaged"
    # A last line without its end is being written just now, or was when the machine stopped.
    rows = csv.DictReader(text.splitlines()[: text.count("\n")], delimiter=separator)
    try:
        for row in rows:
            numbers = {key: _number(value) for key, value in row.items() if isinstance(key, str)}
            epoch = numbers.pop("epoch")
            if not math.isfinite(epoch):
                return log, f"{damaged} after epoch {len(log)}"
            log[int(epoch) + 1] = {k: value for k, value in numbers.items() if math.isfinite(value)}
    except csv.Error:
        return log, f"{damaged} after epoch {len(log)}"
    return log, None


def _number(cell: str | None) -> float:
    """NaN for what is none: a metric with a value for each class, or one that wasn't measured."""
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _best_so_far(log: dict[int, _LogRow]) -> int | None:
    """By the rule by which an epoch is published if the config says nothing else."""

    def goodness(epoch: int) -> tuple[float, float]:
        row = log[epoch]
        return row.get("val_accuracy", -math.inf), -row.get("val_loss", math.inf)

    return max(log, key=goodness, default=None)


def _scores(record: RunRecord, row: _LogRow) -> dict[str, float]:
    scores = {
        key.removeprefix("val_"): value for key, value in row.items() if key.startswith("val_")
    }
    scores |= {
        f"training_{key}": value
        for key, value in row.items()
        if not key.startswith(("val_", "learning_rate")) and key != "phase"
    }
    if record.scores is not None:  # of the published file itself
        scores |= _of_classes(record.scores)
    if record.test_scores is not None:
        of_test = _of_classes(record.test_scores)
        scores |= {f"test_{name}": value for name, value in of_test.items()}
    return scores


def _intervals(record: RunRecord) -> dict[str, Interval]:
    found: dict[str, Interval | None] = {}
    for prefix, scores in (("", record.scores), ("test_", record.test_scores)):
        if scores is not None:
            found[f"{prefix}accuracy"] = scores.accuracy_interval
            found[f"{prefix}balanced_accuracy"] = scores.balanced_accuracy_interval
            found[f"{prefix}macro_f1"] = scores.macro_f1_interval
    return {name: interval for name, interval in found.items() if interval is not None}


def _of_classes(scores: Scores) -> dict[str, float]:
    """Accuracy, and what counts each class the same, if that was measured."""
    found = {
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
    }
    return {name: value for name, value in found.items() if value is not None}
