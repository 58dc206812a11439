"""Configs written in a test, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from imgclf.config.load import parse_config
from imgclf.config.loaded import LoadedConfig
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError, Problem
from tests.support.schema import refused_by_schema

CONFIGS = Path(__file__).parents[2] / "configs"

DATA = "data: {directory: dataset}\n"
MODEL = "model: {layers: [Flatten]}\n"
SMALLEST = DATA + MODEL


def load(text: str, *overrides: str) -> LoadedConfig:
    """A config that is right."""
    loaded = parse_config(text, Path("pets.yaml"), overrides)
    if not overrides:
        assert refused_by_schema(text) is None  # or an editor would say that it is wrong
    return loaded


def with_callbacks(*items: str, training: str = "") -> str:
    """The smallest config with these callbacks, from line 4 on, or one further with `training`."""
    listed = "".join(f"  - {item}\n" for item in items)
    return f"{SMALLEST}{training and training + chr(10)}callbacks:\n{listed}"


def layer(text: str) -> Spec:
    """A layer as it is read; `text` is what stands after the dash."""
    return load(f"{DATA}model:\n  layers:\n    - {text}\n").config.model.layers[0]


def callback(text: str, training: str = "") -> Spec:
    """A callback as it is read."""
    return load(with_callbacks(text, training=training)).config.callbacks[0]


def problems(text: str, *overrides: str) -> list[Problem]:
    """What is wrong with a config; fails if nothing is."""
    try:
        load(text, *overrides)
    except ConfigError as error:
        return error.problems
    raise AssertionError("nothing was refused")


def problem(text: str, *overrides: str) -> Problem:
    """The one thing that is wrong with a config."""
    found = problems(text, *overrides)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def layer_problem(text: str) -> Problem:
    """What is wrong with a layer, on line 4."""
    return problem(f"{DATA}model:\n  layers:\n    - {text}\n")


def callback_problem(*items: str, training: str = "") -> Problem:
    """What is wrong with callbacks."""
    return problem(with_callbacks(*items, training=training))
