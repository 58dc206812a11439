"""Configs that imgclf has written itself, in the form of `Config.written()`.

Without the schema, for a list of trainings reads them and does without pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgclf.config.tree import TreeProblem
from imgclf.config.yaml_tree import read_yaml
from imgclf.errors import ConfigError, Problem


def read_stored_values(path: Path) -> dict[str, Any]:
    """The plain values of a resolved config, unchecked.

    Raises:
        ConfigError: It can't be read, or holds no keys.
    """
    try:
        values = read_yaml(path.read_text("utf-8")).plain()
    except TreeProblem as found:
        raise ConfigError(path, [found.problem]) from None
    except (OSError, ValueError) as error:
        raise ConfigError(path, [Problem("", f"this file can't be read: {error}")]) from None
    if not isinstance(values, dict):
        raise ConfigError(path, [Problem("", "a config has keys, and this file has none")])
    return values
