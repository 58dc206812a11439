"""Lengths of time in a config, and what can't be fitted into one."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.load import load_config
from imgclf.errors import ConfigError
from imgclf.system.clock import duration_text

_CONFIG = "data: {directory: pictures}\nmodel: {layers: [Flatten]}\n"


def budget(tmp_path: Path, text: str, more: str = "") -> float | None:
    path = tmp_path / "timed.yaml"
    path.write_text(f"{_CONFIG}training: {{time_budget: {text}{more}}}\n")
    return load_config(path).config.training.time_budget


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 min", 600),
        ("90 s", 90),
        ("90", 90),
        ("2.5", 2.5),
        ("1 h", 3600),
        ("1h 30min", 5400),
        ("1.5 hours", 5400),
        ("'10 Minutes'", 600),
        ("1/2", 0.5),
        ("none", None),
        ("null", None),
    ],
)
def test_a_time_is_written_as_people_write_it(
    tmp_path: Path, text: str, seconds: float | None
) -> None:
    assert budget(tmp_path, text) == seconds


@pytest.mark.parametrize(
    ("text", "message", "received"),
    [
        ("10 mim", "this is no length of time", "10 mim"),
        ("ten minutes", "this is no length of time", "ten minutes"),
        ("true", "this is no length of time", "true"),
        ("[10]", "this is no length of time", "[10]"),
        ("10 min 5", "this is no length of time", "10 min 5"),
        ("0", "it must be above 0, and at most a year", "0"),
        ("-5", "it must be above 0, and at most a year", "-5"),
        (".inf", "it must be above 0, and at most a year", ".inf"),
        ("10000 h", "it must be above 0, and at most a year", "10000 h"),
    ],
)
def test_what_is_no_time_is_named(tmp_path: Path, text: str, message: str, received: str) -> None:
    with pytest.raises(ConfigError) as caught:
        budget(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.key == "training.time_budget"
    assert problem.line == 3
    assert message in problem.message
    assert problem.received == received
    assert problem.allowed == "a time such as 10 min, 90 s or 1 h, a number of seconds, or null"


def test_epochs_that_are_not_given_are_as_many_as_may_fit(tmp_path: Path) -> None:
    path = tmp_path / "timed.yaml"
    path.write_text(f"{_CONFIG}training: {{time_budget: 10 min}}\n")
    assert load_config(path).config.training.epochs == 200
    path.write_text(
        "data: {directory: pictures}\nmodel: {backbone: EfficientNetLite0}\n"
        "training: {time_budget: 10 min}\n"
    )
    training = load_config(path).config.training
    assert training.epochs == 30
    assert training.fine_tune is not None and training.fine_tune.epochs == 16
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(load_config(path).resolved_yaml())
    assert load_config(resolved).config.training == training


def test_several_processes_would_not_agree_on_what_fits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data_parallel has no time budget"):
        budget(tmp_path, "10 min", ", distribution: data_parallel")


def test_a_schedule_needs_the_epochs_that_it_was_declared_for(tmp_path: Path) -> None:
    cosine = ", optimizer: {Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 1e-3, "
    cosine += "decay_steps: 900}}}}"
    with pytest.raises(ConfigError) as caught:
        budget(tmp_path, "10 min", cosine)
    (problem,) = caught.value.problems
    assert problem.key == "training.optimizer.learning_rate"
    assert problem.line == 3
    assert budget(tmp_path, "10 min", f"{cosine}, epochs: 30") == 600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59.9, "1 min"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3599.5, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_is_said_in_at_most_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
