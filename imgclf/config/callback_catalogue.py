"""What is known of each callback, in one place; Keras is not needed for it.

The order is that in which hooks run. What logs comes after what it logs (Keras puts the learning
rate into the logs only while schedulers run); what keeps weights comes after the averages were
swapped in; the commit sees what all others did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from imgclf.config.key_policy import ResumeRule


@dataclass(frozen=True)
class Output:
    """The file or the folder that a callback writes.

    Attributes:
        argument: What names it.
        kind: "folder" if it needs one that holds nothing else.
        usual: Its place in the run's folder if the argument is left out; None if it must not be.
        suggested: A place for a message to name.
        usual_depends_on: Arguments on which that usual place depends.
        filled_in: Braces in it are filled in with the epoch and columns of its log.
    """

    argument: str
    kind: Literal["file", "folder"]
    usual: str | None = None
    suggested: str = ""
    usual_depends_on: tuple[str, ...] = ()
    filled_in: bool = False

    def place(self, arguments: Mapping[str, Any], run_folder: Path) -> Path:
        """Where it is.

        Args:
            arguments: Of the callback, as the config gives them.
            run_folder: The run's.
        """
        return Path(arguments.get(self.argument, run_folder / (self.usual or ""))).expanduser()


@dataclass(frozen=True)
class Package:
    """What a callback needs that imgclf doesn't install.

    Attributes:
        module: To look for.
        name: To install.
    """

    module: str
    name: str


@dataclass(frozen=True)
class CallbackEntry:
    """What is known of a callback.

    Attributes:
        name: As a config has it, and Keras; of ours that no config names, their class.
        stand_in: The class of ours that is made in its place, if it is no subclass of Keras's.
        on_by_default: It is there unless it is turned off.
        takes: "arguments" as Keras has them; "hooks", a function for each; or "a schedule" with
            the schedule's own arguments.
        own_arguments: Those that Keras's class doesn't have, with their defaults.
        output: What it writes.
        tells_only: It writes, or tells somebody, and nothing in the training depends on it: of
            several processes that train together, one has it.
        keeps_state: What it writes is the training's state, of which a trial needs none.
        unique: One of it is enough, or two would undo each other's work.
        monitors: The column of the log that it looks at unless its `monitor` names another; None
            if it looks at none.
        compares_if: The argument without which it doesn't compare what it looks at.
        sets_learning_rate: It does, which a schedule in the optimizer leaves it no room for.
        needs_averages: The optimizer has to keep averages of the weights.
        needs: A package.
        in_parallel: What can take its place with `training.distribution: data_parallel`; None if
            nothing has to.
        resume: What it means for an earlier training to have it, or to have it otherwise.
        resume_of: The same of single arguments.
        remembers: The attributes that hold what it remembers from one hook to the next, if it
            doesn't offer `get_state` itself. With a new version of Keras, compare its sources.
        anew_in_each_phase: What it remembers is of one phase of a training.
    """

    name: str
    stand_in: str | None = None
    on_by_default: bool = False
    takes: Literal["arguments", "hooks", "a schedule"] = "arguments"
    own_arguments: Mapping[str, Any] = field(default_factory=dict)
    output: Output | None = None
    tells_only: bool = False
    keeps_state: bool = False
    unique: bool = False
    monitors: str | None = None
    compares_if: str | None = None
    sets_learning_rate: bool = False
    needs_averages: bool = False
    needs: Package | None = None
    in_parallel: str | None = None
    resume: ResumeRule = ResumeRule.ANOTHER
    resume_of: Mapping[str, ResumeRule] = field(default_factory=dict)
    remembers: tuple[str, ...] = ()
    anew_in_each_phase: bool = False


# Also what holds of everybody's own.
OTHERS = CallbackEntry("Callback")

# Between batches, of those that save.
_SAVING = ("best", "_batches_seen_since_last_saving", "_last_batch_seen")

CATALOGUE: tuple[CallbackEntry, ...] = (
    CallbackEntry("SetEpoch"),
    CallbackEntry("CheckMonitors"),
    CallbackEntry("CompleteLogs"),
    CallbackEntry(
        "ProgbarLogger",
        stand_in="Progress",
        on_by_default=True,
        unique=True,
        resume=ResumeRule.NONE,
    ),
    CallbackEntry("CheckNumbers"),
    CallbackEntry(
        "LearningRateScheduler",
        takes="a schedule",
        unique=True,
        sets_learning_rate=True,
        anew_in_each_phase=True,
    ),
    CallbackEntry(
        "ReduceLROnPlateau",
        monitors="val_loss",
        sets_learning_rate=True,
        remembers=("best", "cooldown_counter", "wait"),
        anew_in_each_phase=True,
    ),
    CallbackEntry(
        "CSVLogger",
        on_by_default=True,
        output=Output("filename", "file", "training.csv", "runs/training.csv"),
        tells_only=True,
    ),
    CallbackEntry(
        "TensorBoard",
        on_by_default=True,
        output=Output("log_dir", "folder", "tensorboard", "runs/tensorboard"),
        tells_only=True,
        resume=ResumeRule.ON_THE_WAY,
    ),
    CallbackEntry(
        "SwapEMAWeights",
        unique=True,
        needs_averages=True,
        remembers=("_ema_weights_in_model",),
    ),
    CallbackEntry("UseAverages"),
    CallbackEntry("BestEpoch"),
    CallbackEntry(
        "ModelCheckpoint",
        on_by_default=True,
        own_arguments={"period": 1},  # every N epochs, as in Keras 2
        output=Output(
            "filepath",
            "file",
            "checkpoints",
            "runs/best.keras",
            usual_depends_on=("save_best_only", "save_weights_only"),
            filled_in=True,
        ),
        tells_only=True,
        keeps_state=True,
        monitors="val_loss",
        compares_if="save_best_only",
        remembers=_SAVING,
    ),
    CallbackEntry(
        "OrbaxCheckpoint",
        output=Output("directory", "folder", suggested="runs/orbax"),
        keeps_state=True,
        monitors="val_loss",
        needs=Package("orbax", "orbax-checkpoint"),
        # It has all processes wait for each other while it writes, and only one of them writes.
        in_parallel="ModelCheckpoint",
        remembers=(*_SAVING, "_total_batches_seen"),
    ),
    CallbackEntry("TerminateOnNaN", unique=True),
    CallbackEntry(
        "EarlyStopping",
        monitors="val_loss",
        remembers=("wait", "stopped_epoch", "best", "best_weights", "best_epoch"),
        anew_in_each_phase=True,
    ),
    CallbackEntry("RemoteMonitor", tells_only=True, needs=Package("requests", "requests")),
    CallbackEntry("LambdaCallback", takes="hooks"),
    OTHERS,
    CallbackEntry("History", unique=True, resume=ResumeRule.NONE, remembers=("epoch", "history")),
    CallbackEntry(
        "BackupAndRestore",
        stand_in="CommittedState",
        on_by_default=True,
        output=Output("backup_dir", "folder", "state", "runs/backup"),
        keeps_state=True,
        unique=True,
        resume_of=dict.fromkeys(
            ("save_freq", "delete_checkpoint", "double_checkpoint"), ResumeRule.ON_THE_WAY
        ),
    ),
)

_BY_NAME = {entry.name: entry for entry in CATALOGUE}
_BY_CLASS = {entry.stand_in or entry.name: entry for entry in CATALOGUE}


def entry_of(name: str) -> CallbackEntry:
    """What is known of a callback by its name; of people's own, what holds of all others."""
    return _BY_NAME.get(name, OTHERS)


def entry_of_class(kind: type) -> CallbackEntry:
    """What is known of a class of callbacks, or of the nearest one that it is derived from."""
    for base in kind.__mro__:
        # Theirs may be called as they like.
        if base.__module__.partition(".")[0] in ("keras", "imgclf") and base.__name__ in _BY_CLASS:
            return _BY_CLASS[base.__name__]
    return OTHERS


def output_of(name: str) -> Output:
    """What a callback writes of which it is known that it writes something."""
    output = _BY_NAME[name].output
    assert output is not None
    return output


def checkpoint_ending(arguments: Mapping[str, Any]) -> str:
    """How the names of the files end that a ModelCheckpoint of these arguments saves."""
    return ".weights.h5" if arguments.get("save_weights_only") else ".keras"
