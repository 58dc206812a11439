"""`imgclf train --find-lr`, and `learning_rate: auto`."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.commands.find_learning_rate import find_learning_rate
from imgclf.commands.train import Trained, train
from imgclf.config.load import load_config
from imgclf.errors import ConfigError, Interrupted, UsageError
from imgclf.runs.folder import all_runs
from tests.support.trainings import STOPPER, assert_equal

PETS = Path("pets.yaml")
AUTO = ["training.optimizer={Adam: auto}", "training.epochs=3"]


def test_a_rate_is_proposed_drawn_and_nothing_else_is_left(trained: Trained) -> None:
    before = [run.path for run in all_runs()]
    model = Path("models/pets.keras").read_bytes()
    found = find_learning_rate(load_config(PETS))
    assert list(found.proposed) == ["training.optimizer.learning_rate"]
    assert 1e-5 < found.proposed["training.optimizer.learning_rate"] < 0.1
    assert found.plot == Path("runs/pets/learning-rate.png")
    assert found.plot.read_bytes().startswith(b"\x89PNG")
    assert [run.path for run in all_runs()] == before
    assert Path("models/pets.keras").read_bytes() == model
    assert train(PETS).outcome == "unchanged"


def test_a_rate_that_is_found_stands_in_the_run_and_outlives_a_stop(trained: Trained) -> None:
    Path("stopper.py").write_text(STOPPER)
    Path("stop").touch()
    options = [*AUTO, "callbacks=[stopper.py:Stop]"]
    whole = train(PETS, options)
    assert whole.record.settled is not None and whole.record.settled.rates is not None
    rate = whole.record.settled.rates.optimizer
    assert rate is not None
    log = (whole.run.path / "training.csv").read_text().splitlines()
    column = log[0].split(",").index("learning_rate")
    assert float(log[1].split(",")[column]) == pytest.approx(rate)
    Path("stop").write_text("epoch 1 batch 1")
    with pytest.raises(Interrupted):
        train(PETS, options, fresh=True)
    resumed = train(PETS, options)
    assert resumed.outcome == "resumed"
    assert resumed.record.settled == whole.record.settled
    assert_equal(resumed, whole)


def config(folder: Path, training: str) -> Path:
    path = folder / "pets.yaml"
    path.write_text(
        "data: {directory: dataset}\nmodel: {backbone: EfficientNetLite0}\n"
        f"training: {{{training}}}\n"
    )
    return path


@pytest.mark.parametrize(
    "training",
    ["optimizer: {Adam: auto}", "optimizer: {SGD: {learning_rate: auto, momentum: 0.9}}"],
)
def test_auto_may_stand_in_an_optimizer_and_is_there_again_when_read(
    tmp_path: Path, training: str
) -> None:
    loaded = load_config(config(tmp_path, training))
    assert loaded.config.training.optimizer.arguments["learning_rate"] == "auto"
    again = tmp_path / "again.yaml"
    again.write_text(loaded.resolved_yaml())
    assert load_config(again).config.training == loaded.config.training


@pytest.mark.parametrize(
    ("training", "key"),
    [
        ("optimizer: {Adam: autom}", "training.optimizer.learning_rate"),
        ("fine_tune: {learning_rate: autom}", "training.fine_tune.learning_rate"),
        (
            "optimizer: {Adam: auto}, distribution: data_parallel",
            "training.optimizer.learning_rate",
        ),
        (
            "fine_tune: {learning_rate: auto}, distribution: data_parallel",
            "training.fine_tune.learning_rate",
        ),
    ],
)
def test_what_auto_can_not_be_is_named(tmp_path: Path, training: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config(tmp_path, training))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.line == 3


def test_where_the_rate_follows_a_schedule_there_is_no_one_rate_to_look_for(
    tmp_path: Path,
) -> None:
    schedule = "{CosineDecay: {initial_learning_rate: 1e-3, decay_steps: 9}}"
    path = config(tmp_path, f"optimizer: {{Adam: {{learning_rate: {schedule}}}}}")
    with pytest.raises(UsageError, match="the learning rate of Adam follows CosineDecay"):
        find_learning_rate(load_config(path))
