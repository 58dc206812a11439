"""Files that callbacks are to write and that are there already: only their own are replaced."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgclf.config.callback_catalogue import Output, entry_of
from imgclf.config.loaded import LoadedConfig
from imgclf.config.stored import read_stored_values
from imgclf.errors import ConfigError, Problem
from imgclf.runs.folder import RunFolder, all_runs
from imgclf.work_folders import resolved

_BRACES = re.compile(r"\{[^{}]*\}")


def refuse_to_replace(loaded: LoadedConfig) -> None:
    """Makes sure that no callback will write over a file that it did not write before.

    What it wrote is known by the stored configs of earlier runs of this name.

    Args:
        loaded: Is to be trained by.

    Raises:
        ConfigError: With every such file.
    """
    problems = list(_problems(loaded))
    if problems:
        raise loaded.file.error(*problems)


def _problems(loaded: LoadedConfig) -> Iterator[Problem]:
    for index, spec in enumerate(loaded.config.callbacks):
        output = entry_of(spec.name).output
        if spec.off or output is None or output.kind != "file":
            continue
        given = spec.arguments.get(output.argument)
        if given is None:
            continue
        there = _there(given, output)
        if there is None or spec.arguments.get("append"):  # CSVLogger looks at the columns
            continue
        if not _was_named(loaded.name, spec.name, output, given):
            yield loaded.file.problem(
                f"callbacks.{index}.{output.argument}",
                f"{there} is there already, and is nothing that {spec.name} wrote in a training of "
                f"{loaded.name}; it would be lost",
                received=given,
                allowed=f"a new file, such as {output.suggested}; or move {there} away",
            )


def _there(given: str, output: Output) -> Path | None:
    """The first file that would be replaced."""
    place = Path(given).expanduser()
    if not output.filled_in:
        return place if place.exists() else None
    pattern = "*".join(glob.escape(part) for part in _BRACES.split(str(place)))
    return next((Path(one) for one in sorted(glob.iglob(pattern))), None)  # noqa: PTH207 - escaped


def _was_named(name: str, callback: str, output: Output, given: str) -> bool:
    """Whether an earlier run of this name had the callback write there."""
    return any(
        kind == callback and resolved(str(arguments.get(output.argument, ""))) == resolved(given)
        for run in all_runs()
        if run.path.parent.name == name
        for kind, arguments in _callbacks(run)
    )


def _callbacks(run: RunFolder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and arguments, as far as the stored config can be read."""
    try:
        stored = read_stored_values(run.config_resolved).get("callbacks")
    except ConfigError:
        return
    for one in stored if isinstance(stored, list) else ():
        for name, arguments in one.items() if isinstance(one, dict) else ():
            yield str(name), arguments if isinstance(arguments, dict) else {}
