"""Model files that are not what was written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path


def rewritten(model: Path, member: str, edit: Callable[[bytes], bytes]) -> Path:
    """A copy of a model file in which one member is another."""
    target = model.with_name("other.keras")
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(target, "w") as made:
        for name in source.namelist():
            content = source.read(name)
            made.writestr(name, edit(content) if name == member else content)
    return target
