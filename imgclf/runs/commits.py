"""Commits of a training on disk: written whole or not at all, checked when they are read.

    state/
      commit-000006/
      commit-000007/
        state.json         where the training stands, the callbacks' states, its own checksum
        1f0c....arrays     raw arrays, named after the sha256 of what is in them

Needs NumPy only, so that a run can be looked at without Keras. Each commit stands on its own:
sharing unchanged files by hard links would save a fraction of the time and let one bad sector
take both commits.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgclf.errors import first_line
from imgclf.runs.packing import Arrays, DamagedCommitError, bytes_of, document, pack, unpack
from imgclf.system import console
from imgclf.system.disk import write_problems
from imgclf.system.files import sync_folder
from imgclf.system.kept_files import read_kept

FORMAT = 1
KEPT = 2

_COMMIT = re.compile(r"commit-(\d{6,})")
_UNFINISHED = re.compile(r"\.commit-\d{6,}\.unfinished")
_ARRAYS = re.compile(r"[0-9a-f]{64}\.arrays")
_STATE = "state.json"
_MOST_OF_A_STATE = 1 << 28


@dataclass(frozen=True)
class Commit:
    """Where a training stood, with all that it takes to go on from there.

    Attributes:
        epoch: The epoch to go on in, from 0; also the number of epochs that are done.
        batch: Batches of that epoch that are done; 0 between epochs.
        stopped: A callback had ended the phase (EarlyStopping, say): it has no next epoch.
        fingerprint: What the training was made of, as the caller gave it.
        variables: Values of "weights", "optimizer", "seeds" and, inside an epoch, "metrics".
        callbacks: State by callback; see `committed_state`.
        phase: Which phase of the training the epoch belongs to, from 0.
        phase_began: The epoch that the phase began with.
        seconds: What fitting had taken by then; None in a commit of an earlier version.
    """

    epoch: int
    batch: int
    stopped: bool
    fingerprint: Mapping[str, str]
    variables: Mapping[str, Arrays]
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    phase: int = 0
    phase_began: int = 0
    seconds: float | None = None

    @property
    def history(self) -> dict[str, list[float]]:
        """Metrics of the epochs that are done, as in `keras.callbacks.History.history`."""
        state = self.callbacks.get("History") or {}
        return dict(state.get("history", {}))

    @property
    def seconds_of_budget(self) -> float:
        """How much of its time budget the training had used by then; 0 if it has none."""
        state = self.callbacks.get("StopInTime") or {}
        return float(state.get("used", 0.0))


def write_commit(directory: Path, commit: Commit) -> Path:
    """Writes a commit after those in `directory`, and removes all but the last two.

    Until its folder is renamed, which happens last, the commit does not exist. The arrays cost
    one pass of sha256, one write and one fsync for each list of arrays with its own content.

    Returns:
        The new commit's folder.

    Raises:
        WriteError: The disk is full, say; the earlier commits are as they were.
        UsageError: A callback's state is not made of plain values and arrays.
    """
    earlier = _commits(directory)
    number = earlier[-1][0] + 1 if earlier else 1
    folder = directory / f"commit-{number:06d}"
    unfinished = directory / f".{folder.name}.unfinished"
    files: dict[str, Arrays] = {}
    body = {
        "format": FORMAT,
        "epoch": commit.epoch,
        "batch": commit.batch,
        "stopped": commit.stopped,
        "phase": commit.phase,
        "phase_began": commit.phase_began,
        "seconds": commit.seconds,
        "fingerprint": dict(commit.fingerprint),
        "variables": pack(dict(commit.variables), files, "variables"),
        "callbacks": {name: pack(state, files, name) for name, state in commit.callbacks.items()},
    }
    content = document(body)
    size = len(content) + sum(array.nbytes for arrays in files.values() for array in arrays)
    with write_problems(folder, size) as attempt:
        directory.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        unfinished.mkdir()
        attempt.file = unfinished
        try:
            for name, arrays in files.items():
                _write(unfinished / name, map(bytes_of, arrays))
            _write(unfinished / _STATE, [content])
            sync_folder(unfinished)
            unfinished.rename(folder)
        except BaseException as error:
            attempt.measure(error)
            _remove(unfinished)
            raise
        sync_folder(directory)
    for _, old in earlier[: len(earlier) + 1 - KEPT]:
        _remove(old)
    return folder


def _write(file: Path, parts: Iterable[bytes | memoryview]) -> None:
    with file.open("wb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())


def load_latest(directory: Path) -> Commit | None:
    """The newest commit that is whole, or None if there is none.

    Args:
        directory: Where the commits are; need not exist.
    """
    for _, folder in reversed(_commits(directory)):
        try:
            return _read(folder)
        except Exception as error:  # whatever is wrong with it, the one before may be whole
            reason = first_line(error)
            console.note(f"{folder} is damaged ({reason}); looking for the commit before it")
    return None


def latest_of_run(directory: Path, run: str) -> Commit | None:
    """The newest commit of one run that is whole, or None.

    A `backup_dir` from the config is the same for each run, and may hold what an earlier one left.
    """
    commit = load_latest(directory)
    if commit is None or commit.fingerprint.get("run") == run:
        return commit
    console.note(f"{directory} holds the state of another run, which is not used")
    return None


def remove_commits(directory: Path) -> None:
    """Removes the commits in a folder, and the folder if nothing else is in it."""
    for _, folder in _commits(directory):
        _remove(folder)
    remove_unfinished(directory)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def remove_unfinished(directory: Path) -> None:
    """Removes what a process left behind that was killed while it wrote a commit."""
    if directory.is_dir():
        for entry in directory.iterdir():
            if _UNFINISHED.fullmatch(entry.name):
                _remove(entry)


def _commits(directory: Path) -> list[tuple[int, Path]]:
    """Numbers and folders of the commits, oldest first."""
    if not directory.is_dir():
        return []
    found = ((_COMMIT.fullmatch(entry.name), entry) for entry in directory.iterdir())
    return sorted((int(match[1]), entry) for match, entry in found if match and entry.is_dir())


def _remove(folder: Path) -> None:
    """Removes a commit's folder, but nothing in it that a commit doesn't consist of."""
    if not folder.is_dir() or folder.is_symlink():
        return
    entries = list(folder.iterdir())
    for entry in entries:
        if entry.name == _STATE or _ARRAYS.fullmatch(entry.name):
            entry.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _read(folder: Path) -> Commit:
    content = read_kept(folder / _STATE, _MOST_OF_A_STATE)
    try:
        body = json.loads(content)["body"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedCommitError(f"{_STATE} is not what was written") from None
    if content != document(body):
        raise DamagedCommitError(f"{_STATE} is not what was written")
    if body["format"] != FORMAT:
        raise DamagedCommitError(f"format {body['format']} is of another version of imgclf")
    return Commit(
        epoch=body["epoch"],
        batch=body["batch"],
        stopped=body["stopped"],
        fingerprint=body["fingerprint"],
        variables=unpack(body["variables"], folder),
        callbacks=unpack(body["callbacks"], folder),
        # Of an earlier version, in which all trainings had one phase.
        phase=body.get("phase", 0),
        phase_began=body.get("phase_began", 0),
        seconds=body.get("seconds"),
    )
