"""What an earlier training of the same config means for the one that is asked for now.

Field by field: what makes no difference, what may change along the way (more epochs, what is
published), and what makes it another training. In a training that is fine-tuned,
`training.epochs` are those of the phase before; once that is over there can't be more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from imgclf.config.callback_catalogue import output_of
from imgclf.config.key_policy import ResumeRule
from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.data.dataset import of_folder
from imgclf.errors import UsageError
from imgclf.runs.changes import Change, listed
from imgclf.runs.commit_settings import commit_settings
from imgclf.runs.commits import Commit, latest_of_run
from imgclf.runs.earlier import EPOCHS, Earlier, backbone_fingerprint, with_settled_epochs
from imgclf.runs.fingerprint import differing
from imgclf.runs.folder import RunFolder, RunRecord, Settled, new_run
from imgclf.spelling import Lines
from imgclf.system import console


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

    def settled(self, first_batch_size: int) -> Settled | None:
        """What the run that is gone on with had settled; None if nothing is gone on with.

        Args:
            first_batch_size: See `DataConfig`; of a run that was begun by an earlier version.
        """
        if self.commit is None or self.record is None:
            return None
        if self.record.settled is not None:
            return self.record.settled
        # Of a version in which there was one precision, and Keras did all augmentation.
        return Settled("float32", first_batch_size, resampled=False)

    def begin(
        self,
        loaded: LoadedConfig,
        data_fingerprint: str,
        command: str,
        settled: Settled,
    ) -> RunRecord:
        """Writes down that the run is being trained, and how; returns its record.

        Args:
            loaded: What is trained.
            data_fingerprint: Of the pictures.
            command: What to type to go on.
            settled: What the config leaves open.
        """
        interrupted = self.record is not None and self.record.status == "running"
        record = RunRecord(
            data_fingerprint=data_fingerprint,
            backbone_fingerprint=backbone_fingerprint(loaded.config.model.backbone),
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
        if before is None:  # it was interrupted, and its last commit says
            before = self.commit.seconds
        return None if before is None else before + seconds


def plan_training(
    name: str,
    config: Config,
    earlier: Earlier | None,
    data_fingerprint: str,
    *,
    published: bool,
) -> Plan:
    """Decides whether an earlier training is gone on with, left as it is, or followed by another.

    Args:
        name: Of the training.
        config: What is asked for.
        earlier: From `look_back`; None to start anew whatever there is.
        data_fingerprint: Of the pictures; see `DataSet.fingerprint`.
        published: Whether the model file is there.

    Raises:
        UsageError: The latest training was interrupted and is not the one asked for, with the
            fields in which they differ.
    """
    anew = Plan("train", new_run(name, datetime.now()))
    if earlier is None:
        return anew
    run, record = earlier.run, earlier.record
    if earlier.before is None:
        # Killed before there was anything to go on with; a finished one has lost it.
        return Plan("train", run, record) if record.status == "running" else anew
    changes = list(earlier.changes)
    if of_folder(record.data_fingerprint) != of_folder(data_fingerprint):
        changes.append(_changed_pictures(config.data.directory))
    elif record.data_fingerprint != data_fingerprint:
        changes.append(_CHANGED_LABELS)
    if record.status == "finished" and not changes and published:
        return Plan("nothing", run, record)
    commit = latest_commit([_stored_backup(earlier.before)], run)
    if record.status == "running":
        plan = _go_on(config.training.epochs, run, record, commit, changes) or anew
    else:
        plan = _extend(run, record, commit, changes, published) or anew
    if plan.commit is not None:
        found = plan.commit.fingerprint
        _require_state_of(run, differing(found, earlier.values, earlier.now, data_fingerprint))
    return plan


def latest_commit(callbacks: Sequence[Spec], run: RunFolder) -> Commit | None:
    """Where a training that is under way can go on; None if it keeps nothing or has none yet."""
    settings = commit_settings(callbacks, run.path)
    return None if settings is None else latest_of_run(settings.directory, run.path.name)


def _stored_backup(before: Mapping[str, Any]) -> Spec:
    """BackupAndRestore as the fields of a stored config have it."""
    name = "BackupAndRestore"
    key, argument = f"callbacks.{name}", output_of(name).argument
    place = f"{key}.{argument}"
    arguments = {argument: before[place]} if place in before else {}
    return Spec(name=name, arguments=arguments, off=key in before)


def _go_on(
    epochs: int,
    run: RunFolder,
    record: RunRecord,
    commit: Commit | None,
    changes: Sequence[Change],
) -> Plan | None:
    """With an interrupted training; None if it has left nothing that could be lost."""
    if commit is None:
        # A second folder for the same training would only be in the way.
        return None if changes else Plan("train", run, record)
    if commit.phase > 0:
        began = f"the second phase has begun, after epoch {commit.phase_began}"
        changes = with_settled_epochs(changes, began)
    conflicts = [change for change in changes if change.rule is ResumeRule.ANOTHER]
    if conflicts:
        raise UsageError(
            Lines.of(
                f"{run.path} was interrupted after epoch {commit.epoch}, and what is asked for now "
                "is another training:",
                listed(conflicts),
            ),
            Lines.of(f"go on with it: {record.command}", "or start over: add --fresh"),
        )
    if commit.phase == 0:
        _refuse_fewer_epochs(epochs, run, commit)
    for change in changes:
        console.note(f"taken up: {change}")
    return Plan("train", run, record, commit)


def _extend(
    run: RunFolder,
    record: RunRecord,
    commit: Commit | None,
    changes: Sequence[Change],
    published: bool,
) -> Plan | None:
    """A finished training, if it can be given more epochs; None if it has to be another one."""
    if any(change.rule is not ResumeRule.EXTENDS for change in changes):
        console.note(f"this is another training than {run.path}, and a run of its own:")
        console.note(listed(changes))
        return None
    epochs = next((change for change in changes if change.key == EPOCHS), None)
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


def _require_state_of(run: RunFolder, differ: Sequence[str]) -> None:
    """The folder's config may have been changed by hand; the state says what it is of."""
    if differ:
        raise UsageError(
            f"{run.path} holds the state of another training: its {' and '.join(differ)} "
            "is not what the folder says",
            "start over: add --fresh",
        )


def _refuse_fewer_epochs(epochs: int, run: RunFolder, commit: Commit) -> None:
    if commit.epoch + (commit.batch > 0) > epochs:
        begun = f"{commit.epoch} epochs" + (" and some batches" if commit.batch else "")
        raise UsageError(
            f"{run.path} has trained {begun}, and training.epochs is {epochs}",
            "give it more epochs, or start over: add --fresh",
        )


_CHANGED_LABELS: Final = Change(
    "training.corrections",
    "what people had said of pictures by then",
    "what they have said by now",
    ResumeRule.ANOTHER,
)


def _changed_pictures(directory: str) -> Change:
    """To stand among the fields that differ: that the folder is another would not matter."""
    return Change(
        "data.directory",
        "the pictures of then",
        f"those in {directory} now",
        ResumeRule.ANOTHER,
    )
