"""Configs that imgclf has written itself, in the form of `Config.written()`.

Without the schema, for a list of trainings reads them and does without pydantic.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from imgclf.config.tree import TreeProblem
from imgclf.config.yaml_tree import MAX_BYTES, read_yaml
from imgclf.errors import ConfigError, Problem


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The text of a regular file of at most so many bytes.

    Raises:
        OSError: It can't be read.
        ValueError: It is something else, larger, or not UTF-8.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise ValueError("it is no regular file")
    if status.st_size > most:
        raise ValueError(f"it has {status.st_size} bytes, and {most} are the most")
    return path.read_text("utf-8")


def read_stored_values(path: Path) -> dict[str, Any]:
    """The plain values of a resolved config, unchecked.

    Raises:
        ConfigError: It can't be read, or holds no keys.
    """
    try:
        values = read_yaml(read_text(path)).plain()
    except TreeProblem as found:
        raise ConfigError(path, [found.problem]) from None
    except (OSError, ValueError) as error:
        raise ConfigError(path, [Problem("", f"this file can't be read: {error}")]) from None
    if not isinstance(values, dict):
        raise ConfigError(path, [Problem("", "a config has keys, and this file has none")])
    return values
