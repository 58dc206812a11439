"""Reading a config file: YAML, `--set`, the schema, Keras's signatures, and what goes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.config.nodes import MAX_BYTES, Origin, YamlProblem, read_yaml
from imgclf.config.overrides import apply_override
from imgclf.config.problems import Report, some
from imgclf.config.rules import check_together
from imgclf.config.scalars import write_yaml
from imgclf.config.schema import Config
from imgclf.config.sections import read_config
from imgclf.errors import ConfigError, Problem, nearest_match


@dataclass(frozen=True)
class LoadedConfig:
    """A config that was checked, and where each key of it was written.

    Attributes:
        config: With all defaults filled in.
        path: The file.
        text: The file as written, without the overrides.
        overrides: `KEY=VALUE` as given on the command line, in their order.
        origins: Dotted key (`model.layers.3.filters`) to where it was written; keys that took
            their default are not among them.
    """

    config: Config
    path: Path
    text: str
    overrides: tuple[str, ...]
    origins: Mapping[str, Origin]

    @property
    def name(self) -> str:
        """What the model is called: `name:`, or the file's name without its ending."""
        return self.config.name or self.path.stem

    @property
    def lines(self) -> Mapping[str, int]:
        """Dotted key to line, for the keys that the file has."""
        return {k: origin.line for k, origin in self.origins.items() if origin.line is not None}

    def resolved_yaml(self) -> str:
        """The config with overrides and defaults filled in; loading it gives an equal Config."""
        return write_yaml(self.config.written())

    def problem(
        self,
        key: str,
        message: str,
        *,
        received: str | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
    ) -> Problem:
        """A problem at a key, with its line, or the line of what it stands in."""
        parts = key.split(".")
        places = (self.origins.get(".".join(parts[:end])) for end in range(len(parts), 0, -1))
        origin = next(filter(None, places), Origin())
        return origin.problem(key, message, received=received, allowed=allowed, nearest=nearest)

    def error(self, *problems: Problem, hint: str | None = None) -> ConfigError:
        """The error to raise for problems found after loading."""
        return ConfigError(self.path, problems, hint)


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads and checks a config file without importing Keras.

    Args:
        path: The YAML file.
        overrides: `KEY=VALUE` in the order given; later ones win, and all win over the file.

    Raises:
        ConfigError: With every problem found.
    """
    path = Path(path)
    return parse_config(_read_text(path), path, overrides)


def parse_config(text: str, path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Checks the text of a config, such as the one that a model file carries.

    Args:
        text: YAML.
        path: Where it is from, for messages; its stem is the name if the config gives none.
        overrides: `KEY=VALUE` in the order given.

    Raises:
        ConfigError: With every problem found.
    """
    try:
        root = read_yaml(text)
    except YamlProblem as found:
        raise ConfigError(path, [found.problem]) from None
    report = Report()
    for override in overrides:
        try:
            root = apply_override(root, override)
        except YamlProblem as found:
            report.problems.append(found.problem)
    config = read_config(report, root, path.stem)
    if config is None:
        raise ConfigError(path, report.problems)
    loaded = LoadedConfig(config, path, text, tuple(overrides), report.origins)
    problems = [*report.problems, *check_together(loaded, report.refused)]
    if problems:
        raise loaded.error(*_in_order(problems))
    return loaded


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))


def _read_text(path: Path) -> str:
    def fail(message: str, **details: str | None) -> ConfigError:
        return ConfigError(path, [Problem("", message, **details)])  # type: ignore[arg-type]

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        folder = path.parent
        others = [p.name for p in folder.glob("*.y*ml")] if folder.is_dir() else []
        nearest = nearest_match(path.name, others) or (others[0] if len(others) == 1 else None)
        raise fail(
            "there is no such file",
            allowed=some(sorted(others), 20) if others else None,
            nearest=str(folder / nearest) if nearest else None,
        ) from None
    except IsADirectoryError:
        others = sorted(str(p) for p in path.glob("*.y*ml"))
        raise fail(
            "this is a folder; a config is a YAML file",
            allowed=some(others, 20) if others else None,
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise fail(f"this file can't be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise fail(f"this is too large for a config: more than {MAX_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = "this file is not UTF-8 text; save it as UTF-8 in your editor"
        raise ConfigError(path, [Problem("", message, line)]) from None
