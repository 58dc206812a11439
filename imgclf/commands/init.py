"""A first config for a folder of pictures."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from imgclf.commands.draft import Draft, draft, write_draft
from imgclf.config.load import parse_config
from imgclf.data.folder import scan
from imgclf.data.survey import Survey, survey
from imgclf.errors import UsageError
from imgclf.system.files import atomic_write_text

_PARTS = ("train", "training")


@dataclass(frozen=True)
class Initialized:
    """What was seen, what was chosen for it, and where that is written."""

    config: Path
    seen: Survey
    chosen: Draft


def init(directory: Path, target: Path | None) -> Initialized:
    """Looks at a data set and writes a config for it.

    Args:
        directory: Class folders, or train/, validation/ and test/ with those.
        target: The file to write; None for the folder's name with `.yaml`.

    Raises:
        DataError: The folder is none that can be trained on.
        UsageError: There is such a file already.
        WriteError: It can't be written.
    """
    target = target or Path(f"{_name(directory)}.yaml")
    if target.exists() or target.is_symlink():
        raise UsageError(
            f"{target} is there already, and is left as it is",
            f"write another: imgclf init {shlex.quote(str(directory))} --output FILE.yaml",
        )
    seen = survey(scan(directory, 0.2, 123))
    chosen = draft(seen)
    text = write_draft(seen, chosen, f"imgclf train {shlex.quote(str(target))}")
    parse_config(text, target)  # so that nothing is written that could not be trained by
    atomic_write_text(target, text)
    return Initialized(target, seen, chosen)


def _name(directory: Path) -> str:
    """After the data set, and not after its part."""
    folder = directory.resolve()
    name = folder.parent.name if folder.name in _PARTS else folder.name
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "pictures"
