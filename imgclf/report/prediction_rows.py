"""Predictions as rows: a table for people; TSV, CSV and JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Final, TextIO

from imgclf.data.class_levels import LEVEL, has_levels
from imgclf.data.joined_labels import joined_labels
from imgclf.model.prediction import UNLIKE, UNSURE, Prediction
from imgclf.report.csv_lines import csv_writer
from imgclf.report.tables import Column, heading, line
from imgclf.spelling import on_one_line


class RowFormat(StrEnum):
    """How predictions are written."""

    TABLE = "table"
    TSV = "tsv"
    CSV = "csv"
    JSONL = "jsonl"


WriteRow = Callable[[Prediction], None]

BEGINNINGS: Final = {
    RowFormat.TABLE: (b"label ", b"labels "),
    RowFormat.TSV: (b"path\tlabel\tconfidence\t", b"path\tlabels\t"),
    RowFormat.CSV: (b"path,label,confidence,", b"path,labels,"),
    RowFormat.JSONL: (b'{"path": ',),
}
"""How files of rows begin, by which they are known from others: of one label, of several."""

TSV_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_SHOWN_IN_TABLE = 3
_LABELS_WIDTH = 30


def row_writer(
    stream: TextIO,
    row_format: RowFormat,
    class_names: Sequence[str],
    top: int | None,
    *,
    multi_label: bool = False,
) -> WriteRow:
    """Writes the header, if the format has one, and returns what writes a row.

    Args:
        stream: Where to; each row is written whole.
        row_format: TSV and CSV have the columns path, label, confidence, a probability for
            each class, error, and unlike: `yes`, `no`, or empty if that isn't known. In TSV tab,
            newline and backslash inside a path are escaped by a backslash.
        class_names: In the model's order.
        top: Only the likeliest so many classes, likeliest first: the columns are then label_1,
            probability_1, label_2, ...
        multi_label: The column labels has all that a picture is given, as `joined_labels` writes
            them, in place of label and confidence.
    """
    if row_format is RowFormat.JSONL:
        nested = has_levels(class_names)
        as_object = _with_labels if multi_label else partial(_as_object, nested=nested)
        return lambda row: _write(stream, json.dumps(as_object(row, top)) + "\n")
    if row_format is RowFormat.TABLE:
        write = _label_table_writer if multi_label else _table_writer
        return write(stream, class_names, top)
    if top is None:
        shown = [f"probability_{name}" for name in class_names]
    else:
        top = min(top, len(class_names))
        shown = [f"{what}_{k + 1}" for k in range(top) for what in ("label", "probability")]
    said = ["labels"] if multi_label else ["label", "confidence"]
    header = ["path", *said, *shown, "error", "unlike"]

    def cells(row: Prediction) -> list[str]:
        if row.label is None or row.confidence is None:
            middle = [""] * len(shown)
        elif top is None:
            middle = [_number(value) for value in row.probabilities.values()]
        else:
            pairs = row.likeliest(top)
            middle = [cell for label, value in pairs for cell in (label, _number(value))]
        confidence = "" if row.confidence is None else _number(row.confidence)
        unlike = "" if row.unlike is None else "yes" if row.unlike else "no"
        given = [joined_labels(row.labels or ())] if multi_label else [row.label or "", confidence]
        return [row.path, *given, *middle, row.error or "", unlike]

    if row_format is RowFormat.CSV:
        write_cells = csv_writer(stream)
        write_cells(header)
        return lambda row: _flushed(stream, write_cells(cells(row)))
    _write(stream, _tsv(header))
    return lambda row: _write(stream, _tsv(cells(row)))


def _table_writer(stream: TextIO, class_names: Sequence[str], top: int | None) -> WriteRow:
    """The path comes last, so that rows line up although none waits for the next."""
    columns = (
        Column(
            "label", "left", width=max(len(on_one_line(name)) for name in (UNSURE, *class_names))
        ),
        Column("confidence", width=len("confidence")),
        Column("picture", "left"),
    )
    shown = min(top or _SHOWN_IN_TABLE, len(class_names))

    def cells(row: Prediction) -> tuple[str, str, str]:
        if row.label is None or row.confidence is None:
            return "-", "-", f"{row.path}: {row.error}"
        ranked = "  ".join(f"{name} {value:.3f}" for name, value in row.likeliest(shown))
        mark = f"  {UNLIKE}" if row.unlike else ""
        return row.label, f"{row.confidence:.1%}", f"{row.path}  ({ranked}){mark}"

    _write(stream, heading(columns) + "\n")
    return lambda row: _write(stream, line(columns, cells(row)) + "\n")


def _label_table_writer(stream: TextIO, class_names: Sequence[str], top: int | None) -> WriteRow:
    """As `_table_writer`; of many labels a row is as long as they are."""
    columns = (Column("labels", "left", width=_LABELS_WIDTH), Column("picture", "left"))
    shown = min(top or _SHOWN_IN_TABLE, len(class_names))

    def cells(row: Prediction) -> tuple[str, str]:
        if row.labels is None:
            return "-", f"{row.path}: {row.error}"
        ranked = "  ".join(f"{name} {value:.3f}" for name, value in row.likeliest(shown))
        mark = f"  {UNLIKE}" if row.unlike else ""
        return ", ".join(row.labels) or "(none)", f"{row.path}  ({ranked}){mark}"

    _write(stream, heading(columns) + "\n")
    return lambda row: _write(stream, line(columns, cells(row)) + "\n")


def _with_labels(row: Prediction, top: int | None) -> dict[str, object]:
    return {
        "path": row.path,
        "labels": row.labels,
        "probabilities": row.probabilities if top is None else dict(row.likeliest(top)),
        "error": row.error,
        "unlike": row.unlike,
    }


def _as_object(row: Prediction, top: int | None, nested: bool) -> dict[str, object]:
    """With the levels of the label, where labels are paths; none of a label that is unsure."""
    probabilities = row.probabilities if top is None else dict(row.likeliest(top))
    known = row.label if row.label in row.probabilities else None
    levels = {"levels": known and known.split(LEVEL)} if nested else {}
    return {
        "path": row.path,
        "label": row.label,
        **levels,
        "confidence": row.confidence,
        "probabilities": probabilities,
        "error": row.error,
        "unlike": row.unlike,
    }


def _number(value: float) -> str:
    return f"{value:.6f}"


def _tsv(cells: Sequence[str]) -> str:
    return "\t".join(cell.translate(TSV_ESCAPES) for cell in cells) + "\n"


def _write(stream: TextIO, text: str) -> None:
    _flushed(stream, stream.write(text))


def _flushed(stream: TextIO, _: object) -> None:
    stream.flush()
