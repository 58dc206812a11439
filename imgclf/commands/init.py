"""A first config for a folder of pictures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.commands.draft import Draft
from imgclf.commands.draft_from_scratch import draft_from_scratch, write_from_scratch
from imgclf.commands.draft_pretrained import draft_pretrained, write_pretrained
from imgclf.config.json_schema import FILE_NAME, NAMED_BY, schema_text
from imgclf.config.load import config_from_values, parse_config
from imgclf.data.arrangement import Arrangement
from imgclf.data.class_folders import missing
from imgclf.data.folder import scan
from imgclf.data.part_names import part_named
from imgclf.data.propose import find_arrangement
from imgclf.data.survey import Survey, survey
from imgclf.errors import DataError, UsageError
from imgclf.spelling import composed
from imgclf.system.files import atomic_write_text

STDOUT = Path("-")

_SETTLED_HERE = ("data.classes", "data.parts", "data.table")

# Measured on 1,000 drawn digits of 28 x 28, ten classes, and on 2,000 cat and dog photos that were
# made 32 x 32; the test pictures were 1,000 others in both cases.
WHY_SMALL = (
    "Pictures this small are mostly digits, signs or icons, which EfficientNetLite0, a network",
    "of photos, sees badly: it had 56 % of drawn digits right, a network like this one 80 %.",
    "Not so of photos: of cats and dogs at 32 x 32 it had 89 % right, this one 74 %. For those",
    "write `backbone: EfficientNetLite0` in place of the layers, and leave image_size out.",
)


@dataclass(frozen=True)
class Initialized:
    """What was seen, what was chosen for it, and where that is written.

    Attributes:
        config: The file; `STDOUT` for none.
        text: Of the config.
    """

    config: Path
    seen: Survey
    chosen: Draft
    text: str


def init(
    directory: Path,
    target: Path | None,
    *,
    from_scratch: bool = False,
    overrides: Sequence[str] = (),
) -> Initialized:
    """Looks at a data set and writes a config for it, and beside it the schema for editors.

    Args:
        directory: Class folders, nested ones too; the folders of parts with those; or pictures and
            a table that says what they are.
        target: The file to write; None for the folder's name with `.yaml`, `STDOUT` for none.
        from_scratch: With a small network of random weights, even where a pretrained one fits.
        overrides: `KEY=VALUE` each, of `data.classes`, `data.parts` and `data.table`.

    Raises:
        DataError: The folder is none that can be trained on.
        UsageError: There is such a file already, or another key is to be set.
        ConfigError: A key can't have that value.
        WriteError: It can't be written.
    """
    # What is written to standard output is likely to become a file of the usual name.
    usual = Path(f"{config_name(directory)}.yaml")
    target = target or usual
    file = usual if target == STDOUT else target
    if target != STDOUT and (target.exists() or target.is_symlink()):
        raise UsageError(
            f"{target} is there already, and is left as it is",
            f"write another: imgclf init {shlex.quote(str(directory))} --output FILE.yaml",
        )
    seen = look_over(directory, overrides)
    chosen, text = _drafted(seen, f"imgclf train {shlex.quote(str(file))}", from_scratch)
    parse_config(text, file)  # so that nothing is written that could not be trained by
    if target == STDOUT:
        return Initialized(target, seen, chosen, text)
    text = f"{NAMED_BY}\n{text}"
    atomic_write_text(target.parent / FILE_NAME, schema_text())
    atomic_write_text(target, text)
    return Initialized(target, seen, chosen, text)


def look_over(directory: Path, overrides: Sequence[str]) -> Survey:
    """Finds out how a data set is arranged, and looks at its pictures.

    Args:
        directory: See `init`.
        overrides: `KEY=VALUE` each, of `data.classes`, `data.parts` and `data.table`.

    Raises:
        DataError: The folder is none that can be trained on.
        UsageError: Another key is to be set.
        ConfigError: A key can't have that value.
    """
    if not directory.is_dir():
        raise DataError(
            missing(directory), "imgclf init FOLDER, with a folder for each class in it"
        )
    place, arrangement = (
        (directory, _said(directory, overrides)) if overrides else find_arrangement(directory)
    )
    return survey(scan(place, 0.2, 123, arrangement))


def _said(directory: Path, overrides: Sequence[str]) -> Arrangement:
    """What somebody says of the data set, where it can't be told by looking."""
    for override in overrides:
        key = override.partition("=")[0].strip()
        if not key.startswith(_SETTLED_HERE):
            raise UsageError(
                f"--set {override}: init takes {', '.join(_SETTLED_HERE)}",
                "everything else is to be changed in the config that it writes",
            )
    values = {"data": {"directory": str(directory)}, "model": {"layers": ["Flatten"]}}
    return Arrangement.of(config_from_values(values, Path("init"), overrides).config.data)


def _drafted(seen: Survey, command: str, from_scratch: bool) -> tuple[Draft, str]:
    small = draft_from_scratch(seen)
    if from_scratch:
        return small, write_from_scratch(seen, small, command)
    if small.is_icon:
        return small, write_from_scratch(seen, small, command, why=WHY_SMALL)
    chosen = draft_pretrained(seen)
    return chosen, write_pretrained(seen, chosen, command)


def config_name(directory: Path) -> str:
    """What the config of a data set is called: after the data set, and not after its part."""
    folder = directory.resolve()
    named = part_named(folder.name)
    is_part = named is not None and named.part == "training" and named.is_plain
    name = composed(folder.parent.name if is_part else folder.name)
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "pictures"
