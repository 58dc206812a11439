"""Suspected label errors as a table, as CSV, and on the review page."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from imgclf.model.intervals import wilson
from imgclf.model_file.classifier import open_classifier
from imgclf.report.csv_lines import csv_writer
from imgclf.report.explanations import explained
from imgclf.report.review import ReviewItem, write_review
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines
from imgclf.suspects.confident_learning import Suspects


def suspects_heading(found: Suspects) -> str:
    """How many there are, and who says so."""
    judges = (
        "models that were trained without these pictures and agree"
        if found.folds
        else "the model, which agrees"
    )
    if found.guessing:
        return (
            f"nothing to list: what judges these {found.pictures} pictures agrees with "
            f"{found.agreement:.1%} of the labels, which is no better than guessing"
        )
    listed = len(found.suspects)
    rest = "" if listed == found.contradicted else f"; the first {listed} are listed"
    return (
        f"{found.contradicted} of {found.pictures} labels are contradicted with confidence by "
        f"{judges} with {found.agreement:.1%} of the labels{rest}"
    )


def suspects_table(found: Suspects) -> Lines:
    """The heading, and a row for each suspect; the path comes last, for it may be long."""
    if not found.suspects:
        return Lines.of(suspects_heading(found))
    columns = (
        Column("label", "left"),
        Column("rather", "left"),
        Column("confidence"),
        Column("picture", "left"),
    )
    rows = ((one.given, one.suggested, f"{one.confidence:.1%}", one.path) for one in found.suspects)
    return Lines.of(suspects_heading(found), "", table(columns, rows))


def write_suspects(stream: TextIO, found: Suspects) -> None:
    """CSV with the columns path, given, suggested, confidence, confidence_in_given.

    No column is called label, so that `retrain` refuses the file: many of the suggestions are
    wrong, and somebody has to look first.
    """
    write = csv_writer(stream)
    write(("path", "given", "suggested", "confidence", "confidence_in_given"))
    for one in found.suspects:
        sure = (f"{one.confidence:.6f}", f"{one.confidence_in_given:.6f}")
        write((one.path, one.given, one.suggested, *sure))


def write_suspects_page(target: Path, found: Suspects, model: Path, command: str) -> None:
    """The review page, most suspicious first.

    Raises:
        ModelFileError: The model can't be read.
        WriteError: It can't be written.
    """
    why = explained(open_classifier(model), model, [one.path for one in found.suspects])
    items = [
        ReviewItem(one.path, one.suggested, one.confidence, given=one.given, why=why.get(one.path))
        for one in found.suspects
    ]
    title = f"Suspected label errors, as {model.stem} sees them"
    sure = wilson(found.agreement * found.pictures, found.pictures)
    between = f"from {sure.low:.1%} to {sure.high:.1%}"
    note = f"{suspects_heading(found)}. The 95 % interval of that agreement is {between}."
    write_review(target, items, found.classes, title, note, command)
