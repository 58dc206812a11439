"""Trials: trainings in a search, and what each of them came to."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from imgclf.model.intervals import paired_difference
from imgclf.system.files import atomic_write_bytes
from imgclf.system.kept_files import read_kept

_FILE = "trial.json"
_MOST_BYTES = 1 << 26
_FINALISTS = 5


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that has ended, as its folder keeps it.

    Attributes:
        tuning: Which search it belongs to.
        number: From 0, which is the config as it stands.
        state: "pruned" if it was given up on the way, "failed" if an error ended it.
        run: Its folder.
        drawn: What was drawn for it by key, in Optuna's terms.
        overrides: `KEY=VALUE` for each of these keys, as after `--set`.
        monitor: What says how good it is.
        mode: Whether "max" or "min" of that is better.
        values: Of that after each epoch; None where it was not measured.
        marks: What the pruner has noted on the way.
        value: The best of them; None if there is none.
        loss: On the validation pictures, at the epoch that would be published.
        epoch: That epoch, counted from 1.
        wrong: Which of the validation pictures it has wrong, by their places; None if it was not
            trained to its end.
        pictures: How many validation pictures there are.
        judged_wrong: Which of the training and validation pictures are wrong by cross-validation,
            by their places; None if it was not judged so.
        judged: How many these are.
        seconds: What it took.
        failure: The error that ended it.
    """

    tuning: str
    number: int
    state: Literal["finished", "pruned", "failed"]
    run: str
    drawn: dict[str, float | int] = {}
    overrides: tuple[str, ...] = ()
    monitor: str = "val_loss"
    mode: Literal["max", "min"] = "min"
    values: tuple[float | None, ...] = ()
    marks: dict[str, float] = {}
    value: float | None = None
    loss: float | None = None
    epoch: int | None = None
    wrong: tuple[int, ...] | None = None
    pictures: int = 0
    judged_wrong: tuple[int, ...] | None = None
    judged: int = 0
    seconds: float = 0.0
    failure: str | None = None

    @property
    def accuracy(self) -> float | None:
        """Of the validation pictures, between 0 and 1; None if it was not trained to its end."""
        if self.wrong is None:
            return None
        return 1 - len(self.wrong) / max(self.pictures, 1)

    @property
    def goodness(self) -> float:
        """Its value, where more is better; minus infinity if it has none."""
        if self.value is None:
            return -math.inf
        return self.value if self.mode == "max" else -self.value

    @property
    def judged_accuracy(self) -> float | None:
        """By cross-validation, between 0 and 1; None if it was not judged so."""
        return None if self.judged_wrong is None else 1 - len(self.judged_wrong) / self.judged

    def keep(self) -> None:
        """Writes it into its folder; from then on the trial counts."""
        text = msgspec.json.format(msgspec.json.encode(self))
        atomic_write_bytes(Path(self.run) / _FILE, text)


def ended_trials(folder: Path, tuning: str) -> list[Trial]:
    """The trials of a search up to the first that is missing, by number.

    Args:
        folder: Where the trials of all searches of this name are.
        tuning: Which search.
    """
    found: dict[int, Trial] = {}
    for file in sorted(folder.glob(f"*/{_FILE}")):
        try:
            trial = msgspec.json.decode(read_kept(file, _MOST_BYTES), type=Trial)
        except (OSError, ValueError, RecursionError):  # damaged: it is done again
            continue
        if trial.tuning == tuning:
            found[trial.number] = trial
    first_missing = next(number for number in range(len(found) + 1) if number not in found)
    return [found[number] for number in range(first_missing)]


def trial_path(folder: Path, stamp: str, number: int) -> Path:
    """The folder of a trial's run.

    Args:
        folder: Where the trials of all searches of this name are.
        stamp: When the search began.
        number: Of the trial.
    """
    return folder / f"{stamp}-trial-{number:03d}"


def remove_remains(path: Path) -> None:
    """Removes what a trial left that was cut off."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Those that were trained to their end, the best first, by value and then by loss.

    Of equals the earlier comes first, so that nothing is better than the config without being so.
    """
    ended = [trial for trial in trials if trial.state == "finished"]
    losses = {trial.number: math.inf if trial.loss is None else trial.loss for trial in ended}
    return sorted(ended, key=lambda one: (-one.goodness, losses[one.number], one.number))


def finalists(trials: Sequence[Trial]) -> list[Trial]:
    """The config as it stands, and the few of other values that are best; of equals the earlier."""
    found = {trial.overrides: trial for trial in reversed(best_first(trials))}
    others = [one for one in best_first(trials) if found[one.overrides] is one and one.overrides]
    return [trials[0], *others[:_FINALISTS]]


def chosen(trials: Sequence[Trial]) -> Trial:
    """What a search comes to.

    By cross-validation, if finalists were judged so: the one with the most pictures right, or the
    config as it stands unless the 95 % interval of the difference is above zero: on clothing photos
    one that was better by a standard error was worse by two on others. Else the best by its value.
    """
    first = trials[0]
    judged = [one for one in finalists(trials) if one.judged_wrong is not None]
    if first not in judged:
        return best_first(trials)[0]
    best = min(judged, key=lambda one: (len(one.judged_wrong or ()), one.number))
    mended, spoiled = compared(first.judged_wrong, best.judged_wrong)
    beyond_chance = paired_difference(mended, spoiled, first.judged).low > 0
    return best if beyond_chance else first


def compared(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> tuple[int, int]:
    """How many pictures only the latter has right, and how many only the former.

    Args:
        before: The places of those that are wrong; None counts as none.
        after: Likewise.
    """
    one, other = set(before or ()), set(after or ())
    return len(one - other), len(other - one)


def is_over(trials: Sequence[Trial], wanted: int, timeout: float | None) -> bool:
    """Whether no further trial begins.

    Args:
        trials: That have ended.
        wanted: How many there are to be.
        timeout: Seconds that all of them may take; None for no end. The first one is trained
            whatever it takes.
    """
    if len(trials) >= wanted:
        return True
    spent = sum(trial.seconds for trial in trials)
    return timeout is not None and bool(trials) and spent >= timeout
