"""Prediction: a row for each input, always, in the format that was asked for."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image
from typer.testing import CliRunner

from imgclf.backend import keras
from imgclf.callbacks.user_code import load_object
from imgclf.cli import app
from imgclf.commands.predict import find_inputs, load, picture_on, predict, reader
from imgclf.commands.train import Trained
from imgclf.data.decoder import decode
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import FEATURES, HEAD, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.report.prediction_rows import RowFormat, row_writer
from tests.support.heard import listen
from tests.support.layouts import lay_out, nobody_may_read

CAT = Prediction("a\tb.jpg", "cat", 0.75, {"cat": 0.75, "dog": 0.25}, None, unlike=False)
CUT = Prediction("cut.jpg", None, None, {}, "truncated")


def written(row_format: RowFormat, top: int | None = None) -> str:
    stream = io.StringIO()
    write = row_writer(stream, row_format, ["cat", "dog"], top)
    write(CAT)
    write(CUT)
    return stream.getvalue()


def test_a_picture_a_folder_and_a_list_give_the_same_answers(trained: Trained) -> None:
    classifier = open_classifier(trained.model)
    pictures = sorted(str(path) for path in Path("new").rglob("*.jpg"))
    folder = list(predict(classifier, find_inputs(["new"], [])))
    listed = list(predict(classifier, find_inputs(["-"], (f"{path}\n" for path in pictures))))
    single = [predict(classifier, path)[0] for path in pictures]
    assert [row.path for row in folder] == pictures
    assert folder == listed
    for one, other in zip(folder, single, strict=True):
        assert one.label == other.label
        assert one.confidence == pytest.approx(other.confidence, abs=1e-6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "ppm", "webp"])
def test_a_picture_on_standard_input_is_told_from_a_list_by_its_first_bytes(
    trained: Trained, suffix: str
) -> None:
    Image.open("new/cat/cat-001.jpg").save(f"one.{suffix}")
    picture = Path(f"one.{suffix}").read_bytes()
    piped = picture_on(io.BufferedReader(io.BytesIO(picture)))
    assert piped == picture
    classifier = open_classifier(trained.model)
    (of_file,) = predict(classifier, [f"one.{suffix}"])
    answers = list(classifier.stream(["-", "gone.jpg"], read=reader(piped)))
    assert answers[0] == replace(of_file, path="-")
    assert answers[1].error == "no such file"


@pytest.mark.parametrize("names", ["", "P1 beach.jpg\n", "BM.jpg\nGIF89a.gif\n", "größe.jpg\n"])
def test_a_list_on_standard_input_is_left_to_be_read(names: str) -> None:
    standard_input = io.BufferedReader(io.BytesIO(names.encode()))
    assert picture_on(standard_input) is None
    assert standard_input.read() == names.encode()


def test_answers_are_those_of_keras(trained: Trained) -> None:
    paths = sorted(Path("new").rglob("*.jpg"))
    settings = read_manifest(trained.model).decoder.settings()
    pixels = np.stack([decode(path, settings) for path in paths])
    dog = keras.models.load_model(trained.model).predict(pixels, verbose=0)[:, 0]
    rows = list(predict(open_classifier(trained.model), map(str, paths)))
    assert len(rows) == 20
    for row, probability in zip(rows, dog.tolist(), strict=True):
        assert row.label == ("dog" if probability > 0.5 else "cat")
        assert row.probabilities["dog"] == pytest.approx(probability, abs=1e-5)
        assert row.probabilities["cat"] == pytest.approx(1 - probability, abs=1e-5)
        assert row.confidence == max(row.probabilities.values())


def test_each_input_has_its_row_and_its_own_error(trained: Trained) -> None:
    Path("empty.jpg").touch()
    Path("text.png").write_text("hello")
    Path("cut.jpg").write_bytes(Path("new/cat/cat-001.jpg").read_bytes()[:700])
    inputs = ["new/cat/cat-001.jpg", "empty.jpg", "text.png", "cut.jpg", "gone.jpg"] * 20
    rows = list(predict(open_classifier(trained.model), inputs))
    assert [row.path for row in rows] == inputs
    assert [row.error for row in rows[:5]] == [
        None,
        "empty file",
        "not a picture",
        "truncated",
        "no such file",
    ]
    assert len({row.confidence for row in rows if row.path == "new/cat/cat-001.jpg"}) == 1


def test_a_folder_stands_for_its_pictures_and_not_for_its_other_files(trained: Trained) -> None:
    Path("new/notes.txt").write_text("hello")
    Path("new/.hidden.jpg").write_text("hello")
    found = list(find_inputs(["new"], []))
    assert len(found) == 20
    assert all(path.endswith(".jpg") for path in found)


def test_a_model_without_a_litert_graph_predicts_on_keras_and_says_so(trained: Trained) -> None:
    with_graph = list(predict(open_classifier(trained.model), ["new/cat/cat-001.jpg"]))
    manifest = msgspec.structs.replace(
        read_manifest(trained.model),
        features_sha256=None,
        head_sha256=None,
        litert_note="LiteRT can't express this model",
    )
    with zipfile.ZipFile(trained.model) as source, zipfile.ZipFile("bare.keras", "w") as target:
        for name in source.namelist():
            if name == "imgclf/manifest.json":
                target.writestr(name, msgspec.json.encode(manifest))
            elif name not in (FEATURES, HEAD):
                target.writestr(name, source.read(name))
    heard = listen()
    without = list(predict(open_classifier(Path("bare.keras")), [CAT_PATH]))
    assert without[0].label == with_graph[0].label
    assert without[0].unlike is None
    assert without[0].confidence == pytest.approx(with_graph[0].confidence, abs=1e-5)
    assert "LiteRT can't express this model" in heard.text


CAT_PATH = "new/cat/cat-001.jpg"

HOOKS = """\
from imgclf.backend import keras

