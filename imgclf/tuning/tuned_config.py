"""The best config of a search, as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.config.load import parse_config, with_overrides
from imgclf.config.loaded import LoadedConfig
from imgclf.config.rewrite import rewritten
from imgclf.config.tree import TreeProblem
from imgclf.config.yaml_scalars import write_yaml
from imgclf.errors import ConfigError
from imgclf.spelling import on_one_line

_ENDING = "-tuned"


def tuned_text(loaded: LoadedConfig, overrides: Sequence[str], said: str) -> str:
    """The config with other values: as it was written, with its comments, where that can be.

    Args:
        loaded: As it stands.
        overrides: `KEY=VALUE` of the best trial.
        said: A line that says what it is.
    """
    # What the command line gave counts as written, but for how long is searched.
    given = [one for one in loaded.overrides if not one.startswith("tune.")]
    is_named = "name" in loaded.file.origins
    if is_named:
        overrides = [*overrides, f"name={loaded.config.name}{_ENDING}"]  # or it would replace that
    wanted = with_overrides(loaded, overrides).config.model_copy(update={"name": None})
    heading = f"# {on_one_line(said)}\n"
    try:
        text = heading + rewritten(loaded.text, [*given, *overrides])
        written = parse_config(text, loaded.file.path).config
    except (TreeProblem, ConfigError, ValueError):  # a layout that can't be written into
        pass
    else:
        same = {"name": None, "tune": wanted.tune}
        if written.model_copy(update=same) == wanted:
            return text
    values = with_overrides(loaded, overrides).config.written()
    if not is_named:  # it is the file's
        del values["name"]
    return heading + write_yaml(values)


def tuned_path(original: Path, text: str) -> Path:
    """A file beside the original that is not there yet, or has this text already."""
    count = 1
    while True:
        number = f"-{count}" if count > 1 else ""
        path = original.with_name(f"{original.stem}{_ENDING}{number}{original.suffix}")
        if not path.exists() and not path.is_symlink():
            return path
        if path.is_file() and _has(path, text):
            return path
        count += 1


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
