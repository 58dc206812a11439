"""Several labels for a picture, from the table to the answer.

Pictures of up to three coloured squares, each in its own corner, and each colour is a label.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.commands.check import check
from imgclf.commands.compare import compare
from imgclf.commands.cross_validate import cross_validate
from imgclf.commands.evaluate import evaluate
from imgclf.commands.evaluate_against import evaluate_against
from imgclf.commands.export import export
from imgclf.commands.output_places import refuse_to_replace_rows
from imgclf.commands.predict import predict
from imgclf.commands.report import report
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained, train
from imgclf.commands.tune import tune
from imgclf.commands.watch import watch
from imgclf.corrections.inputs import Labelled
from imgclf.errors import Interrupted, ModelFileError, UsageError
from imgclf.model.multi_label import MultiLabelEvaluation
from imgclf.model_file.archive import MANIFEST, read_manifest
from imgclf.report.prediction_rows import RowFormat, row_writer
from imgclf.report.row_log import RowLog
from imgclf.suspects.find import find_suspects
from imgclf.system.files import open_output
from imgclf.system.signals import StopRequest
from tests.support.command_line import imgclf
from tests.support.heard import Heard
from tests.support.model_files import rewritten
from tests.support.trainings import STOPPER, assert_equal, is_whole

pytestmark = pytest.mark.slow

_COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
_PLACES = {"blue": (2, 14), "green": (14, 2), "red": (2, 2)}
_NAMES = tuple(_COLOURS)
_CONFIG = """\
data:
  {table: labels.csv, multi_label: true, validation_split: 0.3, image_size: 24, batch_size: 16}
augmentation: [RandomTranslation: {height_factor: 0.02, width_factor: 0.02}]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 5, strides: 3, activation: relu}
    - Flatten
training: {epochs: 12, optimizer: {Adam: 0.01}}
"""


def draw(folder: Path, count: int, seed: int) -> dict[str, list[str]]:
    """So many pictures, and their labels by path."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    labels = {}
    for number in range(count):
        pixels = random.integers(0, 60, (24, 24, 3)).astype(np.uint8)
        has = [name for name in _NAMES if random.random() < 0.45]
        for name in has:
            row, column = _PLACES[name]
            pixels[row : row + 8, column : column + 8] += np.array(_COLOURS[name], np.uint8) // 2
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        labels[str(path)] = has
    return labels


@pytest.fixture(scope="module")
def trained_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """The folder, in which new/ and new.csv weren't trained on."""
    folder, before = tmp_path_factory.mktemp("several"), Path.cwd()
    os.chdir(folder)
    try:
        rows = [f"{path},{'|'.join(has)}" for path, has in draw(Path("set"), 120, 1).items()]
        Path("labels.csv").write_text("\n".join(["path,labels", *rows]))
        new = draw(Path("new"), 40, 2)
        rows = [
            f"{path},{','.join('01'[name in has] for name in _NAMES)}" for path, has in new.items()
        ]
        Path("new.csv").write_text("\n".join([f"path,{','.join(_NAMES)}", *rows]))
        Path("several.yaml").write_text(_CONFIG)
        Path("stopper.py").write_text(STOPPER)
        Path("stop").touch()
        return folder, train(Path("several.yaml"))
    finally:
        os.chdir(before)


@pytest.fixture
def trained(trained_in: tuple[Path, Trained], monkeypatch: pytest.MonkeyPatch) -> Trained:
    """In the folder, for tests that leave it as it is."""
    monkeypatch.chdir(trained_in[0])
    return trained_in[1]


