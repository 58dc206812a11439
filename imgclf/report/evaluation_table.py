"""An evaluation as a table for people."""

from __future__ import annotations

from imgclf.model.multi_label import MultiLabelEvaluation
from imgclf.model.scoring import Evaluation, Judged
from imgclf.report.min_precision import selective_table
from imgclf.report.scores import interval_cell, with_interval
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines


def evaluation_table(evaluation: Evaluation) -> Lines:
    """The scores of all, a row for each class, and the confusion matrix."""
    columns = (
        Column("class", "left"),
        Column("precision"),
        Column("recall"),
        Column("f1-score"),
        Column("support"),
        Column("precision-95%"),
        Column("recall-95%"),
        Column("f1-score-95%"),
    )
    rows = (
        [
            name,
            *_four_digits(one.precision, one.recall, one.f1_score),
            str(one.support),
            interval_cell(one.precision_interval),
            interval_cell(one.recall_interval),
            interval_cell(one.f1_score_interval),
        ]
        for name, one in evaluation.classes.items()
    )
    interval = evaluation.accuracy_interval
    balanced = with_interval(evaluation.balanced_accuracy, evaluation.balanced_accuracy_interval)
    return Lines.of(
        f"{_heading(evaluation.part, 'accuracy')}: {evaluation.accuracy:.4f} "
        f"({_pictures(evaluation)}), 95% interval {interval.low:.4f} to {interval.high:.4f}",
        f"balanced accuracy: {balanced}",
        f"macro F1: {with_interval(evaluation.macro_f1, evaluation.macro_f1_interval)}",
        f"expected calibration error: {evaluation.expected_calibration_error:.4f}"
        f"{_temperature(evaluation)}; exactly right confidence would show "
        f"{evaluation.calibration_error_by_chance:.4f}, so {evaluation.calibration_error:.4f} of "
        "it is the model's",
        "",
        table(columns, rows),
        "",
        confusion_table(evaluation),
        *_selective(evaluation),
    )


def _selective(evaluation: Evaluation) -> list[Lines]:
    if evaluation.selective is None:
        return []
    by_these = evaluation.part == "validation"
    return [Lines(), selective_table(evaluation.selective, chosen_by=by_these)]


def label_table(evaluation: MultiLabelEvaluation) -> Lines:
    """The scores of all, and a row for each label."""
    columns = (
        Column("class", "left"),
        Column("threshold"),
        Column("precision"),
        Column("recall"),
        Column("f1-score"),
        Column("avg-precision"),
        Column("support"),
        Column("precision-95%"),
        Column("recall-95%"),
        Column("f1-score-95%"),
    )
    rows = (
        [
            name,
            *_four_digits(one.threshold, one.precision, one.recall, one.f1_score),
            "-" if one.average_precision is None else f"{one.average_precision:.4f}",
            str(one.support),
            interval_cell(one.precision_interval),
            interval_cell(one.recall_interval),
            interval_cell(one.f1_score_interval),
        ]
        for name, one in evaluation.classes.items()
    )
    interval = evaluation.subset_accuracy_interval
    return Lines.of(
        f"{_heading(evaluation.part, 'subset accuracy')}: {evaluation.subset_accuracy:.4f} "
        f"({evaluation.pictures} pictures), 95% interval {interval.low:.4f} to {interval.high:.4f}",
        f"macro F1: {with_interval(evaluation.macro_f1, evaluation.macro_f1_interval)}",
        f"mean average precision: {evaluation.mean_average_precision:.4f}",
        f"labels a picture: {evaluation.labels_per_picture:.2f}, given "
        f"{evaluation.given_per_picture:.2f}",
        f"expected calibration error of single answers: "
        f"{evaluation.expected_calibration_error:.4f} (temperature {evaluation.temperature:.3f}); "
        "exactly right confidence would show "
        f"{evaluation.calibration_error_by_chance:.4f}, so {evaluation.calibration_error:.4f} of "
        "it is the model's",
        "",
        table(columns, rows),
    )


def _heading(part: Judged, score: str) -> str:
    return f"{score} on pictures of several parts" if part == "mixed" else f"{part} {score}"


def _temperature(evaluation: Evaluation) -> str:
    """In brackets; each model of a cross-validation has its own."""
    if evaluation.part == "cross-validation":
        return ""
    return f" (temperature {evaluation.temperature:.3f})"


def _pictures(evaluation: Evaluation) -> str:
    judged = f"{evaluation.pictures} pictures"
    if not evaluation.corrected:
        return judged
    return f"{judged}; {evaluation.corrected} that it was corrected by left out"


def confusion_table(evaluation: Evaluation) -> Lines:
    """Rows are what the pictures are, columns what the model says."""
    names = list(evaluation.classes)
    rows = zip(names, evaluation.confusion_matrix, strict=True)
    return table(
        [Column("is \\ said", "left"), *map(Column, names)],
        ([name, *map(str, counts)] for name, counts in rows),
    )


def _four_digits(*values: float) -> list[str]:
    return [f"{value:.4f}" for value in values]
