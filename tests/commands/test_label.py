"""`label`: from a folder without labels to a table that can be trained on."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.data.drawn_sample import draw_sample
from imgclf.errors import DataError, UsageError
from tests.support.command_line import imported_by

PAGE = ["--review", "label.html"]


@pytest.fixture(scope="module")
def photos_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/ with 100 drawn pictures, whose names say what they are, and what was seen in them."""
    folder = tmp_path_factory.mktemp("label")
    draw_sample(folder / "drawn", 50, seed=4)
    (folder / "photos").mkdir()
    for number, picture in enumerate(sorted((folder / "drawn").rglob("*.jpg"))):
        shutil.copy(picture, folder / "photos" / f"{number}-{picture.parent.name}.jpg")
    shutil.rmtree(folder / "drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert given("photos", "--classes", "cat,dog", *PAGE).exit_code == 0
    return folder


@pytest.fixture
def photos(photos_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(photos_once, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    yield Path("photos")


def given(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["label", *arguments])


def data_of(page: str = "label.html") -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="review">(.*?)<', Path(page).read_text())
    assert found is not None
    return json.loads(found[1])


def save(data: dict[str, Any]) -> str:
    """Labels everything on the page and saves the table, as the page does."""
    new = [
        (path, Path(path).stem.partition("-")[2], part)
        for path, part in zip(data["paths"], data["labelling"]["parts"], strict=True)
    ]
    with Path(data["file"]).open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "part"), *data["labelling"]["earlier"], *new])
    return str(data["file"])


@pytest.mark.slow
def test_the_first_page_has_pictures_to_learn_from_and_to_judge_by(photos: Path) -> None:
    done = given("photos", "--classes", "cat,dog", "--count", "10", *PAGE)
    assert (done.exit_code, done.stdout.splitlines()[1:]) == (
        0,
        ["labels to learn from: 0 (cat 0, dog 0)", "labels to judge by:   0 (cat 0, dog 0)"],
    )
    found = data_of()
    parts = found["labelling"]["parts"]
    assert parts.count("training") == 10
    assert 10 < parts.count("validation") <= 20
    assert parts != sorted(parts)  # they are mixed
    assert (found["names"], found["file"]) == (["cat", "dog"], "labels.csv")
    assert found["labels"] == [None] * len(parts)
    assert found["errors"] == {}
    assert "imgclf label photos --labels labels.csv --classes cat,dog --review" in done.stderr


@pytest.mark.slow
def test_the_table_goes_on_growing_until_it_is_enough_and_can_be_trained_on(photos: Path) -> None:
    given("photos", "--classes", "cat,dog", *PAGE)
    first = data_of()
    table = save(first)
    done = given("photos", "--classes", "cat,dog", "--labels", table, "--within", "0.2", *PAGE)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert re.fullmatch(
        r"accuracy: [\d.]+% ± [\d.]+ on \d+ pictures that were drawn at random and not learned "
        r"from \([\d.]+% to [\d.]+%: Wilson's interval, 95%\)",
        lines[3],
    )
    assert lines[4] == "enough: the interval is as narrow as it was to be"
    assert "to train now: imgclf init photos --set data.table=labels.csv" in done.stderr

    second = data_of()
    assert second["file"] == "labels-2.csv"
    assert set(second["paths"]).isdisjoint(first["paths"])
    assert "validation" not in second["labelling"]["parts"]
    assert len(second["labelling"]["earlier"]) == len(first["paths"])

    table = save(second)
    config = ["init", "photos", "--set", f"data.table={table}", "--output", "pets.yaml"]
    begun = CliRunner().invoke(app, config)
    assert begun.exit_code == 0
    assert CliRunner().invoke(app, ["check", "pets.yaml"]).exit_code == 0
    counted = re.search(r"(\d+) to train on, (\d+) to validate on, 0 to test on", begun.stdout)
    told = json.loads(given("photos", "--labels", table, "--json").stdout)
    assert counted is not None
    assert [int(one) for one in counted.groups()] == [
        sum(told["learned"].values()),
        sum(told["judged"].values()),
    ]


@pytest.mark.slow
def test_when_all_are_labelled_no_page_is_written(photos: Path) -> None:
    names = [f"{path.absolute()},{path.stem.partition('-')[2]}\n" for path in photos.iterdir()]
    Path("labels.csv").write_text("path,label\n" + "".join(names))
    Path("label.html").unlink()
    assert given("photos", "--labels", "labels.csv", *PAGE).exit_code == 0
    assert not Path("label.html").exists()


@pytest.mark.slow
def test_what_cannot_be_read_is_said_and_is_status_4(photos: Path) -> None:
    Path("photos/cut.jpg").write_bytes(b"\xff\xd8\xff")
    done = given("photos", "--classes", "cat,dog", *PAGE)
    assert done.exit_code == 4
    assert "100 pictures; 1 can't be read" in done.stdout
    assert "left out photos/cut.jpg" in done.stderr


@pytest.mark.slow
def test_a_copy_is_not_asked_for_beside_its_picture(photos: Path) -> None:
    for picture in sorted(photos.iterdir()):
        with Image.open(picture) as opened:
            opened.save(photos / f"again {picture.name}", quality=60)
    given("photos", "--classes", "cat,dog", "--count", "60", *PAGE)
    names = [Path(path).name.removeprefix("again ") for path in data_of()["paths"]]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_no_tensorflow_is_imported_where_the_network_is_prepared(photos: Path) -> None:
    assert "tensorflow" not in imported_by("label", "photos", "--classes", "cat,dog", *PAGE)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ([], UsageError, "nothing says what the pictures can be"),
        (["--classes", "cat"], UsageError, "two names are wanted"),
        (["--classes", "cat,"], UsageError, "two names are wanted"),
        (["--classes", "cat,dog,cat"], UsageError, "cat is there twice"),
        (["--labels", "gone.csv"], DataError, "no such file"),
        (["--classes", "cat,dog"], DataError, "has no pictures"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    in_folder: Path, arguments: list[str], error: type[Exception], words: str
) -> None:
    Path("photos").mkdir()
    done = given("photos", *arguments, *PAGE)
    assert isinstance(done.exception, error)
    assert words in str(done.exception)
    assert not Path("label.html").exists()


def test_a_page_has_to_be_named_and_replaces_nothing_of_yours(in_folder: Path) -> None:
    Path("mine.html").write_text("mine")
    for more in ([], ["--review", "mine.html"]):
        done = given("photos", "--classes", "cat,dog", *more)
        assert isinstance(done.exception, UsageError)
    assert Path("mine.html").read_text() == "mine"


def test_a_folder_that_is_not_there_is_said(in_folder: Path) -> None:
    done = given("photos", "--classes", "cat,dog", *PAGE)
    assert isinstance(done.exception, DataError)
    assert "photos is no folder" in str(done.exception)
