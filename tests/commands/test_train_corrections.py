"""What people said of pictures is in the next training, and the new model is watched."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, retrain
from imgclf.commands.train import Trained, train
from imgclf.config.load import load_config
from imgclf.corrections.corrected_pictures import keep_picture, kept_file
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.journal import Entry, Outcome, append_to_journal
from imgclf.data.dataset import read_config_dataset
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.picture_files import file_digest
from imgclf.errors import Interrupted, ModelFileError, UsageError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.runs.folder import RunFolder, latest_run
from tests.support.heard import Heard
from tests.support.trainings import CONFIG, STOPPER, assert_equal, weights

PETS, MODEL = Path("pets.yaml"), Path("models/pets.keras")
_STOPPED = CONFIG + "callbacks: ['stopper.py:Stop']\n"
_IS = "(training.corrections: ignore leaves them out)"


def say(
    label: str, *paths: Path | str, outcome: Outcome = "corrected", rather: str | None = None
) -> None:
    """As `imgclf retrain` leaves it, without what the model learns of it.

    Args:
        rather: What the features speak for, if they speak against the label.
    """
    for path in map(Path, paths):
        digest = file_digest(path)
        if outcome in ("corrected", "left out"):
            keep_picture(MODEL, digest, path, decode(path, DecoderSettings(32, 32)))
        place, was = str(path.absolute()), rather or "?"
        entry = Entry("2026-01-01", place, digest, was, label, outcome, 2, rather is not None)
        append_to_journal(MODEL, [entry])


def new(animal: str) -> list[Path]:
    return sorted(Path("new", animal).iterdir())


def held_out(animal: str) -> list[Path]:
    data = read_config_dataset(load_config(PETS).config.data)
    label = data.folder.class_names.index(animal)
    return [one.path for one in data.validation.pictures if one.label == label]


def counts() -> tuple[int, int]:
    data = read_manifest(MODEL).data
    assert data is not None
    return data.training, data.validation


def test_pictures_that_people_corrected_are_trained_on(trained: Trained, heard: Heard) -> None:
    assert counts() == (48, 12)
    first, second, third, fourth = new("dog")[:4]
    say("dog", first, second)
    say("dog", third, outcome="left out")
    say("dog", fourth, outcome="right already")
    for picture in (first, second, third):
        picture.unlink()  # they are kept beside the model
    say("cat", *held_out("cat")[:1])
    relabelled = sorted(Path("dataset/dog").iterdir())[0]
    assert relabelled not in held_out("dog")
    say("cat", relabelled)
    done = train(PETS)
    assert done.outcome == "trained"
    assert done.run.path != trained.run.path
    assert counts() == (48 + 5, 12 - 1)
    assert (
        "6 pictures that people corrected are trained on: 4 that the data set doesn't have; "
        f"1 that it has under another label ({relabelled} is cat); 1 that it held out {_IS}"
    ) in heard.text
    assert "training.corrections: what people had said of pictures by then -> " in heard.text
    assert done.watched.pictures == 5  # what was right already was no correction


def test_nothing_new_was_said_so_there_is_nothing_to_do(trained: Trained, heard: Heard) -> None:
    say("dog", new("dog")[0])
    done = train(PETS)
    assert (
        "1 picture that people corrected is trained on: 1 that the data set doesn't" in heard.text
    )
    before = MODEL.read_bytes()
    say("dog", new("dog")[0], outcome="right already")
    assert train(PETS).outcome == "unchanged"
    assert MODEL.read_bytes() == before
    again = train(PETS, ["training.corrections=ignore"])
    assert again.outcome == "trained"
    assert counts() == (48, 12)
    assert done.record.data_fingerprint.startswith(again.record.data_fingerprint + "+")


def test_the_latest_word_counts_and_what_was_taken_back_does_not(
    trained: Trained, heard: Heard
) -> None:
    first, second = new("dog")[:2]
    say("dog", first, second)
    say("cat", first)
    say("dog", second, outcome="forgotten")
    assert kept_file(MODEL, file_digest(second)) is not None
    train(PETS)
    assert counts() == (49, 12)
    run = latest_run("pets")
    assert run is not None
    [pinned] = json.loads(run.labels_given.read_bytes())
    assert (pinned["digest"], pinned["label"]) == (file_digest(first), "cat")


def test_a_label_that_is_no_class_is_left_out_by_name(trained: Trained, heard: Heard) -> None:
    say("dgo", new("dog")[0])
    assert train(PETS).outcome == "unchanged"
    assert (
        "warning: 1 picture that people said to be dgo can't be trained on: the classes are cat, "
        "dog; did you mean dog?"
    ) in heard.text


def test_a_file_that_went_away_is_left_out_with_a_line(trained: Trained, heard: Heard) -> None:
    first, second = new("dog")[:2]
    say("dog", first)
    say("dog", second, outcome="right already")
    kept = kept_file(MODEL, file_digest(first))
    assert kept is not None
    kept.unlink()
    first.unlink()
    second.unlink()
    assert train(PETS).outcome == "unchanged"
    for path in (first, second):
        assert f"left out {path.absolute()}: No such file or directory" in heard.text


def test_a_doubtful_correction_is_named_and_stands_in_the_report(
    trained: Trained, heard: Heard
) -> None:
    first, second = new("dog")[:2]
    say("cat", first, second, rather="dog")
    say("cat", first, outcome="right already")  # said again, when it had been learned
    say("dog", second)  # and that was taken back
    done = train(PETS)
    doubt = (
        f"{kept_file(MODEL, file_digest(first))}: said to be cat, and its features speak for dog"
    )
    assert f"this one may be a mistake: {doubt}\n" in heard.text
    page = done.run.report.read_text()
    assert page.count("doubtful corrections") == 1
    assert doubt in page


def test_a_journal_that_is_no_file_is_an_error_that_names_it(trained: Trained) -> None:
    os.mkfifo("models/pets.history/journal.jsonl")
    with pytest.raises(ModelFileError) as caught:
        train(PETS)
    assert caught.value.message.startswith("models/pets.history/journal.jsonl is no journal")


def interrupted(moment: str) -> RunFolder:
    Path("stopper.py").write_text(STOPPER)
    Path("stop").write_text(moment)
    PETS.write_text(_STOPPED)
    with pytest.raises(Interrupted):
        train(PETS)
    run = latest_run("pets")
    assert run is not None
    return run


def test_an_interrupted_training_goes_on_with_what_was_said_when_it_began(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    say("dog", *new("dog")[:3])
    say("cat", held_out("cat")[0])
    shutil.copytree(".", tmp_path / "straight")
    run = interrupted("epoch 2 batch 1")
    # Cron goes on correcting.
    say("dog", new("dog")[5])
    say("cat", new("dog")[0])
    done = train(PETS)
    assert (done.outcome, done.run.path) == ("resumed", run.path)
    assert (
        f"of 2 pictures people have said more since {run.path} began: the next training takes "
        "that in"
    ) in heard.text
    ours = weights(done.model)
    resumed = replace(done, run=RunFolder(done.run.path.absolute()), model=MODEL.absolute())
    monkeypatch.chdir(tmp_path / "straight")
    Path("stopper.py").write_text(STOPPER)
    Path("stop").touch()
    PETS.write_text(_STOPPED)
    straight = train(PETS)
    assert_equal(resumed, straight)
    for one, other in zip(ours, weights(straight.model), strict=True):
        assert one.tobytes() == other.tobytes()
    monkeypatch.chdir(tmp_path / "work")
    following = train(PETS)
    assert (following.outcome, following.run.path == run.path) == ("trained", False)
    assert counts() == (48 + 5, 11)


def test_a_training_that_began_before_anything_was_said_goes_on_without(
    trained: Trained, heard: Heard
) -> None:
    run = interrupted("epoch 1")
    say("dog", new("dog")[0])
    done = train(PETS)
    assert (done.outcome, done.run.path) == ("resumed", run.path)
    assert counts() == (48, 12)
    assert train(PETS).outcome == "trained"
    assert counts() == (49, 12)


def test_an_interrupted_training_whose_pictures_are_gone_is_a_conflict(
    trained: Trained, heard: Heard
) -> None:
    say("dog", new("dog")[0])
    run = interrupted("epoch 1")
    shutil.rmtree("models/pets.history/corrected")
    with pytest.raises(UsageError) as caught:
        train(PETS)
    assert caught.value.message == (
        f"{run.path} was interrupted after epoch 1, and what is asked for now is another "
        "training:\n  training.corrections: what people had said of pictures by then -> what "
        "they have said by now"
    )
    assert "corrected/" in heard.text  # which file it is
    run.labels_given.write_bytes(b"nothing")
    with pytest.raises(UsageError) as caught:
        train(PETS)
    assert caught.value.message.startswith(f"{run.labels_given} is damaged: ")
    assert train(PETS, fresh=True).outcome == "trained"


_PRETRAINED = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model: {backbone: models/base.keras, layers: [{Dropout: 0.2}]}
training: {epochs: 3, fine_tune: {epochs: 1, learning_rate: 0.001}}
callbacks: ['stopper.py:Stop']
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["epoch 1 batch 1", "epoch 3 batch 1"])
def test_so_it_does_on_a_pretrained_network_in_either_phase(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shutil.copy(MODEL, "models/base.keras")
    PETS.write_text(_PRETRAINED)
    Path("stopper.py").write_text(STOPPER)
    say("dog", *new("dog")[:3])
    say("cat", new("dog")[4], held_out("dog")[0])
    shutil.copytree(".", tmp_path / "straight")
    Path("stop").write_text(moment)
    with pytest.raises(Interrupted):
        train(PETS, fresh=True)
    say("dog", new("dog")[5])
    done = train(PETS)
    assert done.outcome == "resumed"
    assert counts() == (48 + 5, 11)
    ours = weights(done.model)
    resumed = replace(done, run=RunFolder(done.run.path.absolute()))
    monkeypatch.chdir(tmp_path / "straight")
    Path("stop").touch()
    straight = train(PETS, fresh=True)
    assert_equal(resumed, straight)
    for one, other in zip(ours, weights(straight.model), strict=True):
        assert one.tobytes() == other.tobytes()


def command(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_what_the_new_model_has_wrong_all_the_same_is_listed_with_the_command(
    trained: Trained, heard: Heard
) -> None:
    # Whatever it learns in one epoch, it can't be that.
    say("cat", *new("dog")[:2])
    say("dog", *new("cat")[:2])
    options = "training.epochs=1", "training.optimizer={Adam: 0.0001}"
    arguments = ["train", str(PETS), *(f"--set={option}" for option in options)]
    out, _ = command(*arguments, "--json")
    found = json.loads(out)
    assert found["corrected"] == 4
    wrong = {one["path"]: (one["label"], one["predicted"]) for one in found["still_wrong"]}
    run = latest_run("pets")
    assert run is not None
    assert wrong
    assert set(wrong.values()) <= {("cat", "dog"), ("dog", "cat")}
    assert found["to_correct_them"] == f"imgclf retrain {run.still_wrong} --model {MODEL}"
    with run.still_wrong.open(newline="") as stream:
        rows = [(row["path"], row["label"]) for row in csv.DictReader(stream)]
    assert rows == [(path, label) for path, (label, _) in wrong.items()]
    _, err = command(*arguments, "--fresh")
    assert f"{len(wrong)} of 4 pictures that people corrected are wrong all the same:" in err
    assert "to correct them: imgclf retrain runs/" in err


@pytest.mark.slow
def test_from_correction_to_training_to_correction(trained: Trained, heard: Heard) -> None:
    rows = predict(open_classifier(MODEL), find_inputs(["new"], []))
    wrong = [row.path for row in rows if row.label != Path(row.path).parent.name]
    labelled = [Labelled(Path(path), Path(path).parent.name) for path in wrong]
    assert retrain(MODEL, labelled, Options(max_drop=1.0)).outcome == "corrected"
    done = train(PETS)
    assert done.watched.pictures == len(wrong)
    assert counts()[0] == 48 + len(wrong)
    assert read_manifest(MODEL).corrections == ()
    if done.watched.table is not None:
        from imgclf.corrections.inputs import read_inputs
        from imgclf.data.left_out import LeftOut

        listed = read_inputs([str(done.watched.table)], None, None, ("cat", "dog"), LeftOut())
        assert retrain(MODEL, listed, Options(max_drop=1.0)).outcome == "corrected"
