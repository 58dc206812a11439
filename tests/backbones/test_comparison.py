"""Pretrained networks side by side: what is a tie, and how rows are written."""

from __future__ import annotations

import csv
import io
import json

import numpy as np

from imgclf.backbones.comparison import Candidate, with_ties
from imgclf.report.comparison import comparison_text
from imgclf.report.prediction_rows import RowFormat


def candidate(name: str, wrong: range, seconds: float | None = 0.01) -> Candidate:
    """Has these of a hundred pictures wrong."""
    right = np.ones(100, np.bool_)
    right[wrong] = False
    return Candidate(name, (224, 240), right, seconds, None if seconds is None else 10_000_000)


def test_what_the_pictures_do_not_tell_from_the_best_is_a_tie() -> None:
    found = with_ties(
        [
            candidate("far", range(30)),
            candidate("near", range(15)),  # five more wrong than the best, and none more right
            candidate("best", range(10)),
            candidate("farther", range(16)),  # six more: one in 32 by chance, to both sides
        ]
    )
    assert [(one.backbone, one.tied) for one in found] == [
        ("best", True),
        ("near", True),
        ("farther", False),
        ("far", False),
    ]


def test_rows_are_for_people_or_for_programs() -> None:
    found = with_ties([candidate("one", range(10)), candidate("other", range(40), None)])
    assert comparison_text(found, RowFormat.TABLE).splitlines() == [
        "accuracy     95 % interval  ms a picture  MB   pictures  backbone",
        "  0.9000  0.8256 to 0.9448          10.0  20  224 x 240  one",
        "  0.6000  0.5020 to 0.6906             -   -  224 x 240  other",
    ]
    rows = [json.loads(line) for line in comparison_text(found, RowFormat.JSONL).splitlines()]
    assert rows[0]["accuracy"] == 0.9 and rows[0]["tied"] is True and rows[0]["megabytes"] == 20.0
    assert rows[1]["milliseconds"] is None and rows[1]["tied"] is False
    read = csv.DictReader(io.StringIO(comparison_text(found, RowFormat.TSV)), delimiter="\t")
    first, second = read
    assert list(first) == list(rows[0])
    assert (first["backbone"], first["accuracy"], first["tied"]) == ("one", "0.900000", "true")
    assert (second["milliseconds"], second["height"]) == ("", "224")
