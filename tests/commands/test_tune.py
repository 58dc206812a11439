"""`imgclf tune`: trials of a config, and the best of them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from imgclf.backend import keras
from imgclf.cli import app
from imgclf.commands.report import report
from imgclf.commands.runs import runs
from imgclf.commands.train import train
from imgclf.commands.tune import Tuned, tune
from imgclf.config.load import load_config
from imgclf.errors import ConfigError, Interrupted, UsageError
from imgclf.tuning.search import require_optuna
from imgclf.tuning.trials import Trial
from tests.support.pretrained import on_backbone, written

# Learns in a moment; its accuracy depends on the rate, and 50 can't be trained with.
CONFIG = """\
# Drawn animals.
data: {directory: dataset, image_size: 16, batch_size: 16}
model: {layers: [Rescaling: 1/255, Flatten]}
training:
  epochs: 4 # few
  optimizer: {Adam: 1e-6}
callbacks: ["stopper.py:Stop"]
tune:
  trials: 3
  pruner: none
  ranges:
    training.optimizer.learning_rate: {low: 3e-3, high: 3e-2, log: true}
"""
# Ctrl-C in the second epoch of the second trial, where there is a file `stop`.
STOPPER = """\
from pathlib import Path
from imgclf.backend import keras
class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        stop = Path("stop")
        if stop.exists() and epoch == 1 and len(list(Path().glob("runs/*.tune/*/run.json"))) == 2:
            stop.unlink()
            raise KeyboardInterrupt
