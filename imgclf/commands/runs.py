"""The trainings so far, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from imgclf.config.stored import read_stored_values
from imgclf.errors import ConfigError, UsageError, suggestion
from imgclf.runs.folder import RunFolder, all_runs
from imgclf.runs.summary import Run, read_run
from imgclf.system.lock import is_locked
from imgclf.work_folders import RUNS_DIRECTORY

DEFAULT_SCORE = "accuracy"


def runs(name: str | None = None, by: str = DEFAULT_SCORE) -> list[Run]:
    """The trainings, best first; those without that score come last, newest first.

    Args:
        name: Only those of this config; None for all.
        by: The score to sort by; see `Run.scores`. `val_loss`, say, is taken for `loss`.

    Raises:
        UsageError: There is no training of that name, or none has that score.
    """
    folders = all_runs()
    if name is not None:
        folders = of_name(folders, name)
    # Oldest first: the last of a name is the only one that a process can be at.
    newest = {folder.path.parent: folder.path for folder in folders}
    at_work = {newest[names] for names in newest if is_locked(names)}
    found = [read_run(folder, at_work=folder.path in at_work) for folder in folders]
    return _best_first(_with_differences(found), by.removeprefix("val_"))


def of_name(folders: Sequence[RunFolder], name: str) -> list[RunFolder]:
    """Those of the trainings that are of this config; at least one.

    Raises:
        UsageError: There is none.
    """
    chosen = [folder for folder in folders if folder.path.parent.name == name]
    if not chosen:
        names = sorted({folder.path.parent.name for folder in folders})
        raise UsageError(
            f"no training called {name} in {RUNS_DIRECTORY}/"
            + (f"; there are {', '.join(names)}" if names else "")
            + suggestion(name, names)
        )
    return chosen


def _with_differences(found: list[Run]) -> list[Run]:
    """Says of those that have others of their name what is special about them."""
    if len({run.name for run in found}) == len(found):
        return found
    # Which takes pydantic, 0.1 s, and is only needed to compare.
    from imgclf.runs.differences import differing_keys

    differs = differing_keys([Path(run.path) for run in found])
    return [msgspec.structs.replace(run, differs=differs.get(Path(run.path), {})) for run in found]


def _best_first(found: list[Run], by: str) -> list[Run]:
    known = list(dict.fromkeys(score for run in found for score in run.scores))
    if by not in known and (known or by != DEFAULT_SCORE) and found:
        raise UsageError(
            f"--by {by}: no training has this score; there are {', '.join(known) or 'none'}"
            + suggestion(by, known)
        )
    newest_first = sorted(found, key=lambda run: run.started or "", reverse=True)
    scored = [run for run in newest_first if by in run.scores]
    sign = 1 if scored and _is_better_small(scored, by) else -1
    scored.sort(key=lambda run: sign * run.scores[by])
    return [*scored, *(run for run in newest_first if by not in run.scores)]


def _is_better_small(scored: Sequence[Run], by: str) -> bool:
    name = by.removeprefix("training_").removeprefix("test_")
    if name in ("loss", "accuracy", "balanced_accuracy", "macro_f1"):
        return name == "loss"
    # Its import takes 0.2 s, which the two usual scores should not cost.
    from imgclf.config.load import config_from_values
    from imgclf.config.metric_names import metric_direction, metric_name

    for run in scored:
        stored = RunFolder(Path(run.path)).config_resolved
        try:
            config = config_from_values(read_stored_values(stored), stored).config
        except ConfigError:  # damaged, or of a Keras that had other names
            continue
        for metric in config.training.metrics:
            if metric_name(metric) == name:
                return metric_direction(metric) == "down"
    return False
