"""Pretrained networks side by side: as a table, and as rows for programs."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from imgclf.backbones.comparison import Candidate
from imgclf.report.csv_lines import csv_writer
from imgclf.report.prediction_rows import RowFormat
from imgclf.report.tables import Column, table

_MILLION = 1e6


def comparison_text(candidates: Sequence[Candidate], row_format: RowFormat) -> str:
    """A row for each network, the most accurate first; without a newline at the end.

    Args:
        candidates: In this order.
        row_format: Of these, only the table is for people; the others have numbers in full: shares
            between 0 and 1, milliseconds and megabytes.
    """
    if row_format is RowFormat.TABLE:
        return _table(candidates)
    rows = [_row(one) for one in candidates]
    if row_format is RowFormat.JSONL:
        return "\n".join(map(json.dumps, rows))
    stream = io.StringIO()
    write = csv_writer(stream, "\t" if row_format is RowFormat.TSV else ",")
    write(list(rows[0]))
    for row in rows:
        write([_cell(value) for value in row.values()])
    return stream.getvalue().rstrip("\n")


def _table(candidates: Sequence[Candidate]) -> str:
    columns = (
        Column("accuracy"),
        Column("95 % interval"),
        Column("ms a picture"),
        Column("MB"),
        Column("pictures"),
        Column("backbone", "left"),
    )
    rows = (
        [
            f"{one.accuracy:.4f}",
            f"{one.interval.low:.4f} to {one.interval.high:.4f}",
            "-" if one.seconds is None else f"{1000 * one.seconds:.1f}",
            "-" if one.model_bytes is None else f"{one.model_bytes / _MILLION:.0f}",
            f"{one.image_size[0]} x {one.image_size[1]}",
            one.backbone + _tie(one, candidates[0]),
        ]
        for one in candidates
    )
    return table(columns, rows)


def _tie(one: Candidate, first: Candidate) -> str:
    return " (a tie with the first)" if one.tied and one is not first else ""


def _row(one: Candidate) -> dict[str, object]:
    size = one.model_bytes
    return {
        "backbone": one.backbone,
        "accuracy": one.accuracy,
        "low": one.interval.low,
        "high": one.interval.high,
        "pictures": len(one.right),
        "milliseconds": None if one.seconds is None else 1000 * one.seconds,
        "megabytes": None if size is None else size / _MILLION,
        "height": one.image_size[0],
        "width": one.image_size[1],
        "tied": one.tied,
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)
