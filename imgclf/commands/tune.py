"""Tuning: trainings of a config with other values, as declared under `tune`; the best written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from imgclf.backend import keras_importing
from imgclf.commands.cross_validate import judge_each_fold
from imgclf.commands.training_corrections import take_in_corrections
from imgclf.commands.training_pictures import read_pictures
from imgclf.config.load import load_config, with_overrides
from imgclf.config.loaded import LoadedConfig
from imgclf.config.multi_label import require_one_label
from imgclf.config.schema import Config
from imgclf.config.tune_checks import example_ranges, tune_problems
from imgclf.data.configured_folder import require_folder
from imgclf.errors import UsageError
from imgclf.model.intervals import Interval, paired_difference
from imgclf.spelling import Lines
from imgclf.system import console
from imgclf.system.files import atomic_write_text
from imgclf.system.lock import lock
from imgclf.system.signals import end_explained
from imgclf.tuning.conduct import Conduct, TrialPictures
from imgclf.tuning.folder import plan_tuning, tuning_folder
from imgclf.tuning.search import Search, require_optuna
from imgclf.tuning.train_trial import prepare
from imgclf.tuning.trials import (
    Trial,
    best_first,
    chosen,
    compared,
    ended_trials,
    finalists,
    is_over,
)
from imgclf.tuning.tuned_config import tuned_path, tuned_text
from imgclf.work_folders import MODELS_DIRECTORY

_FOLDS = 5


@dataclass(frozen=True)
class Difference:
    """Of two accuracies on the same pictures.

    Attributes:
        by: How far the one is above the other, between -1 and 1.
        interval: Where the true difference lies with 95 % confidence, if neither of both was chosen
            by these pictures.
        pictures: How many they are.
        cross_validated: They are those to train on as well, each judged by a training without it;
            else those to validate on.
    """

    by: float
    interval: Interval
    pictures: int
    cross_validated: bool


@dataclass(frozen=True)
class Tuned:
    """What a search came to.

    Attributes:
        folder: With the runs of its trials.
        trials: All, by number; the first is the config as it stands.
        best: Of these.
        difference: Of its accuracy from that of the first; None if it is the first.
        config: The file that the best is written to; None if it is the config as it stands.
        new_trials: How many of them were trained now.
        timed_out: It is over before all trials were trained that were asked for.
    """

    folder: Path
    trials: tuple[Trial, ...]
    best: Trial
    difference: Difference | None
    config: Path | None
    new_trials: int
    timed_out: bool


def tune(
    config_path: Path,
    overrides: Sequence[str] = (),
    *,
    fresh: bool = False,
    output: Path | None = None,
) -> Tuned:
    """Searches the ranges that a config declares; run again after an interruption, it goes on.

    Args:
        config_path: The YAML file.
        overrides: `key=value` each, before the file's values.
        fresh: Begin anew, whatever an earlier search left.
        output: The file for the best config; None for the config's name with `-tuned`.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used.
        BusyError: The same config is being tuned by another process.
        UsageError: Optuna is missing; the search that was interrupted is another one; the file is
            there already; or the config as it stands can't be trained.
        WriteError: The disk is full, say; the same command goes on later.
        Interrupted: Ctrl-C; the trials that have ended are kept.
        Terminated: SIGTERM; likewise.
    """
    loaded = load_config(config_path, overrides)
    _require_ranges(loaded)
    require_optuna()
    require_folder(loaded)
    if output is not None:
        _require_new(output)
    folder, command = tuning_folder(loaded.name), _command(loaded)
    with (
        end_explained("; the trials that have ended are kept", f"to go on: {command}"),
        lock(folder),
    ):
        return _tune(loaded, folder, command, fresh, output)


def _tune(
    loaded: LoadedConfig, folder: Path, command: str, fresh: bool, output: Path | None
) -> Tuned:
    """Reads, plans, tries, writes the best."""
    config = loaded.config
    assert config.tune is not None
    with keras_importing(needed=True):
        data = read_pictures(config.data, None)
        model = MODELS_DIRECTORY / f"{loaded.name}.keras"
        taken = take_in_corrections(config, data, model, None)
        ready = prepare(loaded, taken.data)

    precision = ready.settled.precision
    tuning = plan_tuning(loaded, folder, taken.data.fingerprint, precision, fresh=fresh)
    trials = ended_trials(folder, tuning.stamp)
    search = Search(config.tune, config.seed, _epochs(loaded))
    for trial in trials:
        search.add(trial)
    begun_with = len(trials)
    if begun_with:
        ended = "a trial" if begun_with == 1 else f"{begun_with} trials"
        console.note(f"going on after {ended} in {folder}")

    pictures = TrialPictures(config.data, taken.data, taken.given)
    conduct = Conduct(loaded, pictures, folder, tuning.stamp, command, tuning.precision)
    with console.track("trials", config.tune.trials) as advance:
        advance(begun_with)
        while not is_over(trials, config.tune.trials, config.tune.timeout):
            if trials:
                trial = conduct.next(search.draw(), trials)
            else:
                trial = conduct.first(ready)
                search.add(trial)
            trials.append(trial)
            _say(trial, trials, config.tune.trials)
            advance(1)

    trials = _with_finalists_judged(conduct, trials)
    best = chosen(trials)
    return Tuned(
        folder,
        tuple(trials),
        best,
        _difference(trials[0], best),
        _write(loaded, best, trials, output),
        len(trials) - begun_with,
        len(trials) < config.tune.trials,
    )


def _with_finalists_judged(conduct: Conduct, trials: list[Trial]) -> list[Trial]:
    """The trials, the best of them cross-validated where that takes seconds: on features alone.

    The best of fifty by a few hundred validation pictures is often no better on others.
    """
    best = finalists(trials)
    configs = {one.number: with_overrides(conduct.loaded, one.overrides) for one in best}
    if len(best) < 2 or not all(_trains_on_features(one.config) for one in configs.values()):
        return trials
    to_judge = [one for one in best if one.judged_wrong is None]
    with console.track("cross-validating the best", len(to_judge)) as advance:
        for trial in to_judge:
            loaded = configs[trial.number]
            data = conduct.pictures.of(loaded.config.data)
            try:
                with console.hushed():
                    _, said, labels = judge_each_fold(loaded, data, _FOLDS)
            except UsageError as error:  # too few pictures of a class, say
                console.note(f"the best are not cross-validated: {error.message}")
                return trials
            wrong = tuple(int(place) for place in np.flatnonzero(said.argmax(axis=1) != labels))
            judged = replace(trial, judged_wrong=wrong, judged=len(labels))
            judged.keep()
            trials = [judged if one is trial else one for one in trials]
            advance(1)
    return trials


def _trains_on_features(config: Config) -> bool:
    return config.model.backbone is not None and config.training.fine_tune is None


def _require_new(output: Path) -> None:
    """Before the search, for it takes minutes."""
    if output.exists() or output.is_symlink():
        raise UsageError(f"{output} is there already, and is left as it is", "name another file")
    if not output.parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}")


def _require_ranges(loaded: LoadedConfig) -> None:
    by_hand = "compare by hand: imgclf train CONFIG --set KEY=VALUE"
    require_one_label(loaded.config, "imgclf tune", by_hand)
    tune = loaded.config.tune
    if tune is None or not tune.ranges:
        example = (f"    {line}" for line in example_ranges(loaded.config))
        raise UsageError(
            f"{loaded.file.path} does not say what to tune",
            Lines.of("add to it, for example:", *example),
        )
    problems = tune_problems(loaded)
    if problems:
        raise loaded.file.error(*problems)


def _epochs(loaded: LoadedConfig) -> int:
    """Of a trial, in all phases."""
    training = loaded.config.training
    return training.epochs + (0 if training.fine_tune is None else training.fine_tune.epochs)


def _say(trial: Trial, trials: Sequence[Trial], wanted: int) -> None:
    """A line for a trial that has just ended."""
    if trial.state == "failed":
        came_to = f"failed ({trial.failure})"
    else:
        value = "not measured" if trial.value is None else f"{trial.monitor} {trial.value:.4f}"
        given_up = " given up" if trial.state == "pruned" else ""
        came_to = f"{value},{given_up} after {len(trial.values)} epochs, {trial.seconds:.1f} s"
        if best_first(trials)[0] is trial and trial.number:
            came_to += ", the best so far"
    what = " ".join(trial.overrides) or "the config as it stands"
    console.note(f"trial {trial.number} of {wanted - 1}: {came_to}: {what}")


def _difference(first: Trial, best: Trial) -> Difference | None:
    if best.number == first.number or first.wrong is None or best.wrong is None:
        return None
    judged = best.judged_wrong is not None
    if judged:
        (mended, spoiled), count = compared(first.judged_wrong, best.judged_wrong), first.judged
    else:
        (mended, spoiled), count = compared(first.wrong, best.wrong), first.pictures
    by = (mended - spoiled) / max(count, 1)
    return Difference(by, paired_difference(mended, spoiled, count), count, judged)


def _write(
    loaded: LoadedConfig, best: Trial, trials: Sequence[Trial], output: Path | None
) -> Path | None:
    """Writes the best config, unless it is the one that is there."""
    if best.number == 0:
        return None
    was = "" if trials[0].value is None else f", as it stood {trials[0].value:.4f}"
    said = (
        f"{loaded.file.path.name}, tuned: trial {best.number} of {len(trials) - 1}, "
        f"{best.monitor} {best.value:.4f}{was}; {' '.join(best.overrides)}"
    )
    text = tuned_text(loaded, best.overrides, said)
    path = tuned_path(loaded.file.path, text) if output is None else output
    if not path.exists():
        atomic_write_text(path, text)
    return path


def _command(loaded: LoadedConfig) -> str:
    """What to type to go on."""
    options = "".join(f" --set {shlex.quote(override)}" for override in loaded.overrides)
    return f"imgclf tune {shlex.quote(str(loaded.file.path))}{options}"
