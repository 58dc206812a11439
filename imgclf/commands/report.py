"""Making the report of a training again, from what is kept of it in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.commands.runs import of_name
from imgclf.errors import UsageError
from imgclf.report.curves import curves_of
from imgclf.report.kept_facts import read_facts
from imgclf.report.plots import draw_curves
from imgclf.report.run_page import write_report
from imgclf.runs.folder import RunFolder, all_runs
from imgclf.work_folders import RUNS_DIRECTORY


def report(wanted: str | None = None) -> RunFolder:
    """Writes `report.html` and the PNG files of a finished training again.

    Neither TensorFlow nor the data set is needed.

    Args:
        wanted: The folder of a run; or a name, of which the latest finished training is taken;
            None for the only name that there is.

    Returns:
        The folder of the run.

    Raises:
        UsageError: There is no such training, or several names to choose from; it isn't finished;
            or what it keeps is damaged, or nothing.
        WriteError: A file can't be written.
    """
    run = _chosen(wanted)
    facts, record = read_facts(run), run.read()
    if record is not None and record.publication != facts.record.publication:
        raise UsageError(
            f"{run.report_facts} is of before the training was given more epochs: the report of "
            "what it came to failed",
            f"to train it anew: {record.command} --fresh",
        )
    record = facts.record
    curves = curves_of(facts.history, record.published_epoch, record.fine_tuned_after)
    draw_curves(curves, run.curves)
    write_report(facts, run)
    return run


def _chosen(wanted: str | None) -> RunFolder:
    found = all_runs()
    if wanted is None:
        return _of_the_only_name(found)
    names = {run.path.parent.name for run in found}
    if wanted not in names and Path(wanted).is_dir():
        run = RunFolder(Path(wanted))
        if not _is_finished(run):
            raise _unfinished(run)
        return run
    return _latest_finished(of_name(found, wanted))


def _of_the_only_name(found: Sequence[RunFolder]) -> RunFolder:
    finished = [run for run in found if _is_finished(run)]
    names = sorted({run.path.parent.name for run in finished})
    if len(names) > 1:
        raise UsageError(
            f"there are trainings of several names: {', '.join(names)}",
            f"choose one: imgclf report {names[0]}",
        )
    if not finished:
        raise UsageError(f"no finished training in {RUNS_DIRECTORY}/", "imgclf runs lists them all")
    return finished[-1]


def _latest_finished(runs: Sequence[RunFolder]) -> RunFolder:
    """Of runs that are in the order of their beginning; at least one."""
    finished = filter(_is_finished, reversed(runs))
    if (run := next(finished, None)) is None:
        raise _unfinished(runs[-1])
    return run


def _is_finished(run: RunFolder) -> bool:
    record = run.read()
    return record is not None and record.status == "finished" and record.trial is None


def _unfinished(run: RunFolder) -> UsageError:
    record = run.read()
    if record is None:
        return UsageError(f"{run.path} is not a training's folder, or its run.json is damaged")
    if record.trial is not None:
        return UsageError(f"{run.path} is a trial of imgclf tune, which have no report")
    return UsageError(
        f"{run.path} is not finished, and has no report before it is", f"to go on: {record.command}"
    )
