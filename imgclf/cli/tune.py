"""`imgclf tune`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import SetOption
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.tune import Difference, Tuned


def command(
    config: Annotated[
        Path,
        typer.Argument(
            help="The YAML config, with the ranges to search under tune.", show_default=False
        ),
    ],
    overrides: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, whatever an earlier search left.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file for the best config. [default: CONFIG's name with -tuned]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search for better values of a config; run again after an interruption, it goes on.

    Each trial is a training that publishes nothing. The first is the config as it stands; the best
    one is written as a config of its own, to be trained.
    """
    from imgclf.commands.tune import tune
    from imgclf.report.tuning import counts_in_words, trials_table
    from imgclf.work_folders import RUNS_DIRECTORY

    done = tune(config, overrides or [], fresh=fresh, output=output)
    if as_json:
        print(session.as_json_text(_as_json(done)))
    else:
        session.show(trials_table(done.trials))
        session.show(_best_line(done))
        if done.config is not None:
            session.show(f"config: {done.config}")
    if not done.new_trials:
        console.note(
            "nothing to do: all trials are trained; tune.trials=N says how many there are to be, "
            "and --fresh begins anew"
        )
    if done.timed_out:
        console.note("over before all trials were trained: tune.timeout is spent")
    seconds = sum(trial.seconds for trial in done.trials)
    console.note(f"{counts_in_words(done.trials)}, {seconds:.0f} s in all")
    name = done.folder.name
    console.note(session.as_typed_here(f"all of them: imgclf runs {shlex.quote(name)}"))
    console.note(f"their curves together: {session.tensorboard_command(RUNS_DIRECTORY / name)}")
    following = f"imgclf train {shlex.quote(str(done.config or config))}"
    console.note(session.as_typed_here(f"next: {following}"))


def _best_line(done: "Tuned") -> str:
    from imgclf.tuning.trials import best_first

    if done.best.number == 0:
        if best_first(done.trials)[0].number == 0:
            return "best: the config as it stands; no trial was better"
        return (
            "best: the config as it stands; what is better on the validation pictures is not so by "
            "cross-validation, beyond chance"
        )
    line = f"best: trial {done.best.number}"
    if done.difference is None:
        return line
    found = done.difference
    low, high = (f"{100 * end:+.1f}" for end in (found.interval.low, found.interval.high))
    line += (
        f", {100 * found.by:+.1f} points of accuracy above the config as it stands "
        f"{_by_what(found)} (95 % interval {low} to {high}"
    )
    if found.interval.low <= 0:
        line += ": it may be chance"
    if found.cross_validated:
        return f"{line}); the best of a few is chosen by it, so expect a little less on others"
    tried = len(done.trials)
    return f"{line}); the best of {tried} is chosen by these pictures, so expect less on others"


def _by_what(found: "Difference") -> str:
    if found.cross_validated:
        return f"by cross-validation on {found.pictures} pictures to train and validate on"
    return f"on the {found.pictures} validation pictures"


def _as_json(done: "Tuned") -> dict[str, object]:
    found = done.difference
    return {
        "folder": str(done.folder),
        "config": None if done.config is None else str(done.config),
        "best": done.best.number,
        "difference": None
        if found is None
        else {
            "accuracy": found.by,
            "interval": [found.interval.low, found.interval.high],
            "pictures": found.pictures,
            "cross_validated": found.cross_validated,
        },
        "timed_out": done.timed_out,
        "trials": [
            {
                "trial": trial.number,
                "state": trial.state,
                "set": list(trial.overrides),
                "monitor": trial.monitor,
                "value": trial.value,
                "val_loss": trial.loss,
                "accuracy": trial.accuracy,
                "cross_validated": trial.judged_accuracy,
                "epoch": trial.epoch,
                "epochs": len(trial.values),
                "seconds": trial.seconds,
                "run": trial.run,
                "failure": trial.failure,
            }
            for trial in done.trials
        ],
    }
