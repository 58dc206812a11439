"""How a data set lies in its folder: class folders, or parts with class folders in each."""

from __future__ import annotations

from pathlib import Path

from imgclf.data.left_by_programs import is_programs_folder
from imgclf.errors import DataError, nearest_match

# See `RUNS_DIRECTORY` and `MODELS_DIRECTORY`, which this module does not know.
_MADE_HERE = ("runs", "models")

_READY_MADE = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}

LAYOUT = (
    "expected one folder of pictures per class, such as dataset/cat/*.jpg and dataset/dog/*.jpg;\n"
    "to use another folder: imgclf train CONFIG --set data.directory=FOLDER"
)


def missing(directory: Path) -> str:
    """Why there is no such folder, with the nearest that there is."""
    if directory.exists():
        return f"{directory} is a file, not a folder"
    parent = directory.parent
    near = None
    if parent.is_dir():
        near = nearest_match(directory.name, (p.name for p in parent.iterdir() if p.is_dir()))
    return f"no folder {directory}" + (f"; did you mean {parent / near}?" if near else "")


def visible_folders(directory: Path) -> list[Path]:
    """The folders that may be classes or parts, by name.

    Raises:
        DataError: Nobody may look into `directory`.
    """
    # Where the working directory itself is the data set, what imgclf makes in it is no class.
    ours = _MADE_HERE if directory.resolve() == Path.cwd() else ()
    try:
        inside = list(directory.iterdir())
    except OSError as error:
        raise DataError(f"{directory}: {(error.strerror or 'not readable').lower()}") from error
    return sorted(
        path
        for path in inside
        if path.is_dir()
        and not (path.name.startswith(".") or path.name in ours or is_programs_folder(path.name))
    )


def ready_made_parts(directory: Path) -> dict[str, Path] | None:
    """The folders of a data set that comes divided, or None if the folders are classes.

    Raises:
        DataError: Two folders for one part.
    """
    folders = visible_folders(directory)
    names = [folder.name for folder in folders]
    if not set(names) <= set(_READY_MADE) or not {"train", "training"} & set(names):
        return None
    parts: dict[str, Path] = {}
    for folder in folders:
        part = _READY_MADE[folder.name]
        if part in parts:
            raise DataError(
                f"{directory} has both {parts[part].name}/ and {folder.name}/; keep one"
            )
        parts[part] = folder
    return parts


def find_class_names(directory: Path) -> tuple[str, ...]:
    """The class folders' names in output order.

    Raises:
        DataError: There are fewer than two.
    """
    names = tuple(path.name for path in visible_folders(directory))
    if not names:
        raise DataError(f"{directory} has no class folders in it", LAYOUT)
    if len(names) == 1:
        raise DataError(
            f"{directory} has one class folder only ({names[0]}); a classifier needs two", LAYOUT
        )
    return names
