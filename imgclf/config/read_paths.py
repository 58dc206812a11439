"""Where what a config reads is: from the working directory on, or else beside the config.

What callbacks write goes by the working directory alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgclf.config.backbone import Backbone
from imgclf.config.callback_catalogue import entry_of
from imgclf.config.references import file_of
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.spelling import path_as_spelled


def with_home(config: Config) -> Config:
    """The config with `~` filled in where the pictures are; elsewhere that is done on use."""
    paths = {"directory": config.data.directory, "table": config.data.table}
    try:
        at_home = {
            key: str(Path(path).expanduser())
            for key, path in paths.items()
            if path is not None and path.startswith("~")
        }
    except RuntimeError:  # a home that isn't known
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=at_home)})


def as_found(config: Config, folder: Path) -> Config:
    """The config with the paths of what it reads as they are from the working directory.

    Paths of what isn't anywhere stay as they are.

    Args:
        config: As it was written.
        folder: Where its file is.
    """
    data, model = config.data, config.model
    directory = _found(data.directory, folder)
    table = None if data.table is None else _found(data.table, folder)
    backbone = None if model.backbone is None else _backbone(model.backbone, folder)
    return config.model_copy(
        update={
            "data": data.model_copy(update={"directory": directory, "table": table}),
            "model": model.model_copy(update={"backbone": backbone}),
            "callbacks": tuple(_callback(spec, folder) for spec in config.callbacks),
        }
    )


def where_looked(path: str, folder: Path) -> str:
    """What a message says behind `there is no file PATH`; nothing if there is one place only."""
    if Path(path).is_absolute() or path.startswith("~") or _is_here(folder):
        return ""
    return f", neither in the working directory ({Path.cwd()}) nor in {folder}, where the config is"


def _found(path: str, folder: Path) -> str:
    given = Path(path)
    try:
        here, beside = path_as_spelled(given), path_as_spelled(folder / path)
        if here is not given:
            return str(here)
        if given.is_absolute() or path.startswith("~") or given.exists() or _is_here(folder):
            return path
        return str(beside) if beside.exists() else path
    except (OSError, ValueError):  # a name that is too long, or has a NUL in it
        return path


def _is_here(folder: Path) -> bool:
    return folder.absolute() == Path.cwd()


def _backbone(backbone: Backbone, folder: Path) -> Backbone:
    if backbone.is_file:
        return backbone.model_copy(update={"name": _found(backbone.name, folder)})
    if backbone.weights_file is not None:
        return backbone.model_copy(update={"weights": _found(backbone.weights_file, folder)})
    return backbone


def _callback(spec: Spec, folder: Path) -> Spec:
    """With the files of code that it names."""
    arguments: Mapping[str, Any] = spec.arguments
    takes = entry_of(spec.name).takes
    if takes == "hooks" or takes == "a schedule":
        arguments = {
            name: _reference(value, folder) if takes == "hooks" or name == "schedule" else value
            for name, value in arguments.items()
        }
    name = _reference(spec.name, folder) if spec.is_custom else spec.name
    return spec.model_copy(update={"name": name, "arguments": arguments})


def _reference(reference: Any, folder: Path) -> Any:
    place = file_of(reference)
    if place is None:
        return reference
    return f"{_found(place, folder)}:{reference.rpartition(':')[2]}"
