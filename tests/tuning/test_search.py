"""What is drawn next, and what is given up: the same whether or not a search was cut short."""

from __future__ import annotations

import pytest

from imgclf.config.tune import Pruner, Range, Tune
from imgclf.tuning.search import Drawn, Search
from imgclf.tuning.trials import Trial, best_first, chosen, finalists, is_over

RANGES = {
    "training.optimizer.learning_rate": Range(low=1e-4, high=1e-2, log=True),
    "training.epochs": Range(low=2, high=9),
    "training.optimizer": Range(choices=("adam", ["sgd"])),
}
EPOCHS = 12


def tune(pruner: Pruner = "median") -> Tune:
    return Tune(ranges=RANGES, pruner=pruner)


def ended(drawn: Drawn | None, number: int, **known: object) -> Trial:
    values = {"monitor": "val_accuracy", "mode": "max", "state": "finished"} | known
    of_draw = {} if drawn is None else {"drawn": drawn.drawn, "overrides": drawn.overrides}
    return Trial(tuning="a", number=number, run="", **of_draw, **values)  # type: ignore[arg-type]


def carried_out(search: Search, trials: list[Trial], until: int) -> list[Trial]:
    """Trials whose accuracy falls with the learning rate, as far as they are let go."""
    for number in range(len(trials), until):
        if number == 0:
            trials.append(ended(None, 0, value=0.5, values=(0.5,) * EPOCHS))
            search.add(trials[0])
            continue
        drawn, values = search.draw(), []
        state = "finished"
        for epoch in range(EPOCHS):
            rate = drawn.drawn["training.optimizer.learning_rate"]
            values.append(0.9 - 20 * rate + epoch / 1000)
            if drawn.hopeless(epoch, values[-1]):
                state = "pruned"
                break
        marks, value = drawn.marks, max(values)
        trials.append(
            ended(drawn, number, state=state, values=tuple(values), value=value, marks=marks)
        )
        drawn.tell(trials[-1])
    return trials


def test_values_lie_in_their_ranges_and_read_well() -> None:
    search = Search(tune(), 1, EPOCHS)
    trials = carried_out(search, [], 15)
    seen = [dict(one.split("=") for one in trial.overrides) for trial in trials[1:]]
    rates = [values["training.optimizer.learning_rate"] for values in seen]
    assert all(1e-4 <= float(rate) <= 1e-2 for rate in rates)
    assert all(float(rate) == float(f"{float(rate):.4g}") for rate in rates)
    assert {values["training.optimizer"] for values in seen} == {"adam", "[sgd]"}
    assert {int(values["training.epochs"]) for values in seen} <= set(range(2, 10))
    assert trials[0].overrides == ()


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "none"])
def test_a_search_that_goes_on_draws_and_gives_up_as_if_it_had_never_stopped(
    pruner: Pruner,
) -> None:
    whole = carried_out(Search(tune(pruner), 1, EPOCHS), [], 16)
    states = [trial.state for trial in whole]
    assert ("pruned" in states) is (pruner != "none")
    again = Search(tune(pruner), 1, EPOCHS)
    for trial in whole[:11]:
        again.add(trial)
    assert carried_out(again, whole[:11], 16) == whole


def test_nothing_is_given_up_in_the_first_epochs() -> None:
    trials = carried_out(Search(tune(), 1, EPOCHS), [], 16)
    assert min(len(trial.values) for trial in trials if trial.state == "pruned") == 1 + EPOCHS // 6


def test_the_best_has_the_best_value_then_the_lowest_loss_and_came_first() -> None:
    trials = [
        ended(None, 0, value=0.8, loss=0.5),
        ended(None, 1, value=0.9, loss=0.5),
        ended(None, 2, value=0.9, loss=0.4),
        ended(None, 3, value=0.9, loss=0.4),
        ended(None, 4, value=0.99, state="pruned"),
        ended(None, 5, state="failed"),
    ]
    assert [trial.number for trial in best_first(trials)] == [2, 3, 1, 0]
    by_loss = [ended(None, n, mode="min", value=value) for n, value in enumerate((0.3, 0.2, 0.4))]
    assert [trial.number for trial in best_first(by_loss)] == [1, 0, 2]


def test_it_is_over_when_trials_or_time_are_spent() -> None:
    trials = [ended(None, number, seconds=30.0) for number in range(3)]
    assert not is_over(trials, 4, None)
    assert is_over(trials, 3, None)
    assert not is_over(trials, 4, 91.0)
    assert is_over(trials, 4, 90.0)
    assert not is_over([], 4, 1.0)


def judged(number: int, *wrong: int, **known: object) -> Trial:
    overrides = (f"data.batch_size={number}",) if number else ()
    return ended(None, number, judged_wrong=wrong, judged=100, overrides=overrides, **known)


def test_finalists_are_the_config_as_it_stands_and_the_five_best_of_other_values() -> None:
    values = (0.5, 0.6, 0.9, 0.7, 0.8, 0.65, 0.75)
    trials = [ended(None, n, value=value, overrides=(f"{n}",)) for n, value in enumerate(values)]
    trials[0] = ended(None, 0, value=0.5)
    trials.append(ended(None, 7, value=0.9, overrides=("2",)))  # drawn twice
    assert [trial.number for trial in finalists(trials)] == [0, 2, 4, 6, 3, 5]
    assert finalists(trials[:1]) == trials[:1]


def test_by_cross_validation_the_config_stays_unless_it_is_beaten_beyond_chance() -> None:
    # Of 100 pictures, five to none are beyond chance, four to none and five to one are not.
    standing = judged(0, 1, 2, 3, 4, 5, value=0.8)
    assert chosen([standing, judged(1, value=0.7)]).number == 1
    assert chosen([judged(0, 1, 2, 3, 4, value=0.8), judged(1, value=0.9)]).number == 0
    assert chosen([standing, judged(1, 6, value=0.9)]).number == 0
    assert chosen([standing, judged(1, 6, value=0.9), judged(2, value=0.7)]).number == 2
    # As many right: the earlier.
    assert chosen([standing, judged(1, value=0.8), judged(2, value=0.9)]).number == 1


def test_without_cross_validation_the_best_value_is_chosen() -> None:
    trials = [ended(None, 0, value=0.8), ended(None, 1, value=0.9, overrides=("1",))]
    assert chosen(trials).number == 1
