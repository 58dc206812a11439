"""Training: what it leaves behind, when it starts anew, and how it goes on."""

from __future__ import annotations

import csv
import os
import shutil
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from imgclf.backend import keras
from imgclf.commands.train import Trained, train
from imgclf.config.load import load_config
from imgclf.data.cache import decode_all
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.folder import scan
from imgclf.errors import BusyError, DataError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.runs.earlier import look_back
from imgclf.runs.resume import plan_training
from imgclf.system import console
from imgclf.system.lock import lock
from tests.support.heard import Heard, listen
from tests.support.trainings import CONFIG, log, weights


def test_a_run_folder_has_all_that_the_training_left(trained: Trained) -> None:
    there = {path.name for path in trained.run.path.iterdir()}
    assert there >= {
        "config.yaml",
        "config.resolved.yaml",
        "training.csv",
        "tensorboard",
        "checkpoints",
        "curves.png",
        "run.json",
    }
    assert (trained.run.path / "config.yaml").read_text() == CONFIG
    assert trained.run.curves.read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(log(trained).splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert set(rows[0]) >= {"accuracy", "loss", "val_accuracy", "val_loss", "learning_rate"}


def test_the_resolved_config_is_the_same_config(trained: Trained) -> None:
    resolved = load_config(trained.run.config_resolved)
    assert resolved.config == load_config(Path("pets.yaml")).config
    assert yaml.safe_load(resolved.text)["training"]["publish"] == "best"


def test_the_manifest_says_what_prediction_needs(trained: Trained) -> None:
    manifest = read_manifest(trained.model)
    assert manifest.name == "pets"
    assert manifest.version == 1
    assert manifest.class_names == ("cat", "dog")
    assert manifest.decoder.settings() == DecoderSettings(32, 32, "stretch")
    assert manifest.head == "sigmoid"
    assert manifest.features_sha256 is not None
    assert manifest.data is not None
    assert (manifest.data.training, manifest.data.validation) == (48, 12)


def test_the_published_model_is_that_of_the_best_validation_epoch(trained: Trained) -> None:
    rows = list(csv.DictReader(log(trained).splitlines()))
    scores = [float(row["val_accuracy"]) for row in rows]
    assert trained.record.published_epoch is not None
    assert trained.record.scores is not None
    assert scores[trained.record.published_epoch - 1] == max(scores)
    assert trained.record.scores.accuracy == pytest.approx(max(scores), abs=1e-6)
    best = keras.models.load_model(trained.run.path / "checkpoints" / "best.keras")
    for ours, checkpoint in zip(weights(trained.model), best.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, checkpoint)


def test_publish_last_takes_the_last_epoch(trained: Trained) -> None:
    done = train(Path("pets.yaml"), ["training.publish=last"])
    assert done.record.published_epoch == 4


def test_a_finished_training_is_not_done_again(trained: Trained) -> None:
    before = trained.model.read_bytes()
    again = train(Path("pets.yaml"))
    assert again.outcome == "unchanged"
    assert again.run.path == trained.run.path
    assert trained.model.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("change", ["config", "pictures"])
def test_a_change_since_makes_a_new_run_and_keeps_the_old_version(
    trained: Trained, change: str
) -> None:
    old = trained.model.read_bytes()
    if change == "pictures":
        shutil.copy("new/cat/cat-001.jpg", "dataset/cat/one-more.jpg")
    overrides = ["training.epochs=1"] if change == "config" else []
    done = train(Path("pets.yaml"), overrides)
    assert done.outcome == "trained"
    assert done.run.path != trained.run.path
    assert read_manifest(done.model).version == 2
    assert Path("models/pets.history/versions/0001.keras").read_bytes() == old


@pytest.mark.parametrize(
    ("overrides", "anew"),
    [
        ([], False),  # nothing may have changed
        (["training.seed=5"], True),
        (["training.epochs=9"], False),  # goes on
    ],
)
def test_what_surely_begins_a_new_run_is_known_before_pictures_are_read(
    trained: Trained, overrides: list[str], anew: bool
) -> None:
    loaded = load_config(Path("pets.yaml"), overrides)
    asked = (loaded.name, loaded.config)
    earlier = look_back(*asked)
    assert earlier is not None
    assert earlier.is_another == anew
    if anew:
        same_pictures = trained.record.data_fingerprint
        plan = plan_training(*asked, earlier, same_pictures, published=True)
        assert plan.run.path != trained.run.path
    trained.run.write(msgspec.structs.replace(trained.record, status="running"))
    earlier = look_back(*asked)
    assert earlier is not None
    assert not earlier.is_another  # it may go on, or conflict
    shutil.rmtree("runs")
    assert look_back(*asked) is None


@pytest.mark.slow
def test_it_says_what_it_replaced(trained: Trained) -> None:
    assert trained.replaced is None
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    assert done.replaced is not None
    assert (done.replaced.version, done.replaced.scores) == (1, trained.record.scores)


@pytest.mark.slow
def test_nobody_listening_is_no_reason_to_stop(trained: Trained) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it, but for `predict`
    try:
        with os.fdopen(writing, "w") as stream:
            console.use(console.Console(stream))
            done = train(Path("pets.yaml"), ["training.epochs=1"])
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert done.outcome == "trained"


@pytest.mark.slow
def test_the_working_directory_itself_can_be_the_data_set(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn / "dataset", in_folder, dirs_exist_ok=True)
    Path("pets.yaml").write_text(CONFIG.replace("directory: dataset", "directory: ."))
    assert read_manifest(train(Path("pets.yaml")).model).class_names == ("cat", "dog")
    assert train(Path("pets.yaml")).outcome == "unchanged"


@pytest.mark.slow
def test_a_finished_run_that_has_lost_its_config_is_kept(trained: Trained) -> None:
    trained.run.config_resolved.unlink()
    record = trained.run.read()
    done = train(Path("pets.yaml"))
    assert done.run.path != trained.run.path
    assert trained.run.read() == record


@pytest.mark.slow
def test_two_trainings_with_one_seed_are_equal_and_with_another_are_not(
    trained: Trained,
) -> None:
    first = weights(trained.model)
    again = weights(train(Path("pets.yaml"), fresh=True).model)
    other = weights(train(Path("pets.yaml"), ["training.seed=5"]).model)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_run_that_another_process_is_at_is_left_to_it(trained: Trained) -> None:
    with lock(Path("runs/pets")), pytest.raises(BusyError):
        train(Path("pets.yaml"), fresh=True)


@pytest.mark.slow
def test_pictures_that_cannot_be_read_are_named_and_left_out(trained: Trained) -> None:
    Path("dataset/cat/cut.jpg").write_bytes(Path("dataset/cat/cat-001.jpg").read_bytes()[:600])
    Path("dataset/dog/notes.txt").write_text("hello")
    heard = listen()
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    said = heard.text
    assert "left out dataset/cat/cut.jpg: truncated" in said
    assert "left out dataset/dog/notes.txt: not a picture (.txt)" in said
    manifest = read_manifest(done.model)
    assert manifest.data is not None
    assert manifest.data.training + manifest.data.validation == 60


def test_a_class_of_unreadable_pictures_is_an_error(trained: Trained) -> None:
    for path in Path("dataset/cat").iterdir():
        path.write_text(f"no picture: {path}")
    with pytest.raises(DataError, match="cat: 0 to train on"):
        train(Path("pets.yaml"))


@pytest.mark.slow
def test_three_classes_give_a_softmax_head(trained: Trained) -> None:
    shutil.copytree("new/dog", "dataset/wolf")
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    manifest = read_manifest(done.model)
    assert manifest.head == "softmax"
    assert manifest.class_names == ("cat", "dog", "wolf")
    pixels = decode(Path("new/dog/dog-001.jpg"), manifest.decoder.settings())
    row = open_classifier(done.model).probabilities(pixels[np.newaxis])[0]
    assert row.shape == (3,)
    assert row.sum() == pytest.approx(1)


def test_training_and_prediction_decode_to_equal_arrays(trained: Trained) -> None:
    settings = DecoderSettings(32, 32, "stretch")
    folder = scan(Path("dataset"), 0.2, 123)
    cached = decode_all(folder.training, settings)
    for picture, pixels in zip(folder.training, cached.pixels, strict=True):
        np.testing.assert_array_equal(decode(picture.path, settings), pixels)


def test_plain_keras_opens_the_model_and_agrees(trained: Trained) -> None:
    classifier = open_classifier(trained.model)
    paths = sorted(Path("new").rglob("*.jpg"))
    pixels = np.stack([decode(path, classifier.manifest.decoder.settings()) for path in paths])
    expected = keras.models.load_model(trained.model).predict(pixels, verbose=0)
    found = classifier.probabilities(pixels)
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-5)


@pytest.mark.slow
def test_the_summary_is_shown_before_training(trained: Trained, heard: Heard) -> None:
    train(Path("pets.yaml"), ["training.epochs=1"], summary=True)
    before, _, _ = heard.text.partition("epoch 1/1")
    assert "Conv2D" in before
    assert "Total params" in before


def test_the_worst_finding_is_said_in_a_line(trained: Trained) -> None:
    shutil.copy("dataset/cat/cat-001.jpg", "dataset/dog/cat-001.jpg")
    shutil.copy("dataset/cat/cat-002.jpg", "dataset/cat/again.jpg")
    heard = listen()
    train(Path("pets.yaml"), ["training.epochs=1"])
    [line] = [line for line in heard.text.splitlines() if "imgclf check" in line]
    assert line.startswith("warning: two labels: dataset/")
    assert line.endswith(" is cat and dog; 1 more finding: imgclf check pets.yaml")