@pytest.fixture
def own(
    trained_in: tuple[Path, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trained:
    """In a copy of the folder."""
    shutil.copytree(trained_in[0], tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    return trained_in[1]


def truth() -> dict[str, tuple[str, ...]]:
    with Path("new.csv").open() as stream:
        rows = csv.DictReader(stream)
        return {row["path"]: tuple(name for name in _NAMES if row[name] == "1") for row in rows}


def written(model: Path, form: RowFormat, paths: list[str], top: int | None = None) -> str:
    stream = io.StringIO()
    write = row_writer(stream, form, _NAMES, top, multi_label=True)
    for row in predict(model, paths):
        write(row)
    return stream.getvalue()


def test_the_labels_of_other_pictures_are_found_without_keras(trained: Trained) -> None:
    manifest = read_manifest(trained.model)
    assert (manifest.format_version, manifest.head) == (3, "multi_label")
    assert manifest.class_names == _NAMES
    assert len(manifest.label_thresholds) == 3
    assert manifest.features_sha256 is not None
    assert is_whole(trained.model)
    found = {row.path: row.labels for row in predict(trained.model, "new")}
    right = [found[path] == labels for path, labels in truth().items()]
    assert sum(right) >= 36
    assert () in found.values()


def test_what_is_predicted_is_what_plain_keras_says(trained: Trained) -> None:
    from imgclf.backend import keras
    from imgclf.data.decoder import decode

    manifest, paths = read_manifest(trained.model), [f"new/{number}.png" for number in range(8)]
    pixels = np.stack([decode(path, manifest.decoder.settings()) for path in paths])
    plain = keras.models.load_model(trained.model).predict(pixels.astype(np.float32), verbose=0)
    logits = np.log(plain / (1 - plain)) / manifest.temperature
    rows = predict(trained.model, paths)
    said = [list(row.probabilities.values()) for row in rows]
    assert np.array(said) == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-4)


def test_the_log_counts_single_answers(trained: Trained) -> None:
    rows = list(csv.DictReader((trained.run.path / "training.csv").open()))
    assert list(rows[0]) == [
        *("epoch", "binary_accuracy", "learning_rate", "loss", "val_binary_accuracy", "val_loss")
    ]
    assert float(rows[-1]["loss"]) < 0.2


def test_rows_have_all_labels_in_a_form_that_can_be_read(trained: Trained) -> None:
    paths = [*truth()][:6]
    tsv = written(trained.model, RowFormat.TSV, [*paths, "none.png"]).splitlines()
    assert tsv[0].split("\t") == [
        *("path", "labels", "probability_blue", "probability_green", "probability_red"),
        *("error", "unlike"),
    ]
    assert tsv[-1].split("\t") == ["none.png", "", "", "", "", "no such file", ""]
    objects = [
        json.loads(line) for line in written(trained.model, RowFormat.JSONL, paths).splitlines()
    ]
    assert [line.split("\t")[1] for line in tsv[1:-1]] == [
        "|".join(one["labels"]) for one in objects
    ]
    assert set(objects[0]) == {"path", "labels", "probabilities", "error", "unlike"}
    ranked = csv.DictReader(io.StringIO(written(trained.model, RowFormat.CSV, paths, top=1)))
    best = [max(one["probabilities"], key=one["probabilities"].get) for one in objects]
    assert [row["label_1"] for row in ranked] == best
    table = written(trained.model, RowFormat.TABLE, paths).splitlines()
    assert table[0].split() == ["labels", "picture"]
    for one, line in zip(objects, table[1:], strict=True):
        assert line.startswith(f"{', '.join(one['labels']) or '(none)'} ")


@pytest.mark.parametrize("form", RowFormat)
def test_rows_replace_rows(own: Trained, form: RowFormat) -> None:
    place = Path("rows.txt")
    place.write_text(written(own.model, form, [*truth()][:1]))
    refuse_to_replace_rows(place)


def test_what_it_predicts_can_be_trained_on(own: Trained, heard: Heard) -> None:
    with open_output(Path("said.csv")) as stream:
        stream.write(written(own.model, RowFormat.CSV, [*truth()]))
    checked = check(Path("several.yaml"), ["data.table=said.csv"])
    assert "the labels of a picture are divided by '|' in the column labels" in checked.notes[0]
    assert list(checked.counts) == list(_NAMES)


def test_other_pictures_are_scored_by_each_label_and_by_all_together(own: Trained) -> None:
    found = evaluate(own.model, Path("new.csv"), [])
    assert isinstance(found, MultiLabelEvaluation)
    assert (found.part, found.trained_on, found.pictures, found.scored_before) == ("test", 0, 40, 0)
    assert found.subset_accuracy >= 0.9
    assert found.macro_f1 >= 0.9
    supports = [sum(name in labels for labels in truth().values()) for name in _NAMES]
    assert [one.support for one in found.classes.values()] == supports
    assert tuple(one.threshold for one in found.classes.values()) == (
        read_manifest(own.model).label_thresholds
    )
    again = evaluate(own.model, Path("new.csv"), [])
    assert again.scored_before == 1


def test_held_out_pictures_are_those_that_the_thresholds_were_chosen_by(
    trained: Trained, heard: Heard
) -> None:
    found = evaluate(trained.model, None, [])
    assert isinstance(found, MultiLabelEvaluation)
    scores = read_manifest(trained.model).scores
    assert scores is not None
    assert (scores.accuracy, scores.macro_f1) == (found.subset_accuracy, found.macro_f1)
    assert scores.pictures == found.pictures == trained.record.scores.pictures  # type: ignore[union-attr]
    assert "the thresholds of several were chosen on these pictures" in heard.text


def test_the_command_line_says_all_of_it(own: Trained) -> None:
    lines = imgclf("evaluate", "new.csv").stdout.splitlines()
    assert lines[0].startswith("test subset accuracy: ")
    assert [line.split()[0] for line in lines[-3:]] == list(_NAMES)
    assert json.loads(imgclf("evaluate", "new.csv", "--json").stdout)["classes"].keys() == {*_NAMES}


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "new/0.png", "--min-confidence", "0.5"),
        ("predict", "new/0.png", "--sort-into", "sorted"),
        ("predict", "new/0.png", "--suggest", "1"),
        ("predict", "new/0.png", "--review", "page.html"),
        ("evaluate", "--review", "page.html"),
    ],
)
def test_options_for_one_label_are_refused(trained: Trained, arguments: tuple[str, ...]) -> None:
    done = imgclf(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        f"{arguments[-2]} is for models that give a picture one label; several gives" in done.stderr
    )
    assert not Path("page.html").exists()
    assert not Path("sorted").exists()


