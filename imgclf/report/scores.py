"""An evaluation as a table for people."""

from __future__ import annotations

from imgclf.model.scoring import Evaluation


def evaluation_table(evaluation: Evaluation) -> str:
    """Accuracy, a row for each class, and the confusion matrix."""
    width = max(len("class"), *(len(name) for name in evaluation.classes))
    lines = [
        f"{evaluation.part} accuracy: {evaluation.accuracy:.4f} ({evaluation.pictures} pictures)",
        f"expected calibration error: {evaluation.expected_calibration_error:.4f} "
        f"(temperature {evaluation.temperature:.3f})",
        "",
        f"{'class':<{width}}  precision  recall  f1-score  support",
    ]
    lines += [
        f"{name:<{width}}  {scores.precision:>9.4f}  {scores.recall:>6.4f}  "
        f"{scores.f1_score:>8.4f}  {scores.support:>7}"
        for name, scores in evaluation.classes.items()
    ]
    return "\n".join([*lines, "", confusion_table(evaluation)])


def confusion_table(evaluation: Evaluation) -> str:
    """Rows are what the pictures are, columns what the model says."""
    names = list(evaluation.classes)
    corner = "is \\ said"
    width = max(len(corner), *(len(name) for name in names))
    columns = [
        max(len(name), *(len(str(row[index])) for row in evaluation.confusion_matrix))
        for index, name in enumerate(names)
    ]
    header = "  ".join(f"{name:>{size}}" for name, size in zip(names, columns, strict=True))
    lines = [f"{corner:<{width}}  {header}"]
    for name, row in zip(names, evaluation.confusion_matrix, strict=True):
        counts = "  ".join(f"{count:>{size}}" for count, size in zip(row, columns, strict=True))
        lines.append(f"{name:<{width}}  {counts}")
    return "\n".join(lines)
