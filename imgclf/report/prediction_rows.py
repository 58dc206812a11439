"""Predictions as rows: a table for people; TSV, CSV and JSON lines for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TextIO

from imgclf.data.class_levels import LEVEL, has_levels
from imgclf.model.prediction import UNLIKE, UNSURE, Prediction
from imgclf.report.tables import Column, heading, line
from imgclf.spelling import on_one_line


class RowFormat(StrEnum):
    """How predictions are written."""

    TABLE = "table"
    TSV = "tsv"
    CSV = "csv"
    JSONL = "jsonl"


WriteRow = Callable[[Prediction], None]

TSV_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_SHOWN_IN_TABLE = 3


def row_writer(
    stream: TextIO, row_format: RowFormat, class_names: Sequence[str], top: int | None
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
    """
    if row_format is RowFormat.JSONL:
        nested = has_levels(class_names)
        return lambda row: _write(stream, json.dumps(_as_object(row, top, nested)) + "\n")
    if row_format is RowFormat.TABLE:
        return _table_writer(stream, class_names, top)
    if top is None:
        shown = [f"probability_{name}" for name in class_names]
    else:
        top = min(top, len(class_names))
        shown = [f"{what}_{k + 1}" for k in range(top) for what in ("label", "probability")]
    header = ["path", "label", "confidence", *shown, "error", "unlike"]

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
        return [row.path, row.label or "", confidence, *middle, row.error or "", unlike]

    if row_format is RowFormat.CSV:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        return lambda row: _flushed(stream, writer.writerow(cells(row)))
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
