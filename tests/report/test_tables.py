"""Tables for people: to the character, for scripts read them too."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.check import Checked
from imgclf.corrections.guard import Judged
from imgclf.data.findings import Finding
from imgclf.model.intervals import Interval, wilson
from imgclf.model.scores import Scores
from imgclf.model_file.manifest import Correction
from imgclf.model_file.versions import Version
from imgclf.report.corrections import judged_table
from imgclf.report.scores import score_lines
from imgclf.report.tables import Column, table
from imgclf.training.memory_needed import NetworkTakes

TAKES = NetworkTakes(0, "EfficientNetLite0", None, 32, 0, None)


def printed(*arguments: str) -> str:
    """What a command prints on stdout."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_check_prints_a_row_for_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(
        name="pets",
        counts={"cat": (24, 6, 0), "Norwegian Forest": (12345, 3086, 100)},
        findings=(Finding("imbalance", "answering it will seem to pay"),),
        network=TAKES,
        code=("mine.py:Mine",),
    )
    monkeypatch.setattr("imgclf.commands.check.check", lambda *_, run_code, page: checked)
    assert printed("check", "pets.yaml") == (
        "class             train  validate  test\n"
        "cat                  24         6     0\n"
        "Norwegian Forest  12345      3086   100\n"
        "network: on EfficientNetLite0; what a pretrained network takes is not counted here\n"
        "imbalance: answering it will seem to pay\n"
        "training will run code of your own: mine.py:Mine\n"
    )


def test_check_leaves_room_for_the_word_class(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked("pets", {"a": (1, 1, 0), "b": (2, 1, 0)}, (), TAKES, ())
    monkeypatch.setattr("imgclf.commands.check.check", lambda *_, run_code, page: checked)
    assert printed("check", "pets.yaml") == (
        "class  train  validate  test\n"
        "a          1         1     0\n"
        "b          2         1     0\n"
        "network: on EfficientNetLite0; what a pretrained network takes is not counted here\n"
    )  # fmt: skip


def test_history_prints_a_row_for_each_version(monkeypatch: pytest.MonkeyPatch) -> None:
    correction = Correction("new/cat.jpg", "", "cat", "dog", 2)
    found = [
        Version(1, None, "2026-11-22T10:15:03+01:00", 0, (), None, None, False),
        Version(
            *(2, 1, "2026-11-22T10:20:00+01:00", 1, (correction,), 0.9375, 0.9167, True),
            pictures=48,
            same_pictures=True,
            score_interval=wilson(45, 48),
        ),
        Version(
            *(13, 2, "2026-11-23T10:20:00+01:00", 120, (correction,) * 12, 1.0, 0.5, False),
            pictures=2,
        ),
    ]
    monkeypatch.setattr("imgclf.commands.versions.history", lambda _: found)
    monkeypatch.setattr("imgclf.cli.session.chosen_model", lambda given: given)
    assert printed("history") == (
        "version  parent  corrections   new  before   after  pictures  created"
        "                              after-95%\n"
        "      1       -            0     0       -       -  -         2026-11-22T10:15:03+01:00"
        "            -\n"
        "      2       1            1     1  0.9167  0.9375  48        2026-11-22T10:20:00+01:00"
        "  (in use)  0.832-0.979\n"
        "     13       2          120    12  0.5000  1.0000  2 others  2026-11-23T10:20:00+01:00"
        "            -\n"
    )


def judged(*names: str) -> Judged:
    """Twelve pictures of each, judged alike."""
    trained, before, asked, after, tolerance = (
        dict.fromkeys(names, value) for value in (1.0, 0.975, 0.5, 0.95, 0.0125)
    )
    return Judged(trained, before, asked, after, tolerance, dict.fromkeys(names, 12))


def test_the_held_out_pictures_are_told_by_class() -> None:
    assert judged_table(judged("(all)", "cat", "Norwegian Forest")) == (
        "held-out          pictures  trained  before   asked   after   least\n"
        "(all)                   12   1.0000  0.9750  0.5000  0.9500  0.9875\n"
        "cat                     12   1.0000  0.9750  0.5000  0.9500  0.9875\n"
        "Norwegian Forest        12   1.0000  0.9750  0.5000  0.9500  0.9875"
    )


def test_its_titles_stand_above_their_columns_whatever_the_classes_are_called() -> None:
    assert judged_table(judged("(all)", "cat")) == (
        "held-out  pictures  trained  before   asked   after   least\n"
        "(all)           12   1.0000  0.9750  0.5000  0.9500  0.9875\n"
        "cat             12   1.0000  0.9750  0.5000  0.9500  0.9875"
    )


def test_a_column_is_as_wide_as_its_longest_cell_and_the_last_is_not_filled_up() -> None:
    columns = Column("left", "left"), Column("right"), Column("wide", width=6), Column("z", "left")
    assert table(columns, [["a", "1", "22", "b"], ["longer", "1234567", "3", "a path "]]) == (
        "left      right    wide  z\na             1      22  b\nlonger  1234567       3  a path "
    )


def test_a_table_without_rows_has_its_titles() -> None:
    assert table([Column("name", "left"), Column("count")], []) == "name  count"


def test_a_training_says_how_far_its_scores_may_be_off() -> None:
    measured = Scores(
        *(0.8, {"cat": 0.9, "dog": 0.7}, 20, "test", 0.8),
        Interval(0.5841, 0.9193),
        *(0.79, Interval(0.57, 0.91)),
    )
    assert list(score_lines(measured)) == [
        "test accuracy: 0.8000 (20 pictures), 95% interval 0.5840 to 0.9193",
        "test balanced accuracy: 0.8000, 95% interval 0.5841 to 0.9193",
        "test macro F1: 0.7900, 95% interval 0.5700 to 0.9100",
    ]
    # What a version wrote that measured nothing else.
    assert list(score_lines(Scores(1.0, {}, 3))) == [
        "validation accuracy: 1.0000 (3 pictures), 95% interval 0.4385 to 1.0000"
    ]
