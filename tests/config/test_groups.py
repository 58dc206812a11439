"""`data.groups` as it is typed, and what is said where it can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.groups import Groups
from imgclf.config.load import config_from_values
from imgclf.runs.changes import compare, fields
from tests.support.config_texts import MODEL, load, problems

TABLE = "data:\n  table: labels.csv\n  groups: GROUPS\n" + MODEL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"'patient(\d+)'", Groups(path=r"patient(\d+)")),
        (r"^[^/]+/\w+", Groups(path=r"^[^/]+/\w+")),
        ("2024", Groups(path="2024")),
        ("near_copies", Groups(near_copies=True)),
        ("{column: Patient ID}", Groups(column="Patient ID")),
        ("{path: near_copies}", Groups(path="near_copies")),
        ("{column: 7, near_copies: true}", Groups(column="7", near_copies=True)),
        ("none", None),
        ("null", None),
    ],
)
def test_groups_are_an_expression_a_word_or_both(text: str, expected: Groups | None) -> None:
    loaded = load(TABLE.replace("GROUPS", text))
    assert loaded.config.data.groups == expected
    again = config_from_values(loaded.config.written(), Path("stored.yaml")).config
    assert again.data.groups == expected


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (
            "'patient(['",
            "data.groups",
            "this is no regular expression: missing ]: [",
        ),
        (
            "'(patient)(?=_)'",
            "data.groups",
            "this is no regular expression: invalid perl operator: (?=",
        ),
        (
            "'" + "p" * 1001 + "'",
            "data.groups",
            "this is no regular expression: it has more than 1000 letters",
        ),
        ("{colum: patient}", "data.groups.colum", "data.groups has no argument colum"),
        ("{column: []}", "data.groups.column", "this can't be used"),
        ("{near_copies: maybe}", "data.groups.near_copies", "this can't be used"),
        (
            "{near_copies: false}",
            "data.groups",
            "nothing here says what the pictures of a group have in common",
        ),
        ("[near_copies]", "data.groups", "this can't be used"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, key: str, message: str) -> None:
    [problem] = problems(TABLE.replace("GROUPS", text))
    assert (problem.key, problem.message, problem.line) == (key, message, 3)


def test_a_column_needs_a_table() -> None:
    [problem] = problems("data: {directory: dataset, groups: {column: p}}\n" + MODEL)
    assert problem.message == "there is no table that could have this column"


def test_a_training_that_said_nothing_of_groups_is_the_same_training() -> None:
    now = load(TABLE.replace("GROUPS", "near_copies")).config.written()
    before = {**now, "data": {key: one for key, one in now["data"].items() if key != "groups"}}
    assert {change.rule.name for change in compare(fields(before), fields(now))} == {"NONE"}
    now["data"]["groups"] = None
    assert compare(fields(before), fields(now)) == []
