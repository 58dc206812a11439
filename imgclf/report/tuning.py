"""The trials of a search as a table, and in words."""

from __future__ import annotations

from collections.abc import Sequence

from imgclf.report.tables import Column, table
from imgclf.tuning.trials import Trial, best_first

_SHOWN = 10


def trials_table(trials: Sequence[Trial]) -> str:
    """The best trials that were trained to their end, and the config as it stands.

    Args:
        trials: All of a search, by number.
    """
    ranked = best_first(trials)
    shown = ranked[:_SHOWN]
    if trials[0] not in shown:
        shown.append(trials[0])
    monitor, judged = ranked[0].monitor, any(one.judged_wrong is not None for one in trials)
    columns = (
        Column("trial"),
        Column(monitor),
        *([] if monitor == "val_loss" else [Column("val_loss")]),
        *([Column("cross-validated")] if judged else []),
        Column("epoch"),
        Column("seconds"),
        Column("with", "left"),
    )
    rows = (
        [
            str(trial.number),
            _number(trial.value),
            *([] if monitor == "val_loss" else [_number(trial.loss)]),
            *([_number(trial.judged_accuracy)] if judged else []),
            f"{trial.epoch}/{len(trial.values)}",
            f"{trial.seconds:.1f}",
            " ".join(trial.overrides) or "the config as it stands",
        ]
        for trial in shown
    )
    return table(columns, rows)


def counts_in_words(trials: Sequence[Trial]) -> str:
    """How many trials there were, and what became of them."""
    parts = [f"{len(trials)} trials"]
    for state, said in (("pruned", "given up on the way"), ("failed", "failed")):
        count = sum(trial.state == state for trial in trials)
        if count:
            parts.append(f"{count} {said}")
    return ", ".join(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