def test_what_is_for_one_label_is_refused_before_anything_is_done(
    trained: Trained, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path("models").rglob("*")}
    with pytest.raises(UsageError, match="imgclf retrain is for models that give a picture one"):
        retrain(trained.model, [Labelled(Path("new/0.png"), "blue;red")])
    with pytest.raises(UsageError, match="min_confidence is for models"):
        predict(trained.model, "new", 0.5)
    with pytest.raises(UsageError, match="--suspects is for models"):
        find_suspects(trained.model, None)
    with pytest.raises(UsageError, match="--against is for models"):
        evaluate_against(trained.model, trained.model, None)
    for place in (trained.model, Path("several.yaml")):
        with pytest.raises(UsageError, match="--cross-validate is for pictures of one label"):
            cross_validate(place, 3, [])
    with pytest.raises(UsageError, match="imgclf compare is for pictures of one label"):
        compare(Path("several.yaml"), overrides=["data.image_size=64"])
    with pytest.raises(UsageError, match="imgclf tune is for pictures of one label"):
        tune(Path("several.yaml"))
    log = RowLog(tmp_path / "rows.csv", RowFormat.CSV, None)
    with pytest.raises(UsageError, match="--watch is for models that give a picture one label"):
        watch([Path("new")], trained.model, log, {}, StopRequest())
    assert {path: path.stat().st_mtime_ns for path in Path("models").rglob("*")} == before


def test_nothing_is_kept_for_corrections_that_there_can_be_none_of(trained: Trained) -> None:
    kept = [path.name for path in Path("models").rglob("*") if path.suffix != ".lock"]
    assert kept == ["several.keras"]


