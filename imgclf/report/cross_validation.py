"""A cross-validation as a table for people."""

from __future__ import annotations

from imgclf.model.cross_validated import CrossValidated
from imgclf.report.evaluation_table import evaluation_table
from imgclf.report.scores import interval_cell
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines


def cross_validation_table(found: CrossValidated) -> Lines:
    """A row for each fold, how far they are apart, and the scores of all pictures together."""
    columns = (
        Column("fold"),
        Column("trained-on"),
        Column("pictures"),
        Column("accuracy"),
        Column("balanced-accuracy"),
        Column("macro-f1"),
        Column("epoch"),
        Column("accuracy-95%"),
    )
    rows = (
        [
            str(number),
            str(fold.trained_on),
            str(fold.scores.pictures),
            f"{fold.scores.accuracy:.4f}",
            f"{fold.scores.balanced_accuracy:.4f}",
            f"{fold.scores.macro_f1:.4f}",
            str(fold.epoch),
            interval_cell(fold.scores.accuracy_interval),
        ]
        for number, fold in enumerate(found.folds, 1)
    )
    return Lines.of(
        table(columns, rows),
        "",
        f"mean accuracy: {found.mean_accuracy:.4f}, standard deviation between folds "
        f"{found.standard_deviation:.4f}",
        evaluation_table(found.evaluation),
    )
