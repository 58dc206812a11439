"""Going on with a training: what may change on the way, what is a conflict, and extending."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from imgclf.commands.evaluate import evaluate
from imgclf.commands.train import Trained, train
from imgclf.data.first_rules import find_by_first_rules
from imgclf.errors import BusyError, Interrupted, Terminated, UsageError
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.versions import versions
from imgclf.runs.commits import load_latest
from imgclf.runs.earlier import look_back
from imgclf.runs.folder import new_run
from imgclf.system import console
from imgclf.system.lock import lock
from tests.support.config_texts import DATA, load
from tests.support.earlier_runs import finished_run, interrupted_run, plan
from tests.support.heard import Heard, listen
from tests.support.layouts import lay_out
from tests.support.trainings import CONFIG, STOPPER, assert_equal, log, weights

PETS = Path("pets.yaml")


@pytest.fixture
def pets(drawn: Path, in_folder: Path) -> Path:
    """A data set, a config, and a callback that interrupts where the file "stop" says."""
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    PETS.write_text(CONFIG + "callbacks:\n- stopper.py:Stop\n- EarlyStopping: {patience: 3}\n")
    Path("stopper.py").write_text(STOPPER)
    Path("stop").write_text("")
    return in_folder


def stop_at(moment: str, *overrides: str, error: type[Exception] = Interrupted) -> Exception:
    """Trains from the beginning until it is interrupted."""
    Path("stop").write_text(moment)
    with pytest.raises(error) as caught:
        train(PETS, overrides, fresh=True)
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize(
    "augmentation",
    [
        "[RandomFlip: {mode: horizontal, dtype: float64}]",
        "[RandAugment: {}, RandomErasing: {}, MixUp: {}, CutMix: {}]",
    ],
    ids=["in the step", "where batches are made"],
)
def test_a_training_stopped_again_and_again_ends_as_if_nothing_had_happened(
    pets: Path, augmentation: str
) -> None:
    declared = "augmentation: [RandomFlip: {mode: horizontal, dtype: float64}]"
    assert declared in CONFIG
    PETS.write_text(PETS.read_text().replace(declared, f"augmentation: {augmentation}"))
    whole = train(PETS)
    expected = weights(whole.model)
    shutil.move("models", "whole")
    began = "the training is stopped before anything is kept"
    for moment, error, saved, begins in (
        ("epoch 0", Interrupted, "", began),
        ("epoch 1 batch 1: SIGTERM", Terminated, "saved in epoch 2 after batch 2", began),
        ("epoch 1 batch 0: SIGINT", Interrupted, "saved after epoch 2", "epoch 1, batch 2"),
        ("validation 2: SIGINT", Interrupted, "saved after epoch 3", "epoch 2"),
    ):
        Path("stop").write_text(moment)
        heard = listen()
        with pytest.raises(error, match="to go on: imgclf train pets") as caught:
            train(PETS, fresh=moment == "epoch 0")
        assert caught.value.exit_status == (143 if error is Terminated else 130)
        assert saved in heard.text
        assert ("going on after" in heard.text) == (begins is not began)
        assert begins is began or f"going on after {begins}\n" in heard.text
    resumed = train(PETS)
    assert resumed.outcome == "resumed"
    assert_equal(resumed, whole)
    for ours, others in zip(weights(resumed.model), expected, strict=True):
        np.testing.assert_array_equal(ours, others)
    assert [manifest.version for manifest in versions(resumed.model)] == [1]


def test_a_second_signal_ends_at_once_with_the_last_commit_intact(pets: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    stop_at("epoch 2 batch 0: SIGINT SIGINT")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    (run,) = Path("runs/pets").iterdir()
    commit = load_latest(run / "state")
    assert commit is not None
    assert (commit.epoch, commit.batch) == (2, 0)


class Interrupting(Heard):
    """Ctrl-C in the midst of something.

    Args:
        doing: Its description.
    """

    def __init__(self, doing: str) -> None:
        super().__init__()
        self._doing = doing

    @contextmanager
    def track(self, description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        now = description == self._doing
        yield lambda steps: os.kill(os.getpid(), signal.SIGINT) if now else None


@pytest.mark.parametrize("doing", ["reading pictures", "decoding pictures"])
def test_an_interruption_before_the_training_leaves_nothing_half_done(
    pets: Path, doing: str
) -> None:
    console.use(Interrupting(doing))
    with pytest.raises(Interrupted, match="to go on: imgclf train pets"):
        train(PETS)
    assert Path(".imgclf-cache").exists() == (doing == "decoding pictures")
    assert not list(Path(".imgclf-cache").glob("*"))
    assert not list(Path("runs").glob("*/*"))


@pytest.mark.slow
def test_a_conflict_names_the_fields_and_fresh_resolves_it(pets: Path) -> None:
    stop_at("epoch 2", "training.optimizer.learning_rate=0.002")
    overrides = [
        "data.batch_size=8",
        "callbacks.EarlyStopping.patience=4",
        "model.layers.Conv2D.filters=4",
    ]
    with pytest.raises(UsageError) as caught:
        train(PETS, overrides)
    for line in (
        "was interrupted after epoch 2",
        "  data.batch_size: 16 -> 8\n",
        "  callbacks.EarlyStopping.patience: 3 -> 4\n",
        "  model.layers.1.filters: 8 -> 4\n",
        "  training.optimizer.learning_rate: 0.002 -> not set\n",
        "imgclf train pets.yaml --set training.optimizer.learning_rate=0.002",
        "--fresh",
    ):
        assert line in str(caught.value)
    interrupted = list(Path("runs/pets").iterdir())
    done = train(PETS, [*overrides, "training.epochs=1"], fresh=True)
    assert done.outcome == "trained"
    assert interrupted[0].exists() and done.run.path not in interrupted


@pytest.mark.slow
def test_a_state_of_another_config_than_the_folder_says_is_refused(pets: Path) -> None:
    stop_at("epoch 1")
    PETS.write_text(PETS.read_text().replace("batch_size: 16", "batch_size: 8"))
    (resolved,) = Path("runs/pets").glob("*/config.resolved.yaml")
    resolved.write_text(resolved.read_text().replace("batch_size: 16", "batch_size: 8"))
    with pytest.raises(UsageError, match="state of another training: its config is not"):
        train(PETS)


@pytest.mark.slow
def test_words_that_yaml_1_1_takes_for_the_same_are_a_change(pets: Path) -> None:
    Path("mine.py").write_text(
        "from imgclf.backend import keras\n"
        "class Mine(keras.callbacks.Callback):\n"
        "    def __init__(self, mode):\n"
        "        super().__init__()\n"
        "        self.mode = mode\n"
    )
    PETS.write_text(f"{CONFIG}callbacks: [{{mine.py:Mine: {{mode: on}}}}]\n")
    one_epoch = ["training.epochs=1"]
    first = train(PETS, one_epoch)
    assert train(PETS, one_epoch).outcome == "unchanged"
    PETS.write_text(PETS.read_text().replace("mode: on", "mode: yes"))
    second = train(PETS, one_epoch)
    assert second.outcome == "trained"
    assert second.run.path != first.run.path


@pytest.mark.slow
def test_changed_pictures_are_a_conflict_and_moved_ones_are_not(pets: Path) -> None:
    stop_at("epoch 1")
    Path("dataset").rename("elsewhere")
    moved = ["data.directory=elsewhere", "training.epochs=2"]
    copy = Path("elsewhere/cat/one-more.jpg")
    shutil.copy("new/cat/cat-001.jpg", copy)
    with pytest.raises(UsageError, match=r"data\.directory: the pictures of then -> those in else"):
        train(PETS, moved)
    copy.unlink()
    heard = listen()
    assert train(PETS, moved).outcome == "resumed"
    assert "taken up: training.epochs: 4 -> 2" in heard.text


@pytest.mark.slow
def test_fewer_epochs_than_were_trained_is_said(pets: Path) -> None:
    stop_at("epoch 2 batch 1: SIGTERM", error=Terminated)
    with pytest.raises(UsageError, match="has trained 2 epochs and some batches"):
        train(PETS, ["training.epochs=2"])


@pytest.mark.slow
def test_interrupted_before_the_first_commit_is_no_conflict(pets: Path) -> None:
    stop_at("epoch 0")
    done = train(PETS, ["data.batch_size=8", "training.epochs=1"])
    assert done.outcome == "trained"


@pytest.mark.slow
def test_a_finished_training_is_extended_as_if_it_had_been_that_long_at_once(
    trained: Trained,
) -> None:
    old = trained.model.read_bytes()
    heard = listen()
    extended = train(PETS, ["training.epochs=6"])
    assert extended.outcome == "resumed"
    assert extended.run.path == trained.run.path
    assert "going on after epoch 4" in heard.text
    assert read_manifest(extended.model).version == 2
    assert Path("models/pets.history/versions/0001.keras").read_bytes() == old
    assert yaml.safe_load(extended.run.config_resolved.read_text())["training"]["epochs"] == 6
    assert train(PETS, ["training.epochs=6"]).outcome == "unchanged"
    at_once = train(PETS, ["training.epochs=6"], fresh=True)
    assert_equal(extended, at_once)


@pytest.mark.slow
def test_a_training_that_a_callback_ended_is_not_extended(pets: Path) -> None:
    stopping = ["callbacks.EarlyStopping={patience: 0, min_delta: 100}"]
    done = train(PETS, stopping)
    assert done.record.epochs_run == 2
    heard = listen()
    assert train(PETS, [*stopping, "training.epochs=9"]).outcome == "unchanged"
    assert "a callback ended" in heard.text


@pytest.mark.slow
def test_what_is_published_can_be_changed_without_training_again(trained: Trained) -> None:
    last = train(PETS, ["training.publish=last"])
    assert (last.run.path, last.record.published_epoch) == (trained.run.path, 4)
    assert log(last) == log(trained)
    assert read_manifest(last.model).version == 2


@pytest.mark.slow
def test_a_model_that_somebody_is_correcting_is_waited_for(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.commands.publish._PATIENCE", 0.1)
    with lock(trained.model), pytest.raises(BusyError):
        train(PETS, ["training.publish=last"])
    assert read_manifest(trained.model).version == 1
    assert train(PETS, ["training.publish=last"]).record.published_epoch == 4


@pytest.mark.slow
def test_a_model_that_is_gone_is_published_again(trained: Trained) -> None:
    before = weights(trained.model)
    trained.model.unlink()
    again = train(PETS)
    assert again.run.path == trained.run.path
    for ours, others in zip(weights(again.model), before, strict=True):
        np.testing.assert_array_equal(ours, others)


@pytest.mark.slow
def test_without_its_state_a_longer_training_is_a_new_run(trained: Trained) -> None:
    shutil.rmtree(trained.run.path / "state")
    heard = listen()
    done = train(PETS, ["training.epochs=5"])
    assert done.run.path != trained.run.path
    assert "keeps no state to go on from" in heard.text


def test_what_a_training_left_that_was_killed_before_its_record_is_removed(
    in_folder: Path,
) -> None:
    runs = Path("runs/pets")
    empty, killed, other, begun = (f"2026-11-22T10-15-0{number}" for number in range(4))
    for name in (empty, killed, other, begun, "mine"):
        (runs / name).mkdir(parents=True)
    for name in (f"{killed}/.run.x1y2.tmp.json", f"{other}/notes.txt", f"{begun}/run.json"):
        (runs / name).touch()
    (runs / "2026-11-22T10-15-09").symlink_to("mine")

    new_run("pets", datetime(2026, 11, 22))

    left = {other, begun, "mine", "2026-11-22T10-15-09"}
    assert {path.name for path in runs.iterdir()} == left


FROZEN = f"{DATA}model: {{backbone: EfficientNetLite0}}\ntraining: {{epochs: 4}}\n"
FINE_TUNED = FROZEN.replace("4}", "4, fine_tune: 3}")


def test_the_first_phase_of_two_can_be_extended_and_shortened_on_the_way(in_folder: Path) -> None:
    run = interrupted_run(load(FINE_TUNED), epoch=2)
    heard = listen()
    for epochs in (6, 2):
        planned = plan(load(FINE_TUNED, f"training.epochs={epochs}"))
        assert (planned.run.path, planned.commit is not None) == (run.path, True)
        assert f"taken up: training.epochs: 4 -> {epochs}" in heard.text
    with pytest.raises(UsageError, match=r"has trained 2 epochs, and training\.epochs is 1"):
        plan(load(FINE_TUNED, "training.epochs=1"))


def test_a_first_phase_that_is_over_can_be_extended_until_the_second_has_begun(
    in_folder: Path,
) -> None:
    interrupted_run(load(FINE_TUNED), epoch=4)
    assert plan(load(FINE_TUNED, "training.epochs=5")).commit is not None


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("epochs", [2, 5, 9])
def test_once_the_second_phase_has_begun_the_epochs_of_the_first_are_a_conflict(
    epochs: int, batch: int, in_folder: Path
) -> None:
    # A callback had ended the first after three of its four.
    run = interrupted_run(load(FINE_TUNED), epoch=5, batch=batch, phase=1, phase_began=3)
    with pytest.raises(UsageError) as caught:
        plan(load(FINE_TUNED, f"training.epochs={epochs}"))
    assert str(caught.value) == (
        f"{run.path} was interrupted after epoch 5, and what is asked for now is another training:"
        f"\n  training.epochs: 4 -> {epochs} (the second phase has begun, after epoch 3)\n"
        "go on with it: imgclf train pets.yaml\nor start over: add --fresh"
    )


def test_a_second_phase_is_gone_on_with_though_more_epochs_are_done_than_the_first_has(
    in_folder: Path,
) -> None:
    run = interrupted_run(load(FINE_TUNED), epoch=6, batch=1, phase=1, phase_began=4)
    planned = plan(load(FINE_TUNED, "training.publish=last"))
    assert planned.run.path == run.path
    assert planned.commit is not None
    assert (planned.commit.phase, planned.commit.phase_began) == (1, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.fine_tune=9", "training.fine_tune.epochs: 3 -> 9"),
        ("training.fine_tune.from=40", "training.fine_tune.from: all -> 40"),
        ("training.fine_tune=none", "training.fine_tune.epochs: 3 -> not set"),
        ("model.backbone.weights=none", "model.backbone.weights: not set -> none"),
        ("model.backbone=Xception", "model.backbone: EfficientNetLite0 -> Xception"),
    ],
)
@pytest.mark.parametrize("phase", [0, 1])
def test_another_fine_tuning_or_another_backbone_is_another_training(
    change: str, said: str, phase: int, in_folder: Path
) -> None:
    interrupted_run(load(FINE_TUNED), phase=phase)
    with pytest.raises(UsageError) as caught:
        plan(load(FINE_TUNED, change))
    assert said in str(caught.value)
    finished = finished_run(load(FINE_TUNED), epoch=7, phase=1, phase_began=4)
    heard = listen()
    assert plan(load(FINE_TUNED, change)).run.path != finished.path
    assert said in heard.text


@pytest.mark.parametrize("epochs", [3, 5, 8])
def test_a_training_that_was_fine_tuned_can_not_be_extended_and_a_new_run_says_why(
    epochs: int, in_folder: Path
) -> None:
    run = finished_run(load(FINE_TUNED), epoch=7, phase=1, phase_began=4)
    assert plan(load(FINE_TUNED), published=True).what == "nothing"
    longer = load(FINE_TUNED, f"training.epochs={epochs}")
    heard = listen()
    planned = plan(longer, published=True)
    assert (planned.run.path != run.path, planned.commit) == (True, None)
    assert f"this is another training than {run.path}, and a run of its own:" in heard.text
    assert f"training.epochs: 4 -> {epochs} (it was fine-tuned after these)" in heard.text
    earlier = look_back("pets", longer.config)
    assert earlier is not None and earlier.is_another


def test_what_was_fine_tuned_can_be_published_otherwise(in_folder: Path) -> None:
    run = finished_run(load(FINE_TUNED), epoch=7, phase=1, phase_began=4)
    planned = plan(load(FINE_TUNED, "training.publish=last"), published=True)
    assert planned.run.path == run.path
    assert planned.commit is not None


def test_to_fine_tune_what_is_finished_is_a_new_run(in_folder: Path) -> None:
    run = finished_run(load(FROZEN), epoch=4)
    heard = listen()
    assert plan(load(FINE_TUNED, "training.epochs=5"), published=True).run.path != run.path
    assert "training.fine_tune.epochs: not set -> 3" in heard.text
    assert "it was fine-tuned" not in heard.text


def test_a_frozen_training_is_extended_like_any_other(in_folder: Path) -> None:
    run = finished_run(load(FROZEN), epoch=4)
    planned = plan(load(FROZEN, "training.epochs=6"), published=True)
    assert (planned.run.path, planned.commit is not None) == (run.path, True)


@pytest.mark.parametrize("backbone", ["other.keras", "{MobileNetV2: {weights: other.keras}}"])
def test_another_file_of_the_backbone_is_another_training(backbone: str, in_folder: Path) -> None:
    Path("other.keras").write_bytes(b"of then")
    text = FROZEN.replace("EfficientNetLite0", backbone)
    interrupted_run(load(text))
    assert plan(load(text)).commit is not None
    Path("other.keras").write_bytes(b"of now")
    with pytest.raises(UsageError, match=r"model\.backbone: other\.keras of then -> that of now"):
        plan(load(text))
    Path("other.keras").write_bytes(b"of then")
    finished_run(load(text), epoch=4)
    assert plan(load(text), published=True).what == "nothing"
    Path("other.keras").write_bytes(b"of now")
    earlier = look_back("pets", load(text).config)
    assert earlier is not None and earlier.is_another
    # A change that the config says itself is said once.
    heard = listen()
    plan(load(FROZEN), published=True)
    assert "that of now" not in heard.text


def test_a_run_of_earlier_rules_keeps_its_pictures_and_says_what_a_new_one_would_see(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out("elsewhere/far.jpg\ndataset/cat/more -> ../../elsewhere\n")
    for number in range(1, 7):  # for two the copy falls in the other part
        with Image.open(f"dataset/dog/dog-{number:03}.jpg") as picture:
            picture.resize((64, 64)).save(f"dataset/dog/small-{number}.png")
    with monkeypatch.context() as of_then:
        of_then.setattr(
            "imgclf.data.dataset.find_files", lambda place, _: find_by_first_rules(place)
        )
        of_then.setattr("imgclf.data.dataset._kept_together", lambda folder, *_: folder)
        stop_at("epoch 1", "training.epochs=2")
    heard = listen()
    resumed = train(PETS, ["training.epochs=2"])
    assert resumed.outcome == "resumed"
    assert "a new run would see 2 classes (cat, dog): 5" in heard.text
    trained_on = read_manifest(resumed.model).data
    assert trained_on is not None
    assert (trained_on.training, trained_on.validation) == (53, 13)
    heard = listen()
    assert evaluate(resumed.model, None, []).pictures == 13
    assert "has changed" not in heard.text
    assert train(PETS, ["training.epochs=2"]).outcome == "unchanged"
    anew = read_manifest(train(PETS, ["training.epochs=1"], fresh=True).model).data
    assert anew is not None
    assert anew.training + anew.validation == 67