def test_what_is_exported_says_from_where_on_each_label_is_given(own: Trained) -> None:
    done = export(own.model, "litert")
    labels, readme = (one.read_text() for one in done.companions)
    assert labels.splitlines() == list(_NAMES)
    assert "says which of 3 things, one or several or none, a picture" in readme
    needed = {
        name: float(number)
        for number, name in (line.split() for line in readme.splitlines() if line[2:4] == "0.")
    }
    manifest = read_manifest(own.model)
    for name, least in zip(_NAMES, manifest.label_thresholds, strict=True):
        logit = np.log(needed[name] / (1 - needed[name])) / manifest.temperature
        assert 1 / (1 + np.exp(-logit)) == pytest.approx(least, abs=1e-4)


def test_the_report_tells_of_labels(own: Trained) -> None:
    page = (own.run.path / "report.html").read_text()
    assert "Subset accuracy on validation pictures" in page
    assert "Worst mistakes" not in page
    assert not own.run.confusion.exists()
    assert own.run.calibration.exists()
    own.run.report.unlink()
    report("several")
    assert own.run.report.exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("label_thresholds", [0.5, 0.5], "2 thresholds for the 3 classes of a head 'multi_label'"),
        ("label_thresholds", [0.5, 0.5, 1.5], "Expected `float` <= 1.0"),
        ("head", "softmax", "3 thresholds for the 3 classes of a head 'softmax'"),
        (
            "corrections",
            [{"path": "a", "digest": "b", "label": "red", "was": "blue", "version": 1}],
            "a correction, which a model of several labels can't have",
        ),
    ],
)
def test_a_manifest_that_can_not_be_is_refused(
    own: Trained, key: str, value: object, message: str
) -> None:
    def tampered(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | {key: value}).encode()

    with pytest.raises(ModelFileError) as caught:
        read_manifest(rewritten(own.model, MANIFEST, tampered))
    assert message in str(caught.value)


def test_a_training_that_goes_on_ends_as_one_that_was_not_stopped(own: Trained) -> None:
    own_code = ['callbacks=["stopper.py:Stop"]', "training.epochs=3"]
    whole = train(Path("several.yaml"), [*own_code, "name=whole"])
    Path("stop").write_text("epoch 1 batch 2")
    with pytest.raises(Interrupted):
        train(Path("several.yaml"), [*own_code, "name=stopped"])
    assert_equal(train(Path("several.yaml"), [*own_code, "name=stopped"]), whole)


def test_a_head_on_a_pretrained_network_and_then_the_network_learn_several_labels(
    own: Trained, heard: Heard
) -> None:
    Path("built.yaml").write_text(
        "data: {table: labels.csv, multi_label: true, image_size: 24, batch_size: 16}\n"
        "model: {backbone: models/several.keras}\n"
        "training: {epochs: 4, optimizer: {Adam: 0.05}, "
        "fine_tune: {epochs: 1, learning_rate: 0.001}}\n"
    )
    built = train(Path("built.yaml"))
    found = evaluate(built.model, Path("new.csv"), [])
    assert isinstance(found, MultiLabelEvaluation)
    assert found.macro_f1 >= 0.9
    assert built.record.scores is not None
    assert built.record.scores.of_label_sets


def test_a_worse_model_does_not_take_the_place_of_the_one_in_use(own: Trained) -> None:
    before = own.model.read_bytes()
    worse = train(Path("several.yaml"), ["training.epochs=1", "training.optimizer={SGD: 1e-9}"])
    assert worse.record.refusal is not None
    assert worse.record.refusal.after < worse.record.refusal.before
    assert own.model.read_bytes() == before


def test_one_of_another_kind_takes_it_and_that_is_said(own: Trained, heard: Heard) -> None:
    with Path("labels.csv").open() as stream:
        given = [(row["path"], row["labels"].partition("|")[0]) for row in csv.DictReader(stream)]
    rows = [f"{path},{first}" for path, first in given if first]
    Path("one.csv").write_text("\n".join(["path,label", *rows]))
    done = train(
        Path("several.yaml"),
        ["data.table=one.csv", "data.multi_label=false", "training.epochs=1", "augmentation=[]"],
    )
    assert done.record.refusal is None
    assert "version 1 gives a picture several labels, and the new one does not" in heard.text
    assert read_manifest(done.model).head == "softmax"
