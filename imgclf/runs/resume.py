"""What an earlier training of the same config means for the one that is asked for now.

Field by field: what makes no difference, what may change along the way (more epochs, what is
published), and what makes it another training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import LATER_KEYS
from imgclf.config.spec import Spec
from imgclf.errors import UsageError
from imgclf.runs.changes import Change, compare, fields, listed
from imgclf.runs.commits import Commit, latest_of_run, state_directory
from imgclf.runs.folder import RunFolder, RunRecord, Settled, latest_run, new_run
from imgclf.system import console

# Neither the weights nor the log depend on these.
_MOOT = ("name", "data.cache", "callbacks.ProgbarLogger", "callbacks.History")
# What an interrupted training can take up on its way: it only decides how far it goes, and what
# is written of it from then on.
_OPEN = (
    "training.epochs",
    "training.publish",
    "callbacks.TensorBoard",
    "callbacks.BackupAndRestore.save_freq",
    "callbacks.BackupAndRestore.delete_checkpoint",
    "callbacks.BackupAndRestore.double_checkpoint",
)
# What a finished training can take up without beginning anew.
_EXTENDS = ("training.epochs", "training.publish")


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        what: "nothing" if the run is finished and nothing has changed since.
        run: The folder to work in.
        record: What the run says of itself; None if it is a new one.
        commit: Where to go on; None to begin at the beginning.
    """

    what: Literal["nothing", "train"]
    run: RunFolder
    record: RunRecord | None = None
    commit: Commit | None = None

    def settled(self, loaded: LoadedConfig) -> Settled | None:
        """What the run that is gone on with had settled; None if nothing is gone on with."""
        if self.commit is None or self.record is None:
            return None
        if self.record.settled is not None:
            return self.record.settled
        # Of a version in which there was one precision, and Keras did all augmentation.
        return Settled("float32", loaded.config.data.first_batch_size, resampled=False)

    def begin(
        self, loaded: LoadedConfig, data_fingerprint: str, command: str, settled: Settled
    ) -> RunRecord:
        """Writes down that the run is being trained, and how; returns its record."""
        interrupted = self.record is not None and self.record.status == "running"
        record = RunRecord(
            data_fingerprint=data_fingerprint,
            command=command,
            settled=settled,
            publication=self.record.publication if interrupted and self.record else None,
        )
        self.run.begin(record, loaded.text, loaded.resolved_yaml())
        return record

    def seconds_in_all(self, seconds: float) -> float | None:
        """What fitting took with what it took before; None if that isn't known."""
        if self.commit is None:
            return seconds
        before = self.record.seconds if self.record is not None else None
        return None if before is None else before + seconds


def plan_training(
    loaded: LoadedConfig, data_fingerprint: str, *, fresh: bool, published: bool
) -> Plan:
    """Decides whether an earlier training is gone on with, left as it is, or followed by another.

    Args:
        loaded: What is asked for.
        data_fingerprint: Of the pictures; see `ImageFolder.fingerprint`.
        fresh: Start anew whatever there is.
        published: Whether the model file is there.

    Raises:
        UsageError: The latest training was interrupted and is not the one asked for, with the
            fields in which they differ.
    """
    anew = Plan("train", new_run(loaded.name, datetime.now()))
    found = None if fresh else latest_run(loaded.name)
    record = found.read() if found else None
    if found is None or record is None:
        return anew
    if not found.config_resolved.exists():
        # Killed before there was anything to go on with; a finished one has lost it.
        return Plan("train", found, record) if record.status == "running" else anew
    before, now = _resolved_fields(found), fields(loaded.resolved_yaml())
    changes = [*_differences(before, now), *_changed_pictures(record, loaded, data_fingerprint)]
    if record.status == "finished" and not changes and published:
        return Plan("nothing", found, record)
    commit = _latest_commit(found, before)
    if record.status == "running":
        plan = _go_on(loaded, found, record, commit, changes) or anew
    else:
        plan = _extend(loaded, found, record, commit, changes, published) or anew
    if plan.commit is not None:
        _require_state_of(plan.commit, found, fingerprint(loaded, data_fingerprint))
    return plan


def begins_anew(loaded: LoadedConfig, *, fresh: bool) -> bool:
    """Whether `plan_training` will surely begin a new run, whatever the pictures are.

    For who has something to prepare while they are read.
    """
    found = None if fresh else latest_run(loaded.name)
    record = found.read() if found else None
    if found is None or record is None:
        return True
    if record.status == "running" or not found.config_resolved.exists():
        return False
    changes = _differences(_resolved_fields(found), fields(loaded.resolved_yaml()))
    return any(not change.is_one_of(_EXTENDS) for change in changes)


