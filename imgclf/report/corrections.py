"""What came of a correction, for people."""

from __future__ import annotations

import io
from collections.abc import Iterable

from imgclf.corrections.assess import Corrected
from imgclf.corrections.guard import Judged
from imgclf.report.csv_lines import csv_writer
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines, on_one_line


def outcome_line(picture: Corrected) -> str:
    """What the model said of a picture, what it says now, and what came of it."""
    if picture.outcome == "unreadable":
        return on_one_line(f"{picture.before.path}: {picture.before.error} (unreadable)")
    before, after = (
        f"{said.label} {said.confidence:.1%}" for said in (picture.before, picture.after)
    )
    said = before if before == after else f"{before} -> {after}"
    reason = "" if picture.reason is None else f": {picture.reason}"
    doubt = ", doubtful" if picture.doubtful else ""
    return on_one_line(f"{picture.before.path}: {said} ({picture.outcome}{doubt}{reason})")


def judged_table(judged: Judged) -> Lines:
    """What the held-out pictures say; `least` is what `after` must not be below.

    `asked` is what all the corrections together would have made of them.
    """
    least = {
        name: max(0.0, judged.trained[name] - judged.tolerance[name]) for name in judged.pictures
    }
    figures = {
        "trained": judged.trained,
        "before": judged.before,
        "asked": judged.asked,
        "after": judged.after,
        "least": least,
    }
    columns = [Column("held-out", "left"), Column("pictures"), *map(Column, figures)]
    rows = (
        [name, str(count), *(f"{by_class[name]:.4f}" for by_class in figures.values())]
        for name, count in judged.pictures.items()
    )
    return table(columns, rows)


def corrections_csv(rows: Iterable[tuple[str, str]]) -> str:
    """The table that `retrain` takes, of paths and labels, without a newline at its end."""
    text = io.StringIO()
    write = csv_writer(text)
    for row in (("path", "label"), *rows):
        write(row)
    return text.getvalue().rstrip("\n")
