"""Where callbacks write: not over each other, and not where others' files are.

Whether a file that is there already may be replaced is asked in `imgclf.runs.written_before`.

Keras's BackupAndRestore removes its folder as a tree when a training ends, so `backup_dir: .`
would remove the working directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imgclf.config.callback_catalogue import Output, entry_of
from imgclf.config.loaded import ConfigFile
from imgclf.config.spec import Spec
from imgclf.errors import Problem
from imgclf.work_folders import reason_against, resolved


def place_problems(
    callbacks: Sequence[Spec], data_directory: str | None, file: ConfigFile
) -> Iterator[Problem]:
    """Folders that must not be written to, and two callbacks with one place."""
    data = None if data_directory is None else resolved(data_directory)
    taken: dict[object, int] = {}
    for index, spec in enumerate(callbacks):
        output = entry_of(spec.name).output
        if output is None or spec.off:
            continue
        key = f"callbacks.{index}.{output.argument}"
        given = spec.arguments.get(output.argument)
        place = None if given is None else resolved(given)
        if place is not None:
            yield from _check_place(key, spec, output, place, data, file)
        other = taken.setdefault(place or _usual_place(spec, output), index)
        if other != index:
            first = callbacks[other].name
            where = str(given) if given is not None else "their usual place"
            yield file.problem(
                key,
                f"{spec.name} writes where callbacks.{other} ({first}) writes already",
                received=where,
                allowed=f"another {output.argument}",
            )


def _usual_place(spec: Spec, output: Output) -> tuple[object, ...]:
    """Stands for the file in the run's folder that is meant when no place is given."""
    settled_by = output.usual_depends_on
    return (spec.name, *(spec.arguments.get(argument, False) for argument in settled_by))


def _check_place(
    key: str, spec: Spec, output: Output, place: Path, data: Path | None, file: ConfigFile
) -> Iterator[Problem]:
    given = str(spec.arguments[output.argument])
    try:
        is_folder, is_file = place.is_dir(), place.is_file()
    except OSError as error:  # a name that is too long
        yield file.problem(key, f"this path can't be used: {error.strerror}", received=given)
        return
    if output.kind == "file":
        reason = "is a folder" if is_folder else reason_against(place, data)
        message = f"{spec.name} writes a file of its own, and this {reason}"
    else:
        reason = "is a file" if is_file else _holds_others(place, data)
        reason = reason or reason_against(place, data)
        message = f"{spec.name} needs a folder of its own, and this {reason}"
    if reason is not None:
        allowed = f"a {output.kind} that holds nothing else, such as {output.suggested}"
        yield file.problem(key, message, received=given, allowed=allowed)


def _holds_others(place: Path, data: Path | None) -> str | None:
    if place == Path(place.anchor):
        return "is the root of the file system"
    for what, folder in (
        ("the working directory", resolved(".")),
        ("your home folder", resolved("~")),
        ("the folder of the pictures", data),
    ):
        if folder is None:
            continue
        if place == folder:
            return f"is {what}"
        if place in folder.parents:
            return f"holds {what}"
    return None
