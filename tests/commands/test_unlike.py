"""Pictures unlike those that a model was trained on: each row says so, and corrections teach."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import zipfile
from contextlib import chdir
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.forget import forget
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.suggest import suggest
from imgclf.commands.train import train
from imgclf.corrections.inputs import Labelled
from imgclf.data.drawn_sample import draw_sample
from imgclf.data.left_out import LeftOut
from imgclf.model.head import NumpyHead
from imgclf.model_file.archive import HEAD, read_manifest
from imgclf.model_file.classifier import open_classifier
from tests.support.model_files import rewritten

MODEL = Path("models/pets.keras")
_CONFIG = """\
data: {directory: dataset, image_size: 64, batch_size: 16, seed: 5}
model: {backbone: EfficientNetLite0}
training: {epochs: 3}
"""


def strangers(folder: Path, count: int) -> list[str]:
    """Pictures of noise."""
    random = np.random.default_rng(3)
    folder.mkdir()
    for number in range(count):
        noise = random.integers(0, 256, (48, 64, 3)).astype(np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/, strange/ and a model of the first."""
    folder = tmp_path_factory.mktemp("unlike")
    draw_sample(folder / "dataset", 60, seed=1)
    draw_sample(folder / "new", 20, seed=2)
    (folder / "pets.yaml").write_text(_CONFIG)
    with chdir(folder):
        strangers(Path("strange"), 6)
        train(Path("pets.yaml"))
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def written(*inputs: str) -> tuple[str, str]:
    """The rows, and what was said."""
    before = signal.getsignal(signal.SIGPIPE)
    try:
        done = CliRunner().invoke(app, ["predict", *inputs])
    finally:
        signal.signal(signal.SIGPIPE, before)
    return done.stdout, done.stderr


def unlike(*inputs: str) -> dict[str, bool | None]:
    rows = predict(open_classifier(MODEL), find_inputs(inputs, []))
    return {row.path: row.unlike for row in rows}


def test_noise_is_unlike_animals_and_other_animals_are_not(here: Path) -> None:
    assert set(unlike("strange").values()) == {True}
    said = list(unlike("new").values())
    assert len(said) == 40
    assert sum(map(bool, said)) <= 2
    assert None not in said


def test_each_format_says_so_and_a_line_counts_them(here: Path) -> None:
    inputs = ["strange", "new/cat/cat-002.jpg", "gone.jpg"]
    for row_format, delimiter in (("tsv", "\t"), ("csv", ",")):
        rows, _ = written(*inputs, "--format", row_format)
        table = csv.reader(rows.splitlines(), delimiter=delimiter)
        assert [row[-1] for row in table] == ["unlike", *["yes"] * 6, "no", ""]
    rows, _ = written(*inputs, "--format", "jsonl")
    objects = [json.loads(line) for line in rows.splitlines()]
    assert [one["unlike"] for one in objects] == [True] * 6 + [False, None]
    rows, said = written(*inputs, "--format", "table")
    marked = [line.endswith("  unlike what it knows") for line in rows.splitlines()[1:]]
    assert marked == [True] * 6 + [False] * 2
    assert "6 of 8 pictures are unlike those that pets was trained on" in said


def test_the_review_page_marks_them_and_has_them_first(here: Path) -> None:
    written("new", "strange", "--review", "page.html")
    found = re.search(r'id="review">(.*?)<', Path("page.html").read_text())
    assert found is not None
    page = json.loads(found[1])
    assert all("/strange/" in path for path in page["paths"][:6])
    assert {page["notes"][str(row)] for row in range(6)} == {"unlike what it knows"}
    assert len(page["notes"]) <= 8
    assert "Unlike its training pictures first" in Path("page.html").read_text()


def test_suggestions_say_it_too(here: Path) -> None:
    rows = suggest(open_classifier(MODEL), MODEL, ["strange/0.png"], 1, LeftOut())
    assert [row.unlike for row in rows] == [True]


def test_a_model_that_can_not_say_leaves_it_open(here: Path) -> None:
    """One of an earlier version."""

    def before(content: bytes) -> bytes:
        head = NumpyHead.from_bytes(content)
        return msgspec.structs.replace(head, familiar=None).to_bytes()

    (row,) = predict(open_classifier(rewritten(MODEL, HEAD, before)), ["strange/0.png"])
    assert row.unlike is None
    assert row.confidence is not None


def test_corrected_strangers_and_others_like_them_are_known_until_forgotten(here: Path) -> None:
    (said,) = predict(open_classifier(MODEL), ["strange/0.png"])
    label = "cat" if said.label == "dog" else "dog"
    told = [Labelled(Path(f"strange/{number}.png"), label) for number in range(3)]
    assert retrain(MODEL, told).outcome == "corrected"
    assert not any(unlike("strange").values())
    assert sum(map(bool, unlike("new").values())) <= 2
    forget(MODEL, [str(one.path) for one in told[1:]])
    assert len(read_manifest(MODEL).corrections) == 1
    with zipfile.ZipFile(MODEL) as archive:
        familiar = NumpyHead.from_bytes(archive.read(HEAD)).familiar
    assert familiar is not None
    assert [one.digest for one in familiar.corrected] == [
        one.digest for one in read_manifest(MODEL).corrections
    ]
