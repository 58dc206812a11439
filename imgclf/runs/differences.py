"""In which keys of their configs trainings differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgclf.config.key_policy import ResumeRule
from imgclf.config.resume_rules import policy_of
from imgclf.config.stored import read_stored_values
from imgclf.data.dataset import WITH_LABELS
from imgclf.errors import ConfigError
from imgclf.runs.changes import fields
from imgclf.runs.folder import RunFolder

PICTURES = "pictures"
"""Stands among the keys where trainings had other pictures, or other labels that people gave them;
its value begins their fingerprint."""


def differing_keys(folders: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """What each training has under the keys in which those of its name differ.

    Keys that can make no difference, such as `data.cache`, are left out, and so are trainings whose
    config can't be read.

    Args:
        folders: Of the trainings, of one name or of several.
    """
    of_name: dict[str, dict[Path, Mapping[str, Any]]] = defaultdict(dict)
    for folder in folders:
        known = _fields(folder)
        if known is not None:
            of_name[folder.parent.name][folder] = known
    found: dict[Path, dict[str, Any]] = {}
    for alike in of_name.values():
        keys = dict.fromkeys(key for known in alike.values() for key in known)
        differing = [key for key in keys if _differs(key, list(alike.values()))]
        for folder, known in alike.items():
            found[folder] = {key: known[key] for key in differing if key in known}
    return found


def _fields(folder: Path) -> Mapping[str, Any] | None:
    run = RunFolder(folder)
    record = run.read()
    try:
        known = fields(read_stored_values(run.config_resolved))
    except (ConfigError, KeyError, TypeError, ValueError):  # damaged, or not written yet
        return None
    if record is not None and record.data_fingerprint:
        parts = record.data_fingerprint.split(WITH_LABELS)
        known = {PICTURES: WITH_LABELS.join(part[:6] for part in parts), **known}
    return known


def _differs(key: str, all_known: Sequence[Mapping[str, Any]]) -> bool:
    if key != PICTURES and policy_of(key).resume is ResumeRule.NONE:
        return False
    first = all_known[0]
    return any((key in one, one.get(key)) != (key in first, first.get(key)) for one in all_known)
