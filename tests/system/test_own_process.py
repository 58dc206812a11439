"""Processes that may die: each really started, each really ended so."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from imgclf.system.own_process import Answer, ask

DYING = "tests.support.dying"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (["crash"], Answer(ready=True, ended="SIGSEGV")),
        (["leave"], Answer(ready=True, ended="status 7")),
        (["fill", "1"], Answer(ready=True, megabytes=64, done=True, ended="status 0")),
        (
            ["fill", "100"],
            Answer(
                ready=True, megabytes=64, message="too much", hint="take less", ended="status 0"
            ),
        ),
        (["fail early"], None),
        (["give up"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_how_it_ended_is_known(what: list[str], expected: Answer | None) -> None:
    assert ask(DYING, what, 60) == expected


def test_one_that_never_ends_is_ended() -> None:
    begun = time.monotonic()
    said = ask(DYING, ["hang"], 2)
    assert said is None or said == Answer(ready=True, ended="more than 2 seconds")
    assert time.monotonic() - begun < 30


def test_it_works_where_this_one_does_and_takes_names_that_are_no_text(in_folder: Path) -> None:
    (in_folder / "json.py").write_text("raise ValueError")  # a folder's modules are not ours
    said = ask(DYING, ["say", "caf\udce9 ü"], 60)
    assert said is not None
    assert said.message == f"caf\udce9 ü in {in_folder.name}"


def test_a_long_story_is_cut_short() -> None:
    said = ask(DYING, ["say", "x" * 30_000], 60)
    assert said is not None
    assert said.message == "x" * 4000


@pytest.mark.parametrize("program", ["", "/nowhere/python", __file__])
def test_where_there_can_be_no_such_process_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert ask(DYING, ["crash"], 60) is None
