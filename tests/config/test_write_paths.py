"""Where callbacks must not write, found before the first step."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from imgclf.commands.check import check
from imgclf.config.load import load_config
from imgclf.errors import ConfigError, Problem
from tests.support.config_texts import callback, callback_problem
from tests.support.trainings import CONFIG


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("dataset/cat/log.csv", "lies among the pictures"),
        ("models/log.csv", "lies in models/"),
        ("models/pets.history/journal.csv", "lies in models/"),
        (".imgclf-cache/log.csv", "lies in a cache"),
        ("log.yaml", "is called like a config"),
    ],
)
def test_a_log_is_not_written_where_other_things_are(place: str, why: str, in_folder: Path) -> None:
    found = callback_problem(f"CSVLogger: {{filename: {place}}}")
    assert (found.line, found.key) == (4, "callbacks.0.filename")
    assert why in found.message
    assert (found.received, found.allowed) == (
        place,
        "a file that holds nothing else, such as runs/training.csv",
    )


def test_a_checkpoint_is_not_written_over_a_published_model(in_folder: Path) -> None:
    found = callback_problem("ModelCheckpoint: {filepath: models/pets.keras}")
    assert (found.key, found.received) == ("callbacks.0.filepath", "models/pets.keras")
    assert "lies in models/, where models are" in found.message


@pytest.mark.parametrize("name", ["TensorBoard", "BackupAndRestore"])
@pytest.mark.parametrize("place", ["dataset/cat", "models/logs", ".imgclf-cache"])
def test_a_folder_is_not_made_there_either(name: str, place: str, in_folder: Path) -> None:
    assert callback_problem(f"{name}: {place}").received == place


def test_the_history_of_a_model_elsewhere_is_left_alone(in_folder: Path) -> None:
    Path("pets.keras").touch()
    found = callback_problem("CSVLogger: {filename: pets.history/log.csv}")
    assert "lies in the history of the model pets.keras" in found.message
    assert callback("CSVLogger: {filename: other.history/log.csv}")


def test_the_user_s_cache_is_left_alone(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_folder / "caches"))
    found = callback_problem("CSVLogger: {filename: caches/imgclf/log.csv}")
    assert "lies in a cache" in found.message


@pytest.fixture
def pets(drawn: Path, in_folder: Path) -> Path:
    Path("dataset").symlink_to(drawn / "dataset")
    return Path("pets.yaml")


def problems(config: Path, callbacks: str) -> list[Problem]:
    config.write_text(f"{CONFIG}callbacks:\n  - {callbacks}\n")
    with pytest.raises(ConfigError) as raised:
        check(config)
    return raised.value.problems


@pytest.mark.parametrize(
    ("callbacks", "there"),
    [
        ("CSVLogger: {filename: notes.csv}", "notes.csv"),
        ("CSVLogger: {filename: pets.csv}", "pets.csv"),
        ("ModelCheckpoint: {filepath: other.keras}", "other.keras"),
        ('ModelCheckpoint: {filepath: "kept-{epoch:02d}.keras"}', "kept-01.keras"),
        ('ModelCheckpoint: {filepath: "{epoch}/[a].keras"}', "7/[a].keras"),
    ],
)
def test_a_file_that_the_callback_did_not_write_is_not_replaced(
    callbacks: str, there: str, pets: Path
) -> None:
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")
    [found] = problems(pets, callbacks)
    assert found.key.startswith("callbacks.0.file")
    assert found.message.startswith(f"{there} is there already, and is nothing that ")
    assert found.allowed is not None and f"or move {there} away" in found.allowed
    assert Path(there).read_text() == "mine"


def test_what_the_callback_wrote_in_an_earlier_run_is_replaced(pets: Path) -> None:
    run = Path("runs/pets/2026-11-22T10-15-03")
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    pets.write_text(f"{CONFIG}callbacks:\n  - CSVLogger: {{filename: ./log.csv}}\n")
    (run / "config.resolved.yaml").write_text(load_config(pets).resolved_yaml())
    Path("log.csv").write_text("epoch,loss\n")
    assert check(pets).name == "pets"
    [found] = problems(Path("others.yaml"), "CSVLogger: {filename: log.csv}")
    assert "nothing that CSVLogger wrote in a training of others" in found.message


def test_a_log_that_is_added_to_is_judged_by_its_columns(pets: Path) -> None:
    Path("log.csv").write_text("epoch,loss\n")
    pets.write_text(f"{CONFIG}callbacks:\n  - CSVLogger: {{filename: log.csv, append: true}}\n")
    assert check(pets).name == "pets"


def test_a_pipe_is_no_config_and_nobody_waits_for_it(in_folder: Path) -> None:
    os.mkfifo("pets.yaml")
    raised: list[ConfigError] = []

    def load() -> None:
        try:
            load_config(Path("pets.yaml"))
        except ConfigError as error:
            raised.append(error)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(10)
    assert [error.problems[0].message for error in raised] == [
        "this is no file, but a pipe or a device; a config is a YAML file"
    ]
