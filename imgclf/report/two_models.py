"""Two models compared, as a table for people."""

from __future__ import annotations

from imgclf.model.two_models import OneOfTwo, TwoModels
from imgclf.report.scores import interval_cell
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines


def comparison_table(found: TwoModels) -> Lines:
    """A row for each model, how many both have right, and what to make of it."""
    columns = (
        Column("model", "left"),
        Column("version"),
        Column("accuracy"),
        Column("balanced-accuracy"),
        Column("macro-f1"),
        Column("only-right"),
        Column("accuracy-95%"),
        Column("balanced-accuracy-95%"),
        Column("macro-f1-95%"),
    )
    left_out = f"; {found.left_out} that one of them knows left out" if found.left_out else ""
    return Lines.of(
        table(columns, map(_row, (found.one, found.other))),
        "",
        f"pictures: {found.pictures} ({found.both_right} right by both, {found.both_wrong} by "
        f"neither{left_out})",
        found.in_words,
    )


def _row(one: OneOfTwo) -> list[str]:
    averaged = one.averaged
    scores = (one.accuracy, averaged.balanced_accuracy, averaged.macro_f1)
    return [
        one.model,
        str(one.version),
        *(f"{score:.4f}" for score in scores),
        str(one.only_right),
        interval_cell(one.accuracy_interval),
        interval_cell(averaged.balanced_accuracy_interval),
        interval_cell(averaged.macro_f1_interval),
    ]
