"""A config that was checked, and the file that says where each key of it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from imgclf.config.schema import Config
from imgclf.config.tree import Details, Origin
from imgclf.config.yaml_scalars import write_yaml
from imgclf.errors import ConfigError, Problem


@dataclass(frozen=True)
class ConfigFile:
    """The file that a config was read from: what an error names, with the line.

    Attributes:
        path: The file.
        origins: Dotted key (`model.layers.3.filters`) to where it was written; keys that took
            their default are not among them.
    """

    path: Path
    origins: Mapping[str, Origin]

    def problem(self, key: str, message: str, **details: Unpack[Details]) -> Problem:
        """A problem at a key, with its line, or the line of what it stands in."""
        parts = key.split(".")
        places = (self.origins.get(".".join(parts[:end])) for end in range(len(parts), 0, -1))
        origin = next(filter(None, places), Origin())
        return origin.problem(key, message, **details)

    def error(self, *problems: Problem, hint: str | None = None) -> ConfigError:
        """The error to raise for problems found after loading."""
        return ConfigError(self.path, problems, hint)

    def refusal(self, key: str, message: str, **details: Unpack[Details]) -> ConfigError:
        """The error to raise for one problem at a key."""
        return self.error(self.problem(key, message, **details))


@dataclass(frozen=True)
class LoadedConfig:
    """A config that was checked.

    Attributes:
        config: With all defaults filled in.
        file: Where it was read from.
        text: The file as written, without the overrides; empty if it was read from values.
        overrides: `KEY=VALUE` as given on the command line, in their order.
    """

    config: Config
    file: ConfigFile
    text: str
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the model is called: `name:`, or the file's name without its ending."""
        return self.config.name or self.file.path.stem

    def resolved_yaml(self) -> str:
        """The config with overrides and defaults filled in; loading it gives an equal Config."""
        return write_yaml(self.config.written())
