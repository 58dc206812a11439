"""`predict --suggest`: the rows of pictures that are worth a label, and `evaluate --review`."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image
from typer.testing import CliRunner

from imgclf.backend import keras
from imgclf.cli import app
from imgclf.commands.evaluate import evaluate
from imgclf.commands.suggest import suggest
from imgclf.commands.train import Trained
from imgclf.corrections.feature_memory import FeatureMemory, LabelledFeatures, save_features
from imgclf.corrections.inputs import read_inputs
from imgclf.data.left_out import LeftOut
from imgclf.errors import UsageError
from imgclf.model_file.classifier import open_classifier
from tests.support.command_line import RUN, imported_by
from tests.support.heard import Heard
from tests.support.pretrained import SIZE, on_backbone, written


def given(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def rows_of(text: str) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in map(json.loads, text.splitlines())}


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="review">(.*?)<', Path(page).read_text())
    assert found is not None
    return json.loads(found[1])


def test_the_rows_are_those_of_predict_of_fewer_pictures(trained: Trained) -> None:
    everything = rows_of(given("predict", "new", "--format", "jsonl").stdout)
    done = given("predict", "new", "--suggest", "5", "--format", "jsonl")
    chosen = rows_of(done.stdout)
    assert (done.exit_code, len(chosen)) == (0, 5)
    for path, row in chosen.items():
        assert row["label"] == everything[path]["label"]
        assert row["confidence"] == pytest.approx(everything[path]["confidence"], abs=1e-6)


def test_a_copy_of_a_picture_is_not_suggested_beside_it(trained: Trained) -> None:
    Path("few").mkdir()
    for picture in sorted(Path("new").rglob("*.jpg"))[::4]:
        Path("few", picture.name).write_bytes(picture.read_bytes())
        with Image.open(picture) as opened:
            opened.save(Path("few", f"again-{picture.name}"), quality=70)
    chosen = rows_of(given("predict", "few", "--suggest", "10", "--format", "jsonl").stdout)
    names = [Path(path).name.removeprefix("again-") for path in chosen]
    assert len(names) == len(set(names)) <= 5


def test_what_cannot_be_read_is_said_and_not_suggested(trained: Trained) -> None:
    Path("new/cut.jpg").write_bytes(b"\xff\xd8\xff")
    done = given("predict", "new", "--suggest", "50", "--format", "jsonl")
    assert done.exit_code == 4
    assert "left out new/cut.jpg: " in done.stderr
    assert "new/cut.jpg" not in rows_of(done.stdout)


def test_the_page_has_them_and_no_others(trained: Trained) -> None:
    done = given("predict", "new", "--suggest", "6", "--review", "page.html", "--format", "jsonl")
    paths = {str(Path(path).absolute()) for path in rows_of(done.stdout)}
    assert set(data_of("page.html")["paths"]) == paths
    assert len(paths) == 6


def test_a_page_that_cannot_be_written_is_found_out_at_once(trained: Trained) -> None:
    Path("mine.html").write_text("mine")
    done = given("predict", "new", "--suggest", "6", "--review", "mine.html")
    assert isinstance(done.exception, UsageError)
    assert done.stdout == ""


def test_it_is_for_files_and_no_tensorflow_is_imported(trained: Trained) -> None:
    picture = next(Path("new").rglob("*.jpg")).read_bytes()
    done = subprocess.run([*RUN, "predict", "-", "--suggest", "3"], input=picture, timeout=120)
    assert done.returncode == 2
    assert "tensorflow" not in imported_by("predict", "new", "--suggest", "3")


def test_without_the_option_nothing_more_is_imported(trained: Trained) -> None:
    code = ["predict", "new/cat/cat-001.jpg"]
    assert imported_by(*code).isdisjoint({"pydantic", "tensorflow"})


@pytest.fixture
def on_features(in_folder: Path) -> Path:
    """A model whose file has a graph of features, and four kinds of pictures, three of each."""
    written(on_backbone(keras.layers.Dense(2, activation="softmax")))
    random = np.random.default_rng(3)
    Path("photos").mkdir()
    for kind in range(4):
        colour = random.integers(0, 256, 3)
        for number in range(3):
            pixels = np.clip(random.normal(colour, 6, (*SIZE, 3)), 0, 255).astype(np.uint8)
            pixels[: 6 * kind] = 255 - pixels[: 6 * kind]
            Image.fromarray(pixels).save(f"photos/{kind}-{number}.png")
    return Path("models/pets.keras")


def suggested(model: Path, count: int) -> list[str]:
    paths = sorted(map(str, Path("photos").iterdir()))
    found = suggest(open_classifier(model), model, paths, count, LeftOut())
    return [Path(one.path).stem for one in found]


def test_pictures_are_told_apart_by_their_features(on_features: Path) -> None:
    kinds = [name[0] for name in suggested(on_features, 4)]
    assert sorted(kinds) == ["0", "1", "2", "3"]


def test_what_is_like_the_pictures_that_it_was_trained_on_is_left(on_features: Path) -> None:
    classifier = open_classifier(on_features)
    before = suggested(on_features, 3)
    pixels = np.stack(
        [np.asarray(Image.open(f"photos/{name}.png")) for name in sorted({"0-0", "0-1", "0-2"})]
    )
    _, features = classifier.probabilities_and_features(pixels)
    known = LabelledFeatures(
        features.astype(np.float16), np.array([0, 1, 1]), np.zeros((3, 32), np.uint8)
    )
    graph = str(classifier.manifest.features_sha256)
    save_features(on_features, FeatureMemory(known, known, graph, classifier.manifest.class_names))
    assert len(before) == 3
    assert "0" not in {name[0] for name in suggested(on_features, 3)}


def test_a_damaged_memory_is_said_and_has_no_say(on_features: Path, heard: Heard) -> None:
    expected = suggested(on_features, 3)
    Path("models/pets.history").mkdir(exist_ok=True)
    Path("models/pets.history/features.npz").write_bytes(b"damaged")
    assert suggested(on_features, 3) == expected
    assert "models/pets.history/features.npz is damaged" in heard.text


# ---- evaluate --review


def test_mistakes_are_shown_most_confident_first_with_what_they_are(trained: Trained) -> None:
    done = given("evaluate", "new", "--review", "page.html", "--json")
    assert done.exit_code == 0
    scores = json.loads(done.stdout)
    answers = rows_of(given("predict", "new", "--format", "jsonl").stdout)
    wrong = {path: row for path, row in answers.items() if row["label"] != Path(path).parts[1]}
    assert len(wrong) == round((1 - scores["accuracy"]) * scores["pictures"]) > 0
    found = data_of("page.html")
    here = {str(Path(path).absolute()): row for path, row in wrong.items()}
    assert set(found["paths"]) == set(here)
    assert found["confidences"] == sorted(found["confidences"], reverse=True)
    for path, label, truth in zip(found["paths"], found["labels"], found["truths"], strict=True):
        assert found["names"][label] == here[path]["label"]
        assert found["names"][truth] == Path(path).parts[-2]
    assert found["given"] == [None] * len(here)
    assert "imgclf retrain corrections.csv --model models/pets.keras" in done.stderr


def test_what_the_page_saves_is_taken_by_retrain(trained: Trained) -> None:
    given("evaluate", "new", "--review", "page.html")
    found = data_of("page.html")
    with Path("corrections.csv").open("w", newline="") as file:
        rows = zip(found["paths"], (found["names"][one] for one in found["truths"]), strict=True)
        csv.writer(file).writerows([("path", "label"), *rows])
    taken = read_inputs(["corrections.csv"], None, [])
    assert [str(one.path) for one in taken] == found["paths"]


def test_a_model_without_mistakes_has_an_empty_page(trained: Trained) -> None:
    answers = rows_of(given("predict", "new", "--format", "jsonl").stdout)
    right = [path for path, row in answers.items() if row["label"] == Path(path).parts[1]]
    Path("right.csv").write_text(
        "path,label\n" + "".join(f"{path},{Path(path).parts[1]}\n" for path in right)
    )
    done = given("evaluate", "right.csv", "--review", "page.html")
    assert done.exit_code == 0
    assert data_of("page.html")["paths"] == []
    assert "0 mistakes of pets in" in Path("page.html").read_text()


def test_scores_are_the_same_with_a_page_and_without(trained: Trained) -> None:
    seen: list[int] = []
    with_look = evaluate(trained.model, Path("new"), [], lambda part, *_: seen.append(len(part)))
    without = evaluate(trained.model, Path("new"), [])
    assert (with_look.scored_before, without.scored_before) == (0, 1)
    assert replace(without, scored_before=0) == with_look
    assert seen == [with_look.pictures]


def test_a_page_of_mistakes_replaces_nothing_of_yours(trained: Trained) -> None:
    Path("mine.html").write_text("mine")
    done = given("evaluate", "new", "--review", "mine.html")
    assert isinstance(done.exception, UsageError)
    assert Path("mine.html").read_text() == "mine"
