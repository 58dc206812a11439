"""Damaged configs, and what reading one comes to."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from imgclf.config.load import config_from_values, parse_config
from imgclf.config.network import declared_network
from imgclf.errors import ConfigError
from tests.support.config_texts import CONFIGS

SEEDS = [path.read_text("utf-8") for path in sorted(CONFIGS.glob("*.yaml"))]


VALUES = [
    "", "~", "none", "off", "true", "0", "-1", "1.5", "1e-4", "1/0", "1/3", ".nan", ".inf", '"2"',
    "[]", "{}", "[1, 2]", "[[1], {a: 2}]", "{a: b}", "{1: 2}", "a", "ä", "9" * 80, "x" * 5000,
    "..", "/", "a:b", "a.py:b", "{Adam: {}}", "{Dense: 3}", "[{Dense: 3}, Flatten]", "*a", "&a b",
    "!!python/name:os.system", "'{epoch:02d}.keras'", "'{'", "\\", "0x1F", "\u2028", "- b", "|",
    "{Lambda: {function: x}}", "{LearningRateScheduler: {schedule: table, table: {a: b}}}",
    "EfficientNetLite0", "{Xception: {weights: none}}", "{Xception: 3}", "a.keras", "~x/.keras",
    "{a.keras: {weights: b}}", "8", "{epochs: 3, from: 2}", "{from: x, a: b}", "{epochs: [1]}",
    "[" * 500 + "]" * 500, "{a: " * 500 + "1" + "}" * 500, "&a [*a]", "{<<: {a: b}}", "9**9**9",
    "[&a [1, 1, 1, 1, 1, 1], &b [*a, *a, *a, *a, *a, *a], &c [*b, *b, *b, *b, *b, *b], *c, *c]",
    "(" * 500, '"\\0"', '"\\ud800"', "!!binary x", "2020-99-99", "{? [1, 2] : 3}", "1/1e-400",
]  # fmt: skip


OVERRIDES = [
    "training.epochs", "training.optimizer", "training.optimizer.learning_rate", "callbacks",
    "callbacks.EarlyStopping", "callbacks.EarlyStopping.patience", "callbacks.0", "callbacks.99.x",
    "callbacks.a.b:C.d", "model.layers", "model.layers.0", "model.layers.Dense.units", "data",
    "model.output.units", "data.image_size", "data.directory", "name", "training.loss", "",
    "model.backbone", "model.backbone.weights", "model.backbone.EfficientNetLite0.weights",
    "model.backbone.a.b", "training.fine_tune", "training.fine_tune.epochs",
    "training.fine_tune.from", "training.fine_tune.a.b", "training.metrics.accuracy.x",
    "augmentation.RandomFlip.mode", "a.b.c", "training.metrics",
]  # fmt: skip


def _replace_value(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    places = [i for i, line in enumerate(lines) if ": " in line and not line.startswith("#")]
    index = rng.choice(places)
    key = lines[index].split(": ", 1)[0]
    lines[index] = f"{key}: {rng.choice(VALUES)}"
    return "\n".join(lines)


def _replace_in_flow(text: str, rng: random.Random) -> str:
    words = text.split(", ")
    words[rng.randrange(len(words))] = rng.choice(VALUES)
    return ", ".join(words)


def _misspell(text: str, rng: random.Random) -> str:
    index = rng.randrange(len(text))
    return text[:index] + chr(rng.choice([*range(32, 127), 9, 10, 228, 8364])) + text[index + 1 :]


def _cut(text: str, rng: random.Random) -> str:
    start = rng.randrange(len(text))
    return text[:start] + text[start + rng.randrange(200) :]


def _shuffle_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def _indent(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    index = rng.randrange(len(lines))
    lines[index] = " " * rng.randrange(6) + lines[index].lstrip()
    return "\n".join(lines)


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    _replace_value,
    _replace_in_flow,
    _misspell,
    _cut,
    _shuffle_lines,
    _indent,
]


def damaged(rng: random.Random) -> tuple[str, list[str]]:
    """A config that comes with imgclf, changed in none to five places, and overrides."""
    text = rng.choice(SEEDS)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        text = rng.choice(MUTATIONS)(text, rng)
    overrides = [
        f"{rng.choice(OVERRIDES)}={rng.choice(VALUES)}" for _ in range(rng.choice((0, 0, 1, 2)))
    ]
    return text, overrides


def outcome(text: str, overrides: list[str], classes: int) -> str:
    """Reads a config as `train` does before it looks at pictures.

    Returns:
        "config" if it is one, which then reads the same once it is resolved; otherwise "error".
    """
    try:
        loaded = parse_config(text, Path("damaged.yaml"), overrides)
        assert parse_config(loaded.resolved_yaml(), Path("x.yaml")).config == loaded.config
        assert config_from_values(loaded.config.written(), Path("x")).config == loaded.config
        declared_network(loaded, classes)
    except ConfigError as error:
        assert error.problems
        assert all(len(str(found)) < 5000 for found in error.problems)
        return "error"
    return "config"
