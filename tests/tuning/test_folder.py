"""What a search has left: gone on with, refused or begun anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.tune import Range, Tune
from imgclf.errors import UsageError
from imgclf.tuning.folder import Tuning, plan_tuning
from imgclf.tuning.search import Search
from imgclf.tuning.trials import Trial, ended_trials
from tests.support.config_texts import SMALLEST, load

SEARCHED = f"{SMALLEST}tune: {{trials: 2, ranges: {{training.epochs: [3, 4]}}}}\n"


def plan(folder: Path, *overrides: str, fresh: bool = False) -> Tuning:
    return plan_tuning(load(SEARCHED, *overrides), folder, "p", "float32", fresh=fresh)


def keep(folder: Path, tuning: Tuning, number: int) -> None:
    run = folder / f"{tuning.stamp}-trial-{number:03d}"
    run.mkdir()
    Trial(tuning=tuning.stamp, number=number, state="finished", run=str(run)).keep()


def test_the_same_search_is_gone_on_with_and_more_trials_are_the_same(tmp_path: Path) -> None:
    first = plan(tmp_path)
    keep(tmp_path, first, 0)
    assert plan(tmp_path, "tune.trials=9", "data.cache=none").stamp == first.stamp
    assert plan(tmp_path, fresh=True).stamp != first.stamp


def test_another_search_is_refused_until_the_one_before_is_over(tmp_path: Path) -> None:
    first = plan(tmp_path)
    keep(tmp_path, first, 0)
    with pytest.raises(UsageError) as caught:
        plan(tmp_path, "tune.pruner=none", "data.batch_size=8")
    assert "was interrupted after 1 of 2 trials" in caught.value.message
    assert caught.value.message.splitlines()[1:] == [
        "  data.batch_size: 32 -> 8",
        "  tune.pruner is another",
    ]
    assert caught.value.hint == "start over: add --fresh"
    keep(tmp_path, first, 1)
    assert plan(tmp_path, "data.batch_size=8").stamp != first.stamp


def test_trials_count_up_to_the_first_that_is_missing_or_damaged(tmp_path: Path) -> None:
    tuning = plan(tmp_path)
    for number in (0, 1, 2, 4):
        keep(tmp_path, tuning, number)
    assert [trial.number for trial in ended_trials(tmp_path, tuning.stamp)] == [0, 1, 2]
    (tmp_path / f"{tuning.stamp}-trial-001" / "trial.json").write_text('{"number": 1')
    assert [trial.number for trial in ended_trials(tmp_path, tuning.stamp)] == [0]
    assert ended_trials(tmp_path, "another") == []


@pytest.mark.parametrize("config", ['{"data": 3}', '{"tune": {"trials": "x"}}'])
def test_a_search_that_says_no_more_what_it_was_is_begun_anew_on_request(
    config: str, tmp_path: Path
) -> None:
    before = plan(tmp_path)
    file = tmp_path / "tuning.json"
    text = f'"config": {config}, "data_fingerprint": "p", "backbone_fingerprint": null'
    file.write_text(f'{{"stamp": "{before.stamp}", {text}, "precision": "float32"}}')
    with pytest.raises(UsageError, match="is damaged: it does not say what was searched"):
        plan(tmp_path)
    assert plan(tmp_path, fresh=True).config["data"]["batch_size"] == 32


def test_a_trial_of_values_that_no_range_has_is_refused() -> None:
    search = Search(Tune(ranges={"training.epochs": Range(low=3, high=4)}), 1, 4)
    strange = Trial(
        tuning="a", number=1, state="finished", run="runs/x", drawn={"training.epochs": 9}
    )
    with pytest.raises(UsageError, match="runs/x holds what is no trial of this search"):
        search.add(strange)
