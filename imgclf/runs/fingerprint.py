"""What a training is made of, in a few letters that each commit of it carries.

By them a state is known to be that of the training that is asked for, whatever the run's folder
says. Commits of earlier versions are compared by the rule that they were written by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml

from imgclf.config.key_policy import ResumeRule
from imgclf.config.resume_rules import policy_of
from imgclf.config.schema import Config
from imgclf.config.yaml_scalars import write_yaml
from imgclf.runs.changes import compare, fields

_VERSION = "2"


def fingerprint(config: Config, data_fingerprint: str) -> dict[str, str]:
    """What a commit is of, as far as another value would make it another training.

    Args:
        config: What is trained.
        data_fingerprint: Of the pictures; see `PictureFolder.fingerprint`.
    """
    return {
        "version": _VERSION,
        "config": _digest(fields(config.written())),
        "data": data_fingerprint,
    }


def differing(
    found: Mapping[str, str],
    values: Mapping[str, Any],
    present: Mapping[str, Any],
    data_fingerprint: str,
) -> list[str]:
    """The parts in which a commit's fingerprint is not that of what is asked for now.

    Args:
        found: The commit's, of this version or an earlier one.
        values: What is asked for, as `Config.written()` gives it.
        present: The `fields` of that.
        data_fingerprint: Of the pictures.
    """
    digest = _digest(present) if "version" in found else _first_digest(values)
    expected = {"config": digest, "data": data_fingerprint}
    return [part for part, value in expected.items() if found.get(part) != value]


def _digest(present: Mapping[str, Any]) -> str:
    """Of what is not at its default, so that a key which comes later changes no fingerprint."""
    return _hashed(
        {
            change.key: change.now
            for change in compare(fields({}), present)
            if change.rule is ResumeRule.ANOTHER
        }
    )


def _first_digest(values: Mapping[str, Any]) -> str:
    """As versions before `_VERSION` 2 had it: of all values, read by the rules of YAML 1.1."""
    read = fields(yaml.safe_load(write_yaml(values)))
    policies = {key: policy_of(key) for key in read}
    return _hashed(
        {
            key: value
            for key, value in read.items()
            if policies[key].resume is ResumeRule.ANOTHER and policies[key].since == 1
        }
    )


def _hashed(essence: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(essence, sort_keys=True, default=str).encode()).hexdigest()
