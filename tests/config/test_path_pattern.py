"""Regular expressions on paths, the user's own and those that come with a model's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.config.path_pattern import PathPattern


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"(patient\d+)_", "patient7"),
        (r"patient\d", "patient7"),
        (r"^([^/]+)/", "scans"),
        (r"(?P<who>p\w+)_(\d)", "patient7"),
        (r"(x)?patient", "patient"),
        (r"(?i)PATIENT", "patient"),
        (r"nobody", None),
    ],
)
def test_what_the_first_group_matches_or_all_of_it(text: str, found: str | None) -> None:
    assert PathPattern(text).found_in(Path("scans/patient7_3.png")) == found


def test_a_name_that_is_no_text_has_patterns_too() -> None:
    assert PathPattern(r"(p\d)_").found_in(Path("\udcff/p1_\udcfe.png")) == "p1"
    assert PathPattern("^(.)/").found_in(Path("é/p1.png")) == "é"


@pytest.mark.parametrize("text", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", "(.*)*" * 100 + "b$"])
def test_no_expression_takes_for_ever(text: str) -> None:
    """Python's own looks through 2 ** 4000 ways of the first."""
    assert PathPattern(text).found_in(Path("a" * 4000 + "!")) is None


@pytest.mark.parametrize(
    "text", ["(", "a{1001}", "((a{1000}){1000})", r"(a)\1", "\udcff", "[" * 900]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PathPattern(text)
