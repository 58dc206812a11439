"""Options where people put them, and options that are called something else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from imgclf.cli import COMMANDS, app
from imgclf.cli.session import Session
from imgclf.errors import UsageError
from imgclf.system import console
from tests.support.trainings import CONFIG


def given(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def elsewhere(drawn: Path, in_folder: Path) -> Path:
    """A folder with a config in it, below the working directory."""
    shutil.copytree(drawn / "dataset", "a b/dataset")
    Path("a b/pets.yaml").write_text(CONFIG)
    return Path("a b")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-C", "a b", "check", "pets.yaml"],
        ["check", "-C", "a b", "pets.yaml"],
        ["check", "pets.yaml", "-C", "a b"],
        ["-C", "a b/dataset", "check", "pets.yaml", "-C", ".."],
    ],
)
def test_a_folder_may_stand_before_the_command_and_after(
    elsewhere: Path, arguments: list[str]
) -> None:
    done = given(*arguments)
    assert done.exit_code == 0, done.output
    next_to_type = done.stderr.splitlines()[-1]
    assert next_to_type.startswith("next: imgclf -C 'a b")
    assert next_to_type.endswith("train pets.yaml")


def test_quiet_and_debug_may_too(elsewhere: Path) -> None:
    folder = str(elsewhere.absolute())
    expected = given("-C", folder, "check", "pets.yaml").stdout
    for arguments in (["-q", "check"], ["check", "-q"], ["check", "--quiet", "--debug"]):
        Session.debug = False
        done = given("-C", folder, *arguments, "pets.yaml")
        assert (done.exit_code, done.stdout, done.stderr) == (0, expected, "")
        assert Session.debug == ("--debug" in arguments)
    given("-C", folder, "check", "pets.yaml")
    assert not Session.debug
    assert not console.current().quiet


def test_a_folder_that_a_command_is_about_is_not_the_one_to_work_in(elsewhere: Path) -> None:
    done = given("init", "dataset", "-C", "a b", "-q", "-o", "other.yaml")
    assert done.exit_code == 0, done.output
    assert Path("other.yaml").is_file()
    assert Path.cwd().name == "a b"
    assert given("init", "dataset", "-q", "-o", "another.yaml").exit_code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_them(in_folder: Path, command: str) -> None:
    with_them = given(command, "-q", "--debug", "-C", ".", "--help")
    assert with_them.exit_code == 0
    assert with_them.stdout == given(command, "--help").stdout


def test_a_folder_that_is_not_there_is_said_after_the_command_too(in_folder: Path) -> None:
    refused = given("runs", "-C", "gone").exception
    assert isinstance(refused, UsageError)
    assert refused.message == "-C gone: No such file or directory"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("train pets.yaml --epochs 5", "say --set training.epochs=5"),
        ("train --epochs=5 pets.yaml", "say --set training.epochs=5"),
        ("train pets.yaml --epochs", "say --set training.epochs=VALUE"),
        ("train pets.yaml --batch-size 16", "say --set data.batch_size=16"),
        ("train pets.yaml --batch_size 16", "say --set data.batch_size=16"),
        ("train pets.yaml --lr 1e-3", "say --set training.optimizer.learning_rate=1e-3"),
        ("train --data pets pets.yaml", "say --set data.directory=pets"),
        ("check --seed 7 pets.yaml", "say --set data.seed=7"),
        ("train pets.yaml --optimizer sgd", "say --set training.optimizer=sgd"),
        ("train pets.yaml --img-size 96", "say --set data.image_size=96"),
        (
            "train pets.yaml --output out",
            "models/NAME.keras, all else to runs/NAME: say --set name",
        ),
        ("train pets.yaml --model m", "--set model.backbone=NAME for its network"),
        ("train --config pets.yaml", "the config stands by itself: imgclf train CONFIG"),
        ("train pets.yaml --resume", "goes on by itself"),
        ("train pets.yaml --force", "say --fresh"),
        ("predict a.jpg --json", "say --format jsonl"),
        ("predict --image a.jpg", "stand by themselves: imgclf predict PATH"),
        ("predict a.jpg --threshold 0.5", "say --min-confidence SHARE"),
        ("evaluate --data new", "stands by itself: imgclf evaluate DIR"),
        ("retrain a.jpg --class cat", "say --label LABEL"),
        ("retrain --undo a.jpg", "say --forget PICTURE"),
        ("history --keep 10", "say --prune N, which keeps the newest N"),
        ("export --tflite", "say --format litert"),
        ("adopt m.keras --labels a,b", "say --classes A,B in the model's order"),
    ],
)
def test_a_likely_guess_is_answered_with_what_is_meant(typed: str, hint: str) -> None:
    refused = given(*typed.split()).exception
    assert isinstance(refused, UsageError), typed
    command, option = typed.split()[0], next(one for one in typed.split() if one[:2] == "--")
    assert refused.message == f"imgclf {command} has no option {option.partition('=')[0]}"
    assert hint in (refused.hint or "")


def test_what_the_guesses_say_is_so(elsewhere: Path) -> None:
    """The keys that are named exist, and take such values."""
    from imgclf.cli.guesses import _KEYS
    from imgclf.config.load import load_config

    values = {
        "training.optimizer": "sgd",
        "training.metrics": "accuracy",
        "training.precision": "float32",
        "training.distribution": "none",
        "data.directory": "a b/dataset",
        "data.image_size": "96",
        "data.validation_split": "0.3",
        "data.cache": "memory",
    }
    keys = [key for key in _KEYS if key not in ("model.backbone", "training.fine_tune")]
    overrides = [f"{key}={values.get(key, '5')}" for key in keys]
    assert load_config(elsewhere / "pets.yaml", overrides).config.data.seed == 5


def test_what_nobody_can_guess_is_left_to_the_usual_message() -> None:
    done = given("train", "pets.yaml", "--foo")
    assert done.exit_code == 2
    assert "No such option: --foo" in done.stderr
