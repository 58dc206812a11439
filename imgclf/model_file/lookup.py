"""Which models, versions and classes there are, found by names alone or by one small member.

What is found so is to be chosen from or completed, and is not checked yet: it takes milliseconds,
where all that reads a model takes a tenth of a second to import.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from imgclf.errors import ModelFileError
from imgclf.spelling import path_as_spelled
from imgclf.work_folders import HISTORY_SUFFIX, MODELS_DIRECTORY

MANIFEST = "imgclf/manifest.json"
"""The member of a model file that says what it is."""

WHOLE, IN_PARTS = ".keras", ".parts"
"""What the names of kept versions end in."""

_MOST_OF_A_MANIFEST = 1 << 20  # bytes; a larger one is read when it matters


def find_model(given: Path | None, environment: str | None) -> Path:
    """The model that a command is about.

    Args:
        given: What `--model` says: a file, or a name such as `catdog`.
        environment: What `$IMGCLF_MODEL` says; used if nothing is given.

    If neither says anything, and one model lies in models/, that is it.

    Raises:
        ModelFileError: None there, or several, with what to type.
    """
    wanted = given if given is not None else Path(environment) if environment else None
    if wanted is not None:
        if given is None:  # which no shell has looked at
            wanted = Path(os.path.expanduser(wanted))  # noqa: PTH111 - pathlib needs a home
        wanted = path_as_spelled(wanted)
        named = path_as_spelled(MODELS_DIRECTORY / f"{wanted}.keras")
        return named if not wanted.is_file() and named.exists() else wanted
    models = models_in(MODELS_DIRECTORY)
    if len(models) == 1:
        return models[0]
    if not models:
        raise ModelFileError(
            f"no model in {MODELS_DIRECTORY}/",
            "train one: imgclf train CONFIG; or name one: --model FILE; or say in which folder "
            f"{MODELS_DIRECTORY}/ is: imgclf -C FOLDER",
        )
    listed = ", ".join(str(model) for model in models)
    raise ModelFileError(f"several models: {listed}", f"choose one: --model {models[0]}")


def models_in(folder: Path) -> list[Path]:
    """The model files, without what a process that was killed had half written."""
    return sorted(folder.glob("[!.]*.keras"))


def history_directory(model: Path) -> Path:
    """Where earlier versions, the journal and the replay memory of a model lie."""
    return model.with_suffix(HISTORY_SUFFIX)


def versions_directory(model: Path) -> Path:
    """Where the earlier versions of a model lie."""
    return history_directory(model) / "versions"


def kept_files(folder: Path) -> dict[int, Path]:
    """The file of each kept version, by its number, in their order."""
    found = {}
    for suffix in (IN_PARTS, WHOLE):
        for path in folder.glob(f"*{suffix}"):
            if re.fullmatch(r"\d{4,}", path.stem) and path.is_file():
                found[int(path.stem)] = path
    return dict(sorted(found.items()))


def class_names_in(model: Path) -> list[str]:
    """The classes that a model file says it has; none if it isn't one that says so."""
    import json
    import zipfile

    if not model.is_file():  # a pipe would be waited for
        return []
    try:
        with zipfile.ZipFile(model) as archive, archive.open(MANIFEST) as member:
            said = json.loads(member.read(_MOST_OF_A_MANIFEST))["class_names"]
    except Exception:  # whatever damage makes of a zip or of JSON
        return []
    return [name for name in said if isinstance(name, str)] if isinstance(said, list) else []
