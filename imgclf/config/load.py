"""Reading a config: YAML, `--set`, the schema, Keras's signatures, and what goes together.

One that is to be trained by is checked for whether it is right, and right here: the code that it
names is there, in the working directory or beside it, and callbacks write where they may. One that
was stored with a model or a run is checked for the former alone.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from imgclf.config.cross_checks import check_together
from imgclf.config.loaded import ConfigFile, LoadedConfig
from imgclf.config.local_checks import check_here
from imgclf.config.overrides import apply_override
from imgclf.config.problems import Report, some
from imgclf.config.read_config import read_config
from imgclf.config.read_paths import as_found, with_home
from imgclf.config.tree import Details, Node, TreeProblem, tree_of
from imgclf.config.yaml_tree import MAX_BYTES, read_yaml
from imgclf.errors import ConfigError, Problem, nearest_match


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
    """Checks the text of a config, to be trained by here.

    Args:
        text: YAML.
        path: Where it is from, for messages; its stem is the name if the config gives none.
        overrides: `KEY=VALUE` in the order given.

    Raises:
        ConfigError: With every problem found.
    """
    return _checked(lambda: read_yaml(text), path, overrides, text=text, here=True)


def with_overrides(loaded: LoadedConfig, more: Sequence[str]) -> LoadedConfig:
    """The same config with more `KEY=VALUE`, which win over those that it had.

    Args:
        loaded: Read from a file.
        more: In the order in which they win.

    Raises:
        ConfigError: With every problem found.
    """
    return parse_config(loaded.text, loaded.file.path, [*loaded.overrides, *more])


def config_from_values(
    values: Mapping[str, Any], path: Path, overrides: Sequence[str] = ()
) -> LoadedConfig:
    """Checks a config that was stored, such as the one that a model file carries.

    Whether it is right here is not asked: what it names may be gone, and who trains by it again
    makes no more of it than is there.

    Args:
        values: As `Config.written()` gives them.
        path: The file that they are from, for messages.
        overrides: `KEY=VALUE` in the order given.

    Raises:
        ConfigError: With every problem found.
    """
    return _checked(lambda: tree_of(values), path, overrides, text="", here=False)


def _checked(
    read: Callable[[], Node], path: Path, overrides: Sequence[str], *, text: str, here: bool
) -> LoadedConfig:
    """The config of a tree that `read` gives; `here` asks whether it is right here as well."""
    report = Report()
    try:
        root = read()
    except TreeProblem as found:
        raise ConfigError(path, [found.problem]) from None
    for override in overrides:
        try:
            root = apply_override(root, override)
        except TreeProblem as found:
            report.problems.append(found.problem)
    config = read_config(report, root, path.stem)
    if config is None:
        raise ConfigError(path, report.problems)
    config = with_home(config)
    if here:
        config = as_found(config, path.parent)
    file = ConfigFile(path, report.origins)
    problems = [*report.problems, *check_together(config, file, report.refused)]
    if here:
        problems += check_here(config, file)
    if problems:
        raise file.error(*_in_order(problems))
    return LoadedConfig(config, file, text, tuple(overrides))


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))


def _read_text(path: Path) -> str:
    def fail(message: str, **details: Unpack[Details]) -> ConfigError:
        return ConfigError(path, [Problem("", message, **details)])

    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a pipe, which may never end
            raise fail("this is no file, but a pipe or a device; a config is a YAML file")
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
            hint=None if others else "to have one written: imgclf init FOLDER",
        ) from None
    except IsADirectoryError:
        others = sorted(str(p) for p in path.glob("*.y*ml"))
        drafted = path.parent / f"{path.name}.yaml"  # as `init` names it
        nearest = str(drafted) if drafted.is_file() else None
        write = f"to have one written: imgclf init {shlex.quote(str(path))}"
        raise fail(
            "this is a folder; a config is a YAML file",
            allowed=some(others, 20) if others else None,
            nearest=nearest,
            hint=None if others or nearest else write,
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
