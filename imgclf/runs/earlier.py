"""The latest training of a name, and what differs between it and the one that is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgclf.config.backbone import Backbone
from imgclf.config.key_policy import ResumeRule
from imgclf.config.schema import Config
from imgclf.config.stored import read_stored_values
from imgclf.data.picture_files import file_digest
from imgclf.errors import ConfigError
from imgclf.runs.changes import Change, compare, fields
from imgclf.runs.folder import RunFolder, RunRecord, latest_run

EPOCHS = "training.epochs"
"""Of the first phase, if there is a second."""

_FINE_TUNED = "training.fine_tune.epochs"  # a field of those that have one
_BACKBONE = "model.backbone"


@dataclass(frozen=True)
class Earlier:
    """The latest training of a name beside what is asked for now.

    Attributes:
        run: Its folder.
        record: What it says of itself.
        before: The fields of its config; None if it has lost it, or was killed before it had one.
        values: What is asked for, as `Config.written()` gives it.
        now: The fields of that.
        changes: What differs and could matter.
    """

    run: RunFolder
    record: RunRecord
    before: Mapping[str, Any] | None
    values: Mapping[str, Any]
    now: Mapping[str, Any]
    changes: tuple[Change, ...]

    @property
    def is_another(self) -> bool:
        """Whether a new run will surely follow it, whatever the pictures are.

        For who has something to prepare while they are read.
        """
        if self.record.status == "running" or self.before is None:
            return False
        return any(change.rule is not ResumeRule.EXTENDS for change in self.changes)


def look_back(name: str, config: Config) -> Earlier | None:
    """Reads what the latest training of this name has left; None if there is none.

    Args:
        name: Of the training.
        config: What is asked for.

    Raises:
        ConfigError: The config that it has stored is damaged.
    """
    run = latest_run(name)
    record = run.read() if run else None
    if run is None or record is None:
        return None
    values = config.written()
    now = fields(values)
    if not run.config_resolved.exists():
        return Earlier(run, record, None, values, now, ())
    before = _stored_fields(run)
    changes = _differences(before, now)
    if record.status == "finished" and _FINE_TUNED in before:
        changes = with_settled_epochs(changes, "it was fine-tuned after these")
    elif config.training.time_budget is not None:
        changes = with_settled_epochs(
            changes, "training.time_budget has settled how many there are"
        )
    backbone = config.model.backbone
    if record.backbone_fingerprint != backbone_fingerprint(backbone) and not any(
        change.key.startswith(_BACKBONE) for change in changes
    ):
        changes.append(_changed_backbone(backbone))
    return Earlier(run, record, before, values, now, tuple(changes))


def backbone_fingerprint(backbone: Backbone | None) -> str | None:
    """What the file of a backbone adds up to; None if it is from none of the user's own."""
    if backbone is None or backbone.own_file is None:
        return None
    try:
        return file_digest(Path(backbone.own_file).expanduser())
    except OSError:  # who builds it says what is wrong
        return None


def with_settled_epochs(changes: Sequence[Change], because: str) -> list[Change]:
    """The changes; other epochs of the first phase are among what makes another training."""
    return [
        dataclasses.replace(change, rule=ResumeRule.ANOTHER, because=because)
        if change.key == EPOCHS
        else change
        for change in changes
    ]


def _stored_fields(run: RunFolder) -> dict[str, Any]:
    try:
        return fields(read_stored_values(run.config_resolved))
    except ConfigError as error:
        raise ConfigError(error.source, error.problems, "start over: add --fresh") from None


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The fields of the config that differ and could matter."""
    return [change for change in compare(before, now) if change.rule is not ResumeRule.NONE]


def _changed_backbone(backbone: Backbone | None) -> Change:
    """To stand among the fields that differ, when its file does."""
    file = None if backbone is None else backbone.own_file
    return Change(_BACKBONE, f"{file} of then", "that of now", ResumeRule.ANOTHER)
