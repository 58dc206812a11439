"""What BackupAndRestore means here: where the commits of a run are, and when they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.config.callback_catalogue import output_of
from imgclf.config.spec import Spec

_CALLBACK = "BackupAndRestore"


@dataclass(frozen=True)
class CommitSettings:
    """How a training is committed.

    Keras's `double_checkpoint` is always so: two commits are kept.

    Attributes:
        directory: Where the commits are.
        every_batches: Commit also after each so many batches of an epoch; None for epochs alone.
        delete_at_end: Leave no commits when the training has ended; false unless it is asked for,
            so that a finished training can be given more epochs.
    """

    directory: Path
    every_batches: int | None
    delete_at_end: bool


def commit_settings(callbacks: Sequence[Spec], run_folder: Path) -> CommitSettings | None:
    """How a training with these callbacks is committed; None if BackupAndRestore is off.

    Args:
        callbacks: As a config lists them.
        run_folder: The run's.
    """
    declared = next((spec for spec in callbacks if spec.name == _CALLBACK), Spec(name=_CALLBACK))
    if declared.off:
        return None
    frequency = declared.arguments.get("save_freq", "epoch")
    return CommitSettings(
        output_of(_CALLBACK).place(declared.arguments, run_folder),
        None if frequency == "epoch" else int(frequency),
        bool(declared.arguments.get("delete_checkpoint", False)),
    )
