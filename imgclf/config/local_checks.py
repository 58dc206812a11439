"""Whether a config that is right is right here: what it needs is there, and it harms nothing.

Not asked of a config that was stored: it was right where it was trained by.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence

from imgclf.config.callback_catalogue import entry_of
from imgclf.config.loaded import ConfigFile
from imgclf.config.references import allowed_references, missing_file
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.config.write_paths import place_problems
from imgclf.errors import Problem


def check_here(config: Config, file: ConfigFile) -> list[Problem]:
    """Files of code that aren't here, packages that aren't installed, places not to write to.

    Args:
        config: Perhaps with parts left out that have problems of their own.
        file: Where it was read from.
    """
    return [
        *_code_problems(config.callbacks, file),
        *_package_problems(config.callbacks, file),
        *place_problems(config.callbacks, config.data.directory, file),
    ]


def _code_problems(callbacks: Sequence[Spec], file: ConfigFile) -> Iterator[Problem]:
    for index, spec in enumerate(callbacks):
        for inside, reference, what in () if spec.off else _references(spec):
            missing = missing_file(reference)
            if missing is not None:
                yield file.problem(
                    f"callbacks.{index}{inside}",
                    f"there is no file {missing.place}",
                    received=str(reference),
                    allowed=allowed_references(what),
                    nearest=missing.nearest,
                )


def _references(spec: Spec) -> Iterator[tuple[str, object, str]]:
    """The code that a callback names: where in it, how, and what it is."""
    if spec.is_custom:
        yield "", spec.name, "Class"
    takes = entry_of(spec.name).takes
    if takes == "hooks":
        for hook, reference in spec.arguments.items():
            yield f".{hook}", reference, "function"
    elif takes == "a schedule":
        yield ".schedule", spec.arguments.get("schedule"), "function"


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