"""


def folder_with(drawn: Path, folder: Path) -> Path:
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    (folder / "pets.yaml").write_text(CONFIG)
    (folder / "stopper.py").write_text(STOPPER)
    return folder


@pytest.fixture(scope="module")
def tuned(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    """A search that was cut short and gone on with; its folder is the working directory."""
    folder = folder_with(drawn, tmp_path_factory.mktemp("tuned"))
    with chdir(folder):
        Path("stop").touch()
        with pytest.raises(Interrupted) as caught:
            tune(Path("pets.yaml"))
        assert caught.value.message == "interrupted; the trials that have ended are kept"
        assert caught.value.hint == "to go on: imgclf tune pets.yaml"
        with pytest.raises(UsageError) as refused:
            tune(Path("pets.yaml"), ["training.epochs=5"])
        assert "was interrupted after 1 of 3 trials" in refused.value.message
        assert "training.epochs: 4 -> 5" in refused.value.message
        yield tune(Path("pets.yaml"))


def as_found(trials: tuple[Trial, ...]) -> list[Trial]:
    """Without what differs from search to search."""
    return [replace(one, tuning="", run="", seconds=0.0) for one in trials]


@pytest.mark.slow
def test_killed_in_the_middle_it_comes_to_the_same(
    tuned: Tuned, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tuned.new_trials == 2
    monkeypatch.chdir(folder_with(drawn, tmp_path))
    assert as_found(tune(Path("pets.yaml")).trials) == as_found(tuned.trials)


@pytest.mark.slow
def test_trials_are_runs_that_publish_nothing_and_leave_no_state(tuned: Tuned) -> None:
    found = runs("pets.tune")
    assert sorted(run.path for run in found) == sorted(trial.run for trial in tuned.trials)
    assert {run.status for run in found} == {"finished"}
    assert found[0].scores["accuracy"] == tuned.best.accuracy
    assert {key for run in found for key in run.differs} == {"training.optimizer.learning_rate"}
    left = {path.name for trial in tuned.trials for path in Path(trial.run).iterdir()}
    wanted = {"config.yaml", "config.resolved.yaml", "run.json", "trial.json", "training.csv"}
    assert left == {*wanted, "tensorboard"}
    assert not Path("models").exists()
    with pytest.raises(UsageError, match="is a trial of imgclf tune, which have no report"):
        report(tuned.best.run)


@pytest.mark.slow
def test_the_best_is_written_as_a_config_that_trains_to_the_same(tuned: Tuned) -> None:
    best, first = tuned.best, tuned.trials[0]
    assert best.number > 0 and best.value is not None and first.value is not None
    assert best.value > first.value
    [override] = best.overrides
    rate = override.partition("=")[2]
    assert tuned.config == Path("pets-tuned.yaml")
    heading, text = tuned.config.read_text().split("\n", 1)
    assert text == CONFIG.replace("{Adam: 1e-6}", f"{{Adam: {{learning_rate: {rate}}}}}")
    assert heading.startswith(f"# pets.yaml, tuned: trial {best.number} of 2, val_accuracy ")
    done = train(tuned.config)
    assert done.model == Path("models/pets-tuned.keras")
    assert done.record.scores is not None
    assert done.record.scores.accuracy == best.accuracy
    assert done.record.published_epoch == best.epoch


@pytest.mark.slow
def test_how_far_it_is_above_the_config_as_it_stands_has_an_interval(tuned: Tuned) -> None:
    first, best, found = tuned.trials[0], tuned.best, tuned.difference
    assert found is not None and first.accuracy is not None and best.accuracy is not None
    assert found.by == pytest.approx(best.accuracy - first.accuracy)
    assert found.interval.low < found.by < found.interval.high
    assert found.pictures == first.pictures


@pytest.mark.slow
def test_asked_again_it_says_the_same_and_trains_nothing(tuned: Tuned) -> None:
    result = CliRunner().invoke(app, ["tune", "pets.yaml"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["trial", "val_accuracy", "val_loss", "epoch", "seconds", "with"]
    assert len(lines) == 1 + 3 + 2
    assert lines[-1] == "config: pets-tuned.yaml"
    assert f"best: trial {tuned.best.number}, +" in lines[-2]
    assert "nothing to do" in result.stderr
    assert "next: imgclf train pets-tuned.yaml" in result.stderr
    as_json = CliRunner().invoke(app, ["tune", "pets.yaml", "--json"])
    found = json.loads(as_json.stdout)
    assert found["best"] == tuned.best.number
    assert [one["value"] for one in found["trials"]] == [one.value for one in tuned.trials]


@pytest.mark.slow
def test_a_trial_that_can_not_be_trained_has_failed_and_the_others_go_on(
    tuned: Tuned,
) -> None:
    # Each of them is right by itself, and pooling has no pixels left to pool.
    ranges = "tune.ranges={model.layers: [[Flatten, GlobalAveragePooling2D]]}"
    done = tune(Path("pets.yaml"), [ranges, "tune.trials=2", "training.epochs=1"])
    assert [trial.state for trial in done.trials] == ["finished", "failed"]
    assert "GlobalAveragePooling2D can't follow the layers before it" in str(done.trials[1].failure)
    assert done.best.number == 0 and done.config is None and done.difference is None


def test_what_is_missing_is_said(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CONFIG.partition("callbacks")[0]
    Path("pets.yaml").write_text(text)
    with pytest.raises(UsageError) as nothing:
        tune(Path("pets.yaml"))
    assert nothing.value.message == "pets.yaml does not say what to tune"
    assert nothing.value.hint is not None
    example = nothing.value.hint.partition("\n")[2].replace("\n    ", "\n").removeprefix("    ")
    Path("pets.yaml").write_text(f"{text}{example}\n")
    assert load_config(Path("pets.yaml")).config.tune is not None

    Path("pets.yaml").write_text(f"{text}tune: {{ranges: {{training.epochs: [0]}}}}\n")
    with pytest.raises(ConfigError, match="0 can't stand there"):
        tune(Path("pets.yaml"))

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    with pytest.raises(UsageError) as missing:
        require_optuna()
    assert missing.value.hint == "pip install 'imgclf[tune]'"


@pytest.mark.slow
def test_on_features_the_best_are_cross_validated_and_what_was_judged_stays_so(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder_with(drawn, tmp_path))
    monkeypatch.setattr(importlib.import_module("imgclf.commands.tune"), "_FOLDS", 2)
    sigmoid = keras.layers.Dense(1, activation="sigmoid")
    written(on_backbone(sigmoid, size=(16, 16)), Path("base.keras"))
    config = CONFIG.replace("{layers: [Rescaling: 1/255, Flatten]}", "{backbone: base.keras}")
    Path("pets.yaml").write_text(config)
    short = ["tune.trials=2", "training.epochs=1"]
    done = tune(Path("pets.yaml"), short)
    first, second = done.trials
    pictures = len(list(Path("dataset").glob("*/*")))
    assert first.judged == second.judged == pictures
    assert first.judged_wrong is not None and second.judged_wrong is not None
    assert first.judged_accuracy == 1 - len(first.judged_wrong) / pictures
    if done.difference is not None:
        assert done.difference.cross_validated
        assert done.difference.pictures == pictures
    # Killed before the second was judged: that alone is judged again, and comes to the same.
    replace(first, judged_wrong=(0,)).keep()
    replace(second, judged_wrong=None, judged=0).keep()
    again = tune(Path("pets.yaml"), short)
    assert again.new_trials == 0
    assert [one.judged_wrong for one in again.trials] == [(0,), second.judged_wrong]
