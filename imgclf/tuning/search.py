"""Which values to try next, and which trials to give up: Optuna's, by what was found so far.

Optuna keeps nothing on disk here. What a trial came to stands in its run's folder, whole or not at
all, and is told to Optuna anew when a search goes on. Each draw has a seed of its own, so that a
search which was killed ends as one that never was.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imgclf.config.tune import Range, Tune, as_override
from imgclf.errors import UsageError
from imgclf.tuning.trials import Trial

if TYPE_CHECKING:
    import optuna

# Trials that are seen to their end before any is given up.
_TRAINED_TO_THE_END = 5
# The share of the epochs in which nothing is given up: what begins slowly may end well.
_UNTOUCHED = 1 / 6
# Of how many trials one is kept at each stage.
_REDUCTION = 3


def require_optuna() -> None:
    """Makes sure that it can be searched here.

    Raises:
        UsageError: Optuna is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError(
            "imgclf tune searches with Optuna, which is not installed",
            "pip install 'imgclf[tune]'",
        )


class Search:
    """A search; its trials are numbered from 0, and are told in that order.

    Args:
        tune: What is searched.
        seed: Of what is drawn.
        epochs: How many a trial has.
    """

    def __init__(self, tune: Tune, seed: int, epochs: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._ranges, self._seed = tune.ranges, seed
        self._distributions = {key: _distribution(one) for key, one in tune.ranges.items()}
        # All that is reported is such that more is better.
        self._study = optuna.create_study(direction="maximize", pruner=_pruner(tune, epochs))

    def add(self, trial: Trial) -> None:
        """Tells what a trial came to that was not drawn in this process, or not drawn at all.

        Raises:
            UsageError: It is none of this search.
        """
        import optuna

        sign = 1 if trial.mode == "max" else -1
        state = _state(trial)
        known = {} if trial.number == 0 else self._distributions
        try:
            told = optuna.trial.create_trial(
                state=state,
                value=trial.goodness if state is optuna.trial.TrialState.COMPLETE else None,
                params=dict(trial.drawn),
                distributions=known,
                intermediate_values={
                    epoch: sign * value
                    for epoch, value in enumerate(trial.values)
                    if value is not None
                },
                system_attrs=dict(trial.marks),
            )
        except ValueError:  # values that no range has: changed by hand, or damaged
            raise UsageError(
                f"{trial.run} holds what is no trial of this search", "start over: add --fresh"
            ) from None
        self._study.add_trial(told)

    def draw(self) -> Drawn:
        """The next trial."""
        import optuna

        number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = optuna.samplers.TPESampler(seed=(self._seed + number) % 2**32)
        return Drawn(self._study, self._study.ask(self._distributions), self._ranges)


class Drawn:
    """A trial under way.

    Args:
        study: That it belongs to.
        trial: Optuna's.
        ranges: What was drawn from.

    Attributes:
        drawn: What was drawn by key, in Optuna's terms.
        overrides: `KEY=VALUE` for each key.
    """

    def __init__(
        self, study: optuna.Study, trial: optuna.Trial, ranges: Mapping[str, Range]
    ) -> None:
        self._study, self._trial = study, trial
        self.drawn: dict[str, float | int] = dict(trial.params)
        self.overrides = tuple(
            as_override(key, _value(ranges[key], drawn)) for key, drawn in self.drawn.items()
        )

    @property
    def marks(self) -> dict[str, float]:
        """What the pruner has noted."""
        known = self._study.get_trials(deepcopy=False)[self._trial.number].system_attrs
        return {key: value for key, value in known.items() if isinstance(value, float)}

    def hopeless(self, epoch: int, value: float) -> bool:
        """Whether to give the trial up.

        Args:
            epoch: That has just ended, from 0.
            value: How good it was; more is better.
        """
        self._trial.report(value, epoch)
        return bool(self._trial.should_prune())

    def tell(self, trial: Trial) -> None:
        """Says what it came to."""
        import optuna

        state = _state(trial)
        complete = state is optuna.trial.TrialState.COMPLETE
        self._study.tell(self._trial, trial.goodness if complete else None, state)


def _state(trial: Trial) -> Any:
    from optuna.trial import TrialState

    if trial.state == "pruned":
        return TrialState.PRUNED
    # One without a value taught nothing.
    is_complete = trial.state == "finished" and trial.value is not None
    return TrialState.COMPLETE if is_complete else TrialState.FAIL


def _distribution(one: Range) -> Any:
    from optuna import distributions

    if one.choices:
        # Their places, for a choice may be a list of layers.
        return distributions.CategoricalDistribution(range(len(one.choices)))
    if isinstance(one.low, int) and isinstance(one.high, int):
        return distributions.IntDistribution(one.low, one.high, log=one.log)
    return distributions.FloatDistribution(one.low, one.high, log=one.log)


def _value(one: Range, drawn: float | int) -> Any:
    """What was drawn, as a config has it: of a number that is no whole one, four digits."""
    if one.choices:
        return one.choices[int(drawn)]
    if isinstance(drawn, int):
        return drawn
    assert one.low is not None
    assert one.high is not None
    return min(max(float(f"{drawn:.4g}"), float(one.low)), float(one.high))


def _pruner(tune: Tune, epochs: int) -> Any:
    from optuna import pruners

    untouched = int(epochs * _UNTOUCHED)
    match tune.pruner:
        case "median":
            return pruners.MedianPruner(_TRAINED_TO_THE_END, untouched)
        case "successive_halving":
            return pruners.SuccessiveHalvingPruner(max(1, untouched), _REDUCTION)
        case "none":
            return pruners.NopPruner()
