"""What predict and evaluate are told to write may be new, or what they wrote before."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from imgclf.commands.train import Trained
from imgclf.model_file.archive import read_manifest
from tests.support.command_line import imgclf


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.txt"])
def test_rows_replace_rows(trained: Trained, name: str) -> None:
    assert imgclf("predict", "new/cat", "--output", name).returncode == 0
    first = Path(name).read_text()
    Path(name).write_text(first + "more\n")
    assert imgclf("predict", "new/cat", "--output", name).returncode == 0
    assert Path(name).read_text() == first


def test_rows_replace_nothing_else(trained: Trained) -> None:
    Path("labels.csv").write_text("path,label\ndataset/cat/cat-001.jpg,cat\n")
    done = imgclf("predict", "new/cat", "--output", "labels.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--output labels.csv: this is there already, and has no rows of imgclf's" in done.stderr
    assert Path("labels.csv").read_text().startswith("path,label\n")


def test_an_empty_file_is_written_to(trained: Trained) -> None:
    Path("rows.csv").touch()
    assert imgclf("predict", "new/cat", "--output", "rows.csv").returncode == 0
    assert Path("rows.csv").read_text().startswith("path,label,")


def test_a_device_stays_a_device(trained: Trained) -> None:
    assert imgclf("predict", "new/cat", "--output", "/dev/null").returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--output", "models/rows.csv"], "lies in models/"),
        (["--output", "pets.yaml", "--format", "csv"], "is called like a config"),
        (["--sort-into", "models/sorted"], "lies in models/"),
    ],
)
def test_nothing_is_written_among_models_or_configs(
    trained: Trained, arguments: list[str], why: str
) -> None:
    config = Path("pets.yaml").read_text()
    done = imgclf("predict", "new/cat", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{arguments[0]} {arguments[1]}: this {why}" in done.stderr
    assert "name another place" in done.stderr
    assert Path("pets.yaml").read_text() == config


@pytest.mark.parametrize(
    ("option", "below"),
    [("--output", "cat/rows.csv"), ("--sort-into", ""), ("--review", "page.html")],
)
def test_nothing_is_written_into_the_data_set_of_the_model(
    trained: Trained, option: str, below: str
) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    done = imgclf("predict", "new/cat", option, str(Path(data.directory, below)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "this lies among the pictures, where each folder is a class" in done.stderr
    assert len(list(Path(data.directory).rglob("*.*"))) == 60


def test_the_page_of_suspects_neither(trained: Trained) -> None:
    done = imgclf("evaluate", "--suspects", "--review", "models/page.html")
    assert done.returncode == 2
    assert "--review models/page.html: this lies in models/" in done.stderr
