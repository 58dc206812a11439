"""Numbers that no layer or metric of a network for pictures needs, and that fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imgclf.config.bounds import most_of
from imgclf.config.loaded import ConfigFile
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.errors import Problem


def number_problems(config: Config, file: ConfigFile) -> Iterator[Problem]:
    """Problems with numbers, in layers and metrics and in what stands inside of them."""
    for key, specs in (
        ("augmentation", config.augmentation),
        ("model.layers", config.model.layers),
        ("training.metrics", config.training.metrics),
    ):
        for index, spec in enumerate(specs):
            yield from _problems_of(f"{key}.{index}", spec, file)
    if config.model.output is not None:
        yield from _problems_of("model.output", config.model.output, file)


def _problems_of(key: str, spec: Spec, file: ConfigFile) -> Iterator[Problem]:
    for argument, value in spec.arguments.items():
        yield from _problems_in(f"{key}.{argument}", argument, value, spec, file)


def _problems_in(
    key: str, argument: str, value: Any, owner: Spec, file: ConfigFile
) -> Iterator[Problem]:
    if isinstance(value, Spec):
        yield from _problems_of(key, value, file)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _problems_in(f"{key}.{index}", argument, item, owner, file)
    elif isinstance(value, int) and not isinstance(value, bool):
        most = most_of(argument)
        if most is not None and abs(value) > most:
            yield file.problem(
                key,
                f"{owner.name} can't take this {argument}: it is out of all proportion",
                received=str(value),
                allowed=f"{most:,} at most",
            )