seen = []

class Hooks(keras.callbacks.Callback):
    def on_predict_begin(self, logs=None): seen.append("begin")
    def on_predict_batch_begin(self, batch, logs=None): seen.append(f"{batch}")
    def on_predict_batch_end(self, batch, logs=None):
        seen.append(f"{batch}: {len(logs['outputs'])} of {self.model.output_shape[-1]}")
    def on_predict_end(self, logs=None): seen.append("end")
"""


def test_a_callback_gets_every_predict_hook_and_the_model(trained: Trained) -> None:
    Path("hooks.py").write_text(HOOKS)

    classifier = load(trained.model, ["hooks.py:Hooks"])
    rows = list(predict(classifier, find_inputs(["new", "new"], [])))
    assert load_object("hooks.py:seen") == ["begin", "0", "0: 32 of 1", "1", "1: 8 of 1", "end"]
    expected = list(predict(open_classifier(trained.model), find_inputs(["new"], [])))
    assert [row.label for row in rows[:20]] == [row.label for row in expected]


def test_tsv_has_a_column_for_each_class_and_escapes_tabs() -> None:
    assert written(RowFormat.TSV) == (
        "path\tlabel\tconfidence\tprobability_cat\tprobability_dog\terror\tunlike\n"
        "a\\tb.jpg\tcat\t0.750000\t0.750000\t0.250000\t\tno\n"
        "cut.jpg\t\t\t\t\ttruncated\t\n"
    )


def test_csv_is_what_a_csv_reader_reads() -> None:
    rows = list(csv.DictReader(io.StringIO(written(RowFormat.CSV))))
    assert rows[0]["path"] == "a\tb.jpg"
    assert rows[0]["probability_dog"] == "0.250000"
    assert rows[1]["error"] == "truncated"


def test_json_lines_have_numbers_and_nulls() -> None:
    first, second = map(json.loads, written(RowFormat.JSONL).splitlines())
    assert first == {
        "path": "a\tb.jpg",
        "label": "cat",
        "confidence": 0.75,
        "probabilities": {"cat": 0.75, "dog": 0.25},
        "error": None,
        "unlike": False,
    }
    assert (second["label"], second["error"]) == (None, "truncated")


def test_the_table_has_the_path_last_so_that_columns_line_up() -> None:
    assert written(RowFormat.TABLE) == (
        "label   confidence  picture\n"
        "cat          75.0%  a\tb.jpg  (cat 0.750  dog 0.250)\n"
        "-                -  cut.jpg: truncated\n"
    )


def test_top_keeps_the_likeliest() -> None:
    assert written(RowFormat.TSV, top=1).splitlines()[:2] == [
        "path\tlabel\tconfidence\tlabel_1\tprobability_1\terror\tunlike",
        "a\\tb.jpg\tcat\t0.750000\tcat\t0.750000\t\tno",
    ]
    assert json.loads(written(RowFormat.JSONL, top=1).splitlines()[0])["probabilities"] == {
        "cat": 0.75
    }


def predicted(*arguments: str) -> tuple[int, list[str], str]:
    """The exit status, the paths of the rows, and what was said."""
    before = signal.getsignal(signal.SIGPIPE)
    try:
        done = CliRunner().invoke(app, ["predict", "--format", "jsonl", *arguments])
    finally:
        signal.signal(signal.SIGPIPE, before)
    rows = [json.loads(line)["path"] for line in done.stdout.splitlines()]
    return done.exit_code, rows, done.stderr


def test_content_makes_a_picture_and_what_is_left_out_is_counted(trained: Trained) -> None:
    Path("new/cat/cat-001.jpg").rename("new/cat/IMG_0001")
    Path("new/dog/dog-001.jpg").rename("new/dog/dog-001.jpg:large")
    lay_out("new/a.txt: hello\nnew/b.txt: hello\nnew/.c.jpg\nnew/@eaDir/cat-001.jpg/S.jpg")
    status, rows, said = predicted("new")
    assert (status, len(rows)) == (0, 20)
    assert {"new/cat/IMG_0001", "new/dog/dog-001.jpg:large"} <= set(rows)
    assert said == (
        "left out 4 files: 2 not a picture (.txt); 1 in @eaDir, which a program has made; "
        "1 hidden file\n"
    )


def test_links_are_followed_and_what_cannot_be_read_is_status_4(trained: Trained) -> None:
    shutil.move("new/dog", "elsewhere")
    lay_out("new/dogs -> ../elsewhere\nnew/again -> dogs\nnew/cat/private/x.jpg")
    with nobody_may_read("new/cat/private"):
        status, rows, said = predicted("new")
    assert (status, len(rows)) == (4, 20)
    assert "warning: left out new/cat/private: permission denied\n" in said
    assert said.endswith(
        "left out 2 files: 1 permission denied; 1 a link to what is counted already\n"
    )


@pytest.mark.parametrize("layout", ["empty/", "empty/a.txt: hello", "empty/a.nef"])
def test_nothing_to_read_is_status_4(trained: Trained, layout: str) -> None:
    lay_out(layout)
    status, rows, said = predicted("empty")
    assert (status, rows) == (4, [])
    assert said.endswith("warning: no pictures in empty\n")
    assert len(said.splitlines()) == 1 + (layout != "empty/")
