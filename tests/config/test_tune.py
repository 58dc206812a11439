"""The section `tune`: how it is read, what is refused, and how the best is written."""

from __future__ import annotations

import pytest

from imgclf.config.load import config_from_values
from imgclf.config.rewrite import rewritten
from imgclf.config.tune import Range, Tune
from imgclf.config.tune_checks import tune_problems
from imgclf.runs.fingerprint import config_fingerprint
from tests.support.config_texts import DATA, SMALLEST, load, problem

CONFIG = f"{DATA}model: {{layers: [Flatten, Dropout: 0.2]}}\n"


def ranges(*lines: str) -> str:
    return f"{CONFIG}tune:\n  ranges:\n" + "".join(f"    {line}\n" for line in lines)


def test_ranges_are_ends_or_choices() -> None:
    tune = load(
        ranges(
            "training.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}",
            "model.layers.Dropout.rate: {choices: [0, 1/4]}",
            "training.optimizer: [adam, sgd]",
        )
    ).config.tune
    assert tune is not None
    assert tune.ranges == {
        "training.optimizer.learning_rate": Range(low=1e-4, high=1e-2, log=True),
        "model.layers.Dropout.rate": Range(choices=(0, 0.25)),
        "training.optimizer": Range(choices=("adam", "sgd")),
    }
    assert (tune.trials, tune.timeout, tune.pruner) == (50, None, "median")


def test_trials_timeout_and_pruner_can_be_set() -> None:
    tune = load(ranges(), "tune.trials=7", "tune.timeout=2 min", "tune.pruner=none").config.tune
    assert tune == Tune(trials=7, timeout=120.0, pruner="none")
    assert load(CONFIG, "tune=none").config.tune is None


def test_what_is_searched_is_kept_and_bears_on_no_training() -> None:
    loaded = load(ranges("training.epochs: {low: 2, high: 9}"))
    stored = config_from_values(loaded.config.written(), loaded.file.path).config
    assert stored == loaded.config
    assert config_fingerprint(stored) == config_fingerprint(load(CONFIG).config)


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        ("a: {low: 3, high: 1}", "a", "low must be below high"),
        ("a: {low: 1}", "a", "a range needs high"),
        ("a: {low: 0, high: 1, log: true}", "a", "on a logarithmic scale both ends are above 0"),
        ("a: {low: 1, choices: [2]}", "a", "a range has choices or ends, not both"),
        ("a: {low: x, high: 2}", "a.low", "a range can't take this low"),
        ("a: {lo: 1, high: 2}", "a.lo", "a range has no argument lo"),
        ("a: []", "a", "choices are a list of 1 to 100 values"),
        ("a: 3", "a", "this is no range"),
    ],
)
def test_what_is_no_range_is_refused_with_its_line(line: str, key: str, message: str) -> None:
    found = problem(ranges(line))
    assert (found.key, found.message, found.line) == (f"tune.ranges.{key}", message, 5)


@pytest.mark.parametrize(
    ("line", "message", "nearest"),
    [
        (
            "model.layers.Dropout.rate: {low: 0.1, high: 1.5}",
            "1.5 can't stand there: Dropout can't take this rate",
            None,
        ),
        (
            "model.layers.Dropuot.rate: [0.1, 0.2]",
            "0.1 can't stand there: model.layers has no Dropuot",
            "Dropout",
        ),
        (
            "training.optimizer: [adam, adma]",
            "adma can't stand there: Keras has no optimizer of this name",
            "adam",
        ),
        (
            "data.seed: [1, 2]",
            "this key is not varied: all trials are judged by the same pictures",
            None,
        ),
        (
            "training.seed: [1, 2]",
            "this key is not varied: it would be found which seed is lucky",
            None,
        ),
    ],
)
def test_each_value_of_a_range_is_checked_as_one_of_its_key(
    line: str, message: str, nearest: str | None
) -> None:
    [found] = tune_problems(load(ranges(line)))
    assert (found.message, found.nearest, found.line) == (message, nearest, 5)
    assert found.key == f"tune.ranges.{line.partition(':')[0]}"


def test_what_is_trained_in_several_processes_is_not_searched() -> None:
    loaded = load(ranges("training.epochs: [1, 2]"), "training.distribution=data_parallel")
    [found] = tune_problems(loaded)
    assert found.message == "imgclf tune trains in one process"


WRITTEN = """\
# pets
data: {directory: dataset} # here
model: # layers and all
  layers:
    - Dropout: 0.2 # a fifth
    - Dense: {units: 3, activation: relu} # small

  # between
training:
  epochs: 5
callbacks:
"""


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        ("training.epochs=9", "epochs: 5\n", "epochs: 9\n"),
        ("model.layers.Dropout.rate=0.31", "Dropout: 0.2 #", "Dropout: {rate: 0.31} #"),
        ("model.layers.Dense.units=7", "{units: 3,", "{units: 7,"),
        (
            "model.layers=[Flatten]",
            "- Dropout: 0.2 # a fifth\n    - Dense: {units: 3, activation: relu} #",
            "[Flatten] #",
        ),
        ("data.batch_size=8", "{directory", "{batch_size: 8, directory"),
        ("training.optimizer=sgd", "  epochs", "  optimizer: sgd\n  epochs"),
        (
            "callbacks.EarlyStopping.patience=3",
            "callbacks:\n",
            "callbacks: [{EarlyStopping: {patience: 3}}]\n",
        ),
        ("augmentation=[RandomFlip]", "callbacks:\n", "callbacks:\naugmentation: [RandomFlip]\n"),
    ],
)
def test_a_value_is_written_where_its_key_stands_and_nothing_else_changes(
    override: str, before: str, after: str
) -> None:
    assert WRITTEN.count(before) == 1
    assert rewritten(WRITTEN, [override]) == WRITTEN.replace(before, after)
    wanted, written = load(WRITTEN, override).config, load(rewritten(WRITTEN, [override])).config
    assert written == wanted


def test_words_that_are_something_else_between_brackets_are_quoted_there() -> None:
    text = f'{SMALLEST}name: "a, b"\n'
    assert load(rewritten(text, ["name='c, d'"])).config.name == "c, d"
