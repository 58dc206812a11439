"""Configs that were stored: read as values, and not asked whether they are right here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imgclf.config.load import config_from_values
from imgclf.config.schema import bearing_on_weights
from imgclf.config.stored import read_stored_values
from imgclf.errors import ConfigError
from tests.support.config_texts import SMALLEST, load, problem, with_callbacks

MODEL = Path("models/pets.keras")

# Right in themselves, and each wrong here, for a file that is missing or a place not to write to.
NOT_HERE = {
    "mine.py:Mine: {mode: on}": {"mine.py:Mine": {"mode": "on"}},
    "LambdaCallback: {on_epoch_end: mine.py:say}": {
        "LambdaCallback": {"on_epoch_end": "mine.py:say"}
    },
    "LearningRateScheduler: mine.py:rate": {"LearningRateScheduler": {"schedule": "mine.py:rate"}},
    "BackupAndRestore: {backup_dir: .}": {"BackupAndRestore": {"backup_dir": "."}},
    "TensorBoard: {log_dir: dataset}": {"TensorBoard": {"log_dir": "dataset"}},
}


@pytest.mark.parametrize(("written", "stored"), NOT_HERE.items())
def test_what_is_not_right_here_is_refused_for_a_training_only(
    written: str, stored: dict[str, dict[str, str]], in_folder: Path
) -> None:
    assert problem(with_callbacks(written)).line == 4
    values = {**load(SMALLEST).config.written(), "callbacks": [stored]}
    assert config_from_values(values, MODEL).config.written()["callbacks"] == [stored]


def test_what_is_not_right_anywhere_is_refused_without_a_line() -> None:
    values = load(SMALLEST).config.written()
    values["training"]["epochs"] = 0
    values["callbacks"] = ["a b:Thing", {"EarlyStopping": {"patience": "2"}}]
    with pytest.raises(ConfigError) as caught:
        config_from_values(values, MODEL)
    assert caught.value.source == str(MODEL)
    found = {one.key: one for one in caught.value.problems}
    assert set(found) == {"training.epochs", "callbacks.0", "callbacks.1.patience"}
    assert {one.line for one in found.values()} == {None}
    assert "a number is written without quotes" in found["callbacks.1.patience"].message


def test_overrides_win_over_values_and_are_named() -> None:
    values = load(SMALLEST).config.written()
    changed = config_from_values(values, MODEL, ["data.directory=elsewhere", "training.epochs=3"])
    assert changed.config.data.directory == "elsewhere"
    assert changed.config.training.epochs == 3
    with pytest.raises(ConfigError, match=r"--set training\.epochs=x"):
        config_from_values(values, MODEL, ["training.epochs=x"])


def test_keys_of_a_table_that_json_has_made_words_are_numbers_again() -> None:
    scheduler = {"schedule": "table", "table": {"3": 0.05, "6": 0.01}}
    values = load(SMALLEST).config.written() | {"callbacks": [{"LearningRateScheduler": scheduler}]}
    (spec,) = config_from_values(values, MODEL).config.callbacks
    assert spec.arguments["table"] == {3: 0.05, 6: 0.01}


def test_values_that_are_no_config_are_refused() -> None:
    for values in ({}, {"data": 3}, {"data": {"directory": "d"}, "model": {"layers": [[]]}}):
        with pytest.raises(ConfigError):
            config_from_values(values, MODEL)


def test_a_resolved_config_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    text = with_callbacks(
        "my.module:Thing: {mode: on, day: 2024-01-01, levels: [no, 1e-5, 1_000, 1:30]}",
        "LearningRateScheduler: {schedule: table, table: {3: 0.05}}",
    )
    file = tmp_path / "config.resolved.yaml"
    file.write_text(load(text).resolved_yaml())
    assert read_stored_values(file) == load(text).config.written()


@pytest.mark.parametrize("content", [b"", b"- a", b"a: [", b"\xff"])
def test_a_resolved_config_that_is_damaged_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.resolved.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.resolved\.yaml: 1 problem"):
        read_stored_values(file)


def test_reading_what_is_stored_needs_no_schema() -> None:
    script = (
        "import sys\n"
        "from imgclf.config.stored import read_stored_values\n"
        "from imgclf.runs.summary import read_run\n"
        "print([m for m in ('pydantic', 'keras', 'tensorflow') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("override", "bears"),
    [
        ("name=others", False),
        ("data.directory=elsewhere", False),
        ("data.cache=none", False),
        ("data.validation_split=0.3", False),
        ("training.publish=last", False),
        ("callbacks=[TerminateOnNaN]", False),
        ("data.seed=5", True),
        ("data.image_size=64", True),
        ("data.resize=pad", True),
        ("data.batch_size=8", True),
        ("augmentation=[RandomFlip: horizontal]", True),
        ("model.layers=[GlobalAveragePooling2D]", True),
        ("model.output=Dense", True),
        ("training.epochs=3", True),
        ("training.optimizer=SGD", True),
        ("training.metrics=[AUC]", True),
        ("training.precision=bfloat16", True),
    ],
)
def test_what_weights_depend_on(override: str, bears: bool) -> None:
    before = bearing_on_weights(load(SMALLEST).config)
    assert (bearing_on_weights(load(SMALLEST, override).config) != before) == bears