def fingerprint(loaded: LoadedConfig, data_fingerprint: str) -> dict[str, str]:
    """What a commit is of, as far as another value would make it another training."""
    apart = (*_MOOT, *_OPEN, *LATER_KEYS, "data.directory")
    essence = {
        key: value
        for key, value in fields(loaded.resolved_yaml()).items()
        if not Change(key, None, None).is_one_of(apart)
    }
    digest = hashlib.sha256(json.dumps(essence, sort_keys=True, default=str).encode())
    return {"config": digest.hexdigest(), "data": data_fingerprint}


def latest_commit(callbacks: Sequence[Spec], run: RunFolder) -> Commit | None:
    """Where a training that is under way can go on; None if it keeps nothing or has none yet."""
    backup = next((spec for spec in callbacks if spec.name == "BackupAndRestore"), Spec(name=""))
    if backup.off:
        return None
    return latest_of_run(state_directory(backup.arguments, run.path), run.path.name)


def _latest_commit(run: RunFolder, before: Mapping[str, Any]) -> Commit | None:
    key = "callbacks.BackupAndRestore"
    if key in before:  # turned off
        return None
    place = f"{key}.backup_dir"
    arguments = {"backup_dir": before[place]} if place in before else {}
    return latest_of_run(state_directory(arguments, run.path), run.path.name)


def _go_on(
    loaded: LoadedConfig,
    run: RunFolder,
    record: RunRecord,
    commit: Commit | None,
    changes: Sequence[Change],
) -> Plan | None:
    """With an interrupted training; None if it has left nothing that could be lost."""
    if commit is None:
        # A second folder for the same training would only be in the way.
        return None if changes else Plan("train", run, record)
    conflicts = [change for change in changes if not change.is_one_of(_OPEN)]
    if conflicts:
        raise UsageError(
            f"{run.path} was interrupted after epoch {commit.epoch}, and what is asked for now is "
            f"another training:\n{listed(conflicts)}",
            f"go on with it: {record.command}\nor start over: add --fresh",
        )
    _refuse_fewer_epochs(loaded, run, commit)
    for change in changes:
        console.note(f"taken up: {change}")
    return Plan("train", run, record, commit)


def _extend(
    loaded: LoadedConfig,
    run: RunFolder,
    record: RunRecord,
    commit: Commit | None,
    changes: Sequence[Change],
    published: bool,
) -> Plan | None:
    """A finished training, if it can be given more epochs; None if it has to be another one."""
    if any(not change.is_one_of(_EXTENDS) for change in changes):
        console.note(f"this is another training than {run.path}, and a run of its own:")
        console.note(listed(changes))
        return None
    epochs = next((change for change in changes if change.key == "training.epochs"), None)
    if epochs is not None and epochs.now < record.epochs_run:
        console.note(
            f"{run.path} has trained {record.epochs_run} epochs; {epochs.now} are a new run"
        )
        return None
    if commit is None:
        console.note(f"{run.path} keeps no state to go on from, so this is a new run")
        return None
    if epochs is not None and commit.stopped:
        console.note(f"a callback ended {run.path} after epoch {commit.epoch}, whatever the epochs")
        if len(changes) == 1 and published:
            return Plan("nothing", run, record)
    return Plan("train", run, record, commit)


def _require_state_of(commit: Commit, run: RunFolder, expected: Mapping[str, str]) -> None:
    """The folder's config may have been changed by hand; the state says what it is of."""
    differ = [name for name, value in expected.items() if commit.fingerprint.get(name) != value]
    if differ:
        raise UsageError(
            f"{run.path} holds the state of another training: its {' and '.join(differ)} "
            "is not what the folder says",
            "start over: add --fresh",
        )


def _refuse_fewer_epochs(loaded: LoadedConfig, run: RunFolder, commit: Commit) -> None:
    epochs = loaded.config.training.epochs
    if commit.epoch + (commit.batch > 0) > epochs:
        begun = f"{commit.epoch} epochs" + (" and some batches" if commit.batch else "")
        raise UsageError(
            f"{run.path} has trained {begun}, and training.epochs is {epochs}",
            "give it more epochs, or start over: add --fresh",
        )


def _resolved_fields(run: RunFolder) -> dict[str, Any]:
    return fields(run.config_resolved.read_text("utf-8"))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The fields of the config that differ and could matter."""
    # The same pictures elsewhere are the same pictures.
    moot = (*_MOOT, "data.directory")
    return [change for change in compare(before, now) if not change.is_one_of(moot)]


def _changed_pictures(
    record: RunRecord, loaded: LoadedConfig, data_fingerprint: str
) -> list[Change]:
    if record.data_fingerprint == data_fingerprint:
        return []
    there = loaded.config.data.directory
    return [Change("data.directory", "the pictures of then", f"those in {there} now")]
