"""Trainings of the past that nobody trained: their folders, and what is planned after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from imgclf.config.loaded import LoadedConfig
from imgclf.runs.commits import Commit, write_commit
from imgclf.runs.earlier import look_back
from imgclf.runs.fingerprint import config_fingerprint
from imgclf.runs.folder import RunFolder, Settled
from imgclf.runs.resume import Plan, plan_training

PICTURES = "the pictures"


def interrupted_run(
    loaded: LoadedConfig, commit_fingerprint: dict[str, str] | None = None, **stands: Any
) -> RunFolder:
    """A run of `runs/pets` that was cut short after its first epoch, or where it `stands`.

    Args:
        loaded: What was trained.
        commit_fingerprint: Of config and pictures; by default what this version writes.
        stands: Fields of the commit.
    """
    run = RunFolder(Path("runs/pets/2026-11-22T10-15-03"))
    Plan("train", run).begin(loaded, PICTURES, "imgclf train pets.yaml", Settled("float32", 16))
    if commit_fingerprint is None:
        commit_fingerprint = {**config_fingerprint(loaded.config), "data": PICTURES}
    fingerprint = {**commit_fingerprint, "batch_size": "16", "run": run.path.name}
    usual = {"epoch": 1, "batch": 0, "stopped": False, "variables": {"weights": [np.zeros(3)]}}
    write_commit(run.path / "state", Commit(**{**usual, "fingerprint": fingerprint, **stands}))
    return run


def finished_run(loaded: LoadedConfig, **stands: Any) -> RunFolder:
    """One that trained as many epochs as its commit has."""
    run = interrupted_run(loaded, **stands)
    record = run.read()
    assert record is not None
    run.write(msgspec.structs.replace(record, status="finished", epochs_run=stands["epoch"]))
    return run


def plan(loaded: LoadedConfig, pictures: str = PICTURES, *, published: bool = False) -> Plan:
    """What is done when it is asked for now."""
    earlier = look_back("pets", loaded.config)
    return plan_training("pets", loaded.config, earlier, pictures, published=published)
