"""A search's folder: `runs/NAME.tune/`, with the run of each trial; whether to go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from imgclf.config.choices import Precision
from imgclf.config.key_policy import ResumeRule
from imgclf.config.loaded import LoadedConfig
from imgclf.config.tune import Tune
from imgclf.errors import UsageError
from imgclf.runs.changes import compare, fields, listed
from imgclf.runs.earlier import backbone_fingerprint
from imgclf.spelling import Lines
from imgclf.system import console
from imgclf.system.files import atomic_write_bytes
from imgclf.system.kept_files import read_kept
from imgclf.tuning.trials import ended_trials, is_over
from imgclf.work_folders import RUNS_DIRECTORY

_FILE = "tuning.json"
_MOST_BYTES = 1 << 22


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched, as its folder keeps it.

    Attributes:
        stamp: When it began; its trials are named by it.
        config: As it stands, as `Config.written()` gives it.
        data_fingerprint: Of the pictures.
        backbone_fingerprint: See `RunRecord`.
        precision: What `training.precision` came to in the first trial.
    """

    stamp: str
    config: dict[str, Any]
    data_fingerprint: str
    backbone_fingerprint: str | None
    precision: Precision


def tuning_folder(name: str) -> Path:
    """Where the searches of a config are, all their trials together.

    Args:
        name: Of the config.
    """
    return RUNS_DIRECTORY / f"{name}.tune"


def plan_tuning(
    loaded: LoadedConfig,
    folder: Path,
    data_fingerprint: str,
    precision: Precision,
    *,
    fresh: bool,
) -> Tuning:
    """The search to go on with, or a new one, which is written down.

    Args:
        loaded: The config as it stands.
        folder: Of its searches.
        data_fingerprint: Of the pictures.
        precision: What `training.precision` comes to.
        fresh: Start anew whatever there is.

    Raises:
        UsageError: The last one was cut short and is not the one asked for, with what differs.
        WriteError: It can't be written down.
    """
    asked = Tuning(
        stamp=_stamp(folder),
        config=msgspec.to_builtins(loaded.config.written()),
        data_fingerprint=data_fingerprint,
        backbone_fingerprint=backbone_fingerprint(loaded.config.model.backbone),
        precision=precision,
    )
    before = None if fresh else _read(folder)
    if before is not None:
        try:
            changes = _changes(before, asked)
            done, tune = ended_trials(folder, before.stamp), _tune(before.config)
            is_ended = is_over(done, int(tune["trials"]), tune["timeout"])
        except (KeyError, TypeError, ValueError, AttributeError):  # JSON, and no config
            raise UsageError(
                f"{folder / _FILE} is damaged: it does not say what was searched",
                "start over: add --fresh",
            ) from None
        if not changes:
            # More or fewer trials are asked for, perhaps, and are what it now is to come to.
            asked = msgspec.structs.replace(asked, stamp=before.stamp, precision=before.precision)
        else:
            if not is_ended:
                raise UsageError(
                    Lines.of(
                        f"{folder} was interrupted after {len(done)} of {tune['trials']} trials, "
                        "and what is asked for now is another search:",
                        *(f"  {one}" for one in changes),
                    ),
                    "start over: add --fresh",
                )
            console.note("this is another search than the last one, and begins anew:")
            for one in changes:
                console.note(f"  {one}")
    text = msgspec.json.format(msgspec.json.encode(asked))
    atomic_write_bytes(folder / _FILE, text)
    return asked


def _read(folder: Path) -> Tuning | None:
    try:
        return msgspec.json.decode(read_kept(folder / _FILE, _MOST_BYTES), type=Tuning)
    except (OSError, ValueError, RecursionError):
        return None


def _changes(before: Tuning, now: Tuning) -> list[str]:
    """What makes two searches two, a line each."""
    found = compare(fields(before.config), fields(now.config))
    changes = [change for change in found if change.rule is not ResumeRule.NONE]
    lines = [line.strip() for line in listed(changes).splitlines()]
    then, asked = _tune(before.config), _tune(now.config)
    lines += [f"tune.{key} is another" for key in ("pruner", "ranges") if then[key] != asked[key]]
    if before.data_fingerprint != now.data_fingerprint:
        lines.append("the pictures, or what people said of them, are others")
    if before.backbone_fingerprint != now.backbone_fingerprint:
        lines.append("the file of model.backbone is another")
    return lines


def _tune(config: Mapping[str, Any]) -> Mapping[str, Any]:
    given = config.get("tune")
    return {**Tune().written(), **(given if isinstance(given, Mapping) else {})}


def _stamp(folder: Path) -> str:
    """That no earlier search has."""
    stamp = datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    taken, count = stamp, 1
    while any(folder.glob(f"{taken}-trial-*")):
        count += 1
        taken = f"{stamp}-{count}"
    return taken
