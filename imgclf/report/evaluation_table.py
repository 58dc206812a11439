"""An evaluation as a table for people."""

from __future__ import annotations

from imgclf.model.scoring import Evaluation
from imgclf.report.tables import Column, table


def evaluation_table(evaluation: Evaluation) -> str:
    """Accuracy, a row for each class, and the confusion matrix."""
    columns = (
        Column("class", "left"),
        Column("precision"),
        Column("recall"),
        Column("f1-score"),
        Column("support"),
    )
    rows = (
        [name, *_four_digits(one.precision, one.recall, one.f1_score), str(one.support)]
        for name, one in evaluation.classes.items()
    )
    lines = [
        f"{_heading(evaluation)}: {evaluation.accuracy:.4f} ({_pictures(evaluation)})",
        f"expected calibration error: {evaluation.expected_calibration_error:.4f} "
        f"(temperature {evaluation.temperature:.3f})",
        "",
        table(columns, rows),
        "",
        confusion_table(evaluation),
    ]
    return "\n".join(lines)


def _heading(evaluation: Evaluation) -> str:
    if evaluation.part == "mixed":
        return "accuracy on pictures of several parts"
    return f"{evaluation.part} accuracy"


def _pictures(evaluation: Evaluation) -> str:
    judged = f"{evaluation.pictures} pictures"
    if not evaluation.corrected:
        return judged
    return f"{judged}; {evaluation.corrected} that it was corrected by left out"


def confusion_table(evaluation: Evaluation) -> str:
    """Rows are what the pictures are, columns what the model says."""
    names = list(evaluation.classes)
    rows = zip(names, evaluation.confusion_matrix, strict=True)
    return table(
        [Column("is \\ said", "left"), *map(Column, names)],
        ([name, *map(str, counts)] for name, counts in rows),
    )


def _four_digits(*values: float) -> list[str]:
    return [f"{value:.4f}" for value in values]
