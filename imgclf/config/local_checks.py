"""Whether a config that is right is right here: what it needs is there, and it harms nothing.

Not asked of a config that was stored: it was right where it was trained by.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgclf.config.backbone import IMAGENET, MODEL_SUFFIX, NO_WEIGHTS
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.loaded import ConfigFile
from imgclf.config.read_paths import where_looked
from imgclf.config.references import allowed_references, missing_file, missing_path, own_code
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.config.write_paths import place_problems
from imgclf.errors import Problem


def check_here(config: Config, file: ConfigFile) -> list[Problem]:
    """Files that aren't here, packages that aren't installed, places not to write to.

    Args:
        config: Perhaps with parts left out that have problems of their own.
        file: Where it was read from.
    """
    return [
        *_code_problems(config.callbacks, file),
        *_package_problems(config.callbacks, file),
        *_backbone_problems(config, file),
        *place_problems(config.callbacks, _data_folder(config), file),
    ]


def _data_folder(config: Config) -> str | None:
    """Where each folder may be a class; None where a table says what pictures are."""
    return config.data.directory if config.data.table is None else None


def _code_problems(callbacks: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    for code in own_code(callbacks):
        missing = missing_file(code.reference)
        if missing is not None:
            yield file.problem(
                code.key,
                f"there is no file {missing.place}" + where_looked(missing.place, file.path.parent),
                received=code.reference,
                allowed=allowed_references(code.what),
                nearest=missing.nearest,
            )


def _backbone_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Files of a pretrained network."""
    backbone = config.model.backbone
    if backbone is None:
        return
    key, place, allowed = "model.backbone", backbone.name, f"the path of a {MODEL_SUFFIX} file"
    others: tuple[str, ...] = ()
    if not backbone.is_file:
        if backbone.weights_file is None:
            return
        key, place = f"{key}.weights", backbone.weights_file
        others, allowed = (IMAGENET, NO_WEIGHTS), f"{IMAGENET}, {NO_WEIGHTS}, the path of a file"
    missing = missing_path(place, f"*{Path(place).suffix}", others)
    if missing is not None:
        yield file.problem(
            key,
            f"there is no file {missing.place}" + where_looked(place, file.path.parent),
            received=place,
            allowed=allowed,
            nearest=missing.nearest,
        )


def _package_problems(callbacks: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    for index, spec in enumerate(callbacks):
        needed = entry_of(spec.name).needs
        if needed is None or spec.off or importlib.util.find_spec(needed.module) is not None:
            continue
        yield file.problem(
            f"callbacks.{index}",
            f"{spec.name} needs the package {needed.name}, which is not installed",
            received=spec.name,
            allowed=f"pip install {needed.name}",
        )
