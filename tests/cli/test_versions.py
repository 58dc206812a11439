"""`history` and `rollback` of a model with several versions, to the character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imgclf.cli import app
from imgclf.corrections.inputs import Labelled, read_inputs
from imgclf.errors import UsageError
from tests.support.version_files import write_version

pytestmark = pytest.mark.usefixtures("in_folder")


def imgclf(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def lines(*arguments: str) -> list[str]:
    done = imgclf(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


@pytest.fixture(autouse=True)
def four_versions(in_folder: Path) -> None:
    for number in range(1, 5):
        write_version(number, number - 1 or None)


def test_rollback_says_what_is_no_longer_in_force_and_what_is_again() -> None:
    assert lines("rollback") == [
        "no longer in force: /4.jpg (cat)",
        "models/pets.keras is now version 3, byte for byte, instead of 4 "
        "(1 correction is no longer in force)",
    ]
    assert lines("rollback", "1")[-1] == (
        "models/pets.keras is now version 1, byte for byte, instead of 3 "
        "(2 corrections are no longer in force)"
    )
    assert lines("rollback", "3") == [
        "in force again: /2.jpg (cat)",
        "in force again: /3.jpg (cat)",
        "models/pets.keras is now version 3, byte for byte, instead of 1 "
        "(2 corrections are in force again)",
    ]


def test_pruning_says_what_is_gone_and_what_is_left() -> None:
    [line] = lines("history", "--prune", "1")
    assert line.startswith("removed versions 2-3 of models/pets.keras, ")
    assert line.endswith(" MB; left: 1, 4")
    assert lines("history", "--prune", "1") == [
        "nothing to remove of models/pets.keras; left: 1, 4"
    ]
    assert json.loads("".join(lines("history", "--prune", "1", "--json"))) == {
        "removed": [],
        "left": [1, 4],
        "freed": 0,
    }
    assert imgclf("history", "--prune", "0").exit_code == 2


def test_corrections_are_printed_as_retrain_takes_them() -> None:
    kept = Path(f"models/pets.history/corrected/{3:064x}.png")
    kept.parent.mkdir()
    kept.write_bytes(b"a picture")
    assert lines("history", "--corrections") == [
        "path,label",
        "/2.jpg,cat",
        f"{kept},cat",
        "/4.jpg,cat",
    ]
    Path("taken.csv").write_text("\n".join(lines("history", "--corrections")))
    assert read_inputs(["taken.csv"], None, []) == [
        Labelled(Path("/2.jpg"), "cat", "taken.csv, line 2"),
        Labelled(kept, "cat", "taken.csv, line 3"),
        Labelled(Path("/4.jpg"), "cat", "taken.csv, line 4"),
    ]
    found = json.loads("\n".join(lines("history", "--corrections", "--json")))
    assert [one["digest"] for one in found] == [f"{number:064x}" for number in (2, 3, 4)]
    assert isinstance(imgclf("history", "--corrections", "--prune", "1").exception, UsageError)


def test_a_version_without_corrections_says_where_those_of_others_are() -> None:
    lines("rollback", "1")
    done = imgclf("history", "--corrections")
    assert done.stdout.splitlines() == ["path,label"]
    assert done.stderr.splitlines() == [
        "the version in use was not corrected",
        "the corrections of each version: imgclf history --json",
    ]


def test_forget_goes_with_no_other_pictures() -> None:
    for others in (["new.jpg", "--label", "cat"], ["--relabel"], ["--unguarded"]):
        done = imgclf("retrain", *others, "--forget", "/2.jpg")
        assert isinstance(done.exception, UsageError)
        assert done.exception.message == (
            "--forget goes with --model, --max-drop, --data, --dry-run and --json alone"
        )
    done = imgclf("retrain")
    assert isinstance(done.exception, UsageError)
    assert done.exception.message == "which pictures?"
