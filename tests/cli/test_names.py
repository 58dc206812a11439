"""Names of files that hold anything, in terminals that can't show everything."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from imgclf.cli.session import as_json_text
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import read_inputs
from imgclf.data.folder import scan
from imgclf.errors import DataError
from imgclf.report.tables import Column, table
from imgclf.spelling import harmless, on_one_line
from imgclf.system import console
from tests.support.command_line import imgclf
from tests.support.heard import Heard

NO_TEXT = os.fsdecode(b"\xff.png")
ODD = ("two\nlines.png", "\x1b[2Jcleared.png", "tab\tback\\slash.png", "ağaç 🌳.png")


@pytest.fixture
def oddly_named(trained: Trained) -> list[str]:
    """Pictures of a cat under names that hold anything."""
    Path("odd").mkdir()
    paths = [f"odd/{name}" for name in sorted((*ODD, NO_TEXT))]
    for path in paths:
        shutil.copy("new/cat/cat-001.jpg", path)
    return paths


def test_a_row_of_the_table_is_a_line_whatever_the_name(oddly_named: list[str]) -> None:
    done = imgclf("predict", "odd", "--format", "table", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0, done.stderr
    _, *rows = done.stdout.splitlines()
    assert [row.split("  (")[0].split("%  ")[1] for row in rows] == [
        r"odd/\x1b[2Jcleared.png",
        r"odd/a\u011fa\xe7 \U0001f333.png",
        "odd/tab\tback\\slash.png",
        r"odd/two\nlines.png",
        f"odd/{NO_TEXT}",
    ]


def test_what_a_terminal_can_not_show_comes_back_right(oddly_named: list[str]) -> None:
    paths = [path for path in oddly_named if NO_TEXT not in path]
    for row_format in ("tsv", "jsonl"):
        done = imgclf("predict", *paths, "--format", row_format, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        if row_format == "jsonl":
            found = [json.loads(row)["path"] for row in done.stdout.splitlines()]
        else:
            Path("rows.tsv").write_text(done.stdout)
            found = [str(one.path) for one in read_inputs(["rows.tsv"], None, [])]
        assert found == paths


def test_a_list_on_standard_input_is_read_as_names_are(oddly_named: list[str]) -> None:
    done = imgclf("predict", "-", stdin="odd/ağaç 🌳.png\n", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("odd/a\\u011fa\\xe7 \\U0001f333.png\t")


def test_json_is_json_where_letters_are_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert as_json_text({"a": "ağaç"}) == '{\n  "a": "ağaç"\n}'
    assert json.loads(as_json_text({"a": NO_TEXT})) == {"a": NO_TEXT}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert as_json_text({"a": "ağaç"}) == '{\n  "a": "a\\u011fa\\u00e7"\n}'


def test_what_is_said_of_a_file_is_one_line(heard: Heard) -> None:
    console.warning("left out two\nlines\x1b[2J.jpg: empty file")
    assert heard.text == "warning: left out two\\nlines\\x1b[2J.jpg: empty file\n"
    assert table([Column("picture", "left")], [["two\nlines"]]) == "picture\ntwo\\nlines"


def test_names_for_people_keep_their_letters() -> None:
    assert on_one_line(f"ağaç 👩\u200d🌾 {NO_TEXT}") == f"ağaç 👩\u200d🌾 {NO_TEXT}"
    assert on_one_line("a\u2028b\x9bc") == "a\\u2028b\\x9bc"
    assert harmless("a\nb\x07") == "a\nb\\x07"
    assert on_one_line("photo\u202egpj.exe") == "photo\\u202egpj.exe"


def test_a_class_has_a_name_that_is_text(in_folder: Path) -> None:
    for name in ("dog", os.fsdecode(b"caf\xe9")):
        Path("set", name).mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        scan(Path("set"), 0.2, 1)
    assert caught.value.message == (
        r"set has a class folder whose name is no text in UTF-8: 'caf\udce9'"
    )
