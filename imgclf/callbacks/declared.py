"""What a stack is built from, known before Keras is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imgclf.config.loaded import ConfigFile
from imgclf.config.spec import Spec


@dataclass(frozen=True)
class DeclaredCallbacks:
    """The callbacks that a config lists, and where they write.

    Attributes:
        specs: As listed, those that are turned off too.
        file: Names the line of what can't be built.
        run_folder: Where files go whose place the config doesn't say.
        fingerprint: Of the config, kept in each commit beside those of the run and the data.
        leaves_no_state: Neither checkpoints nor commits are written; what ModelCheckpoint says of
            the best epoch counts all the same.
    """

    specs: tuple[Spec, ...]
    file: ConfigFile
    run_folder: Path
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    leaves_no_state: bool = False
