"""What `imgclf check` finds in a data set before it is trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imgclf.commands.check import check
from imgclf.data.findings import Finding
from imgclf.errors import ConfigError
from tests.support.trainings import CONFIG


@pytest.fixture
def pictures(drawn: Path, in_folder: Path) -> Path:
    shutil.copytree(drawn / "dataset", "dataset")
    Path("pets.yaml").write_text(CONFIG)
    return Path("dataset")


def findings(kind: str) -> list[Finding]:
    return [one for one in check(Path("pets.yaml")).findings if one.kind == kind]


def test_a_good_data_set_has_no_findings(pictures: Path) -> None:
    found = check(Path("pets.yaml"))
    assert found.counts == {"cat": (24, 6, 0), "dog": (24, 6, 0)}
    assert found.findings == ()
    assert found.code == ()


def test_unreadable_files_are_named_with_the_reason(pictures: Path) -> None:
    (pictures / "cat" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (pictures / "dog" / "notes.txt").touch()
    messages = [finding.message for finding in findings("left out")]
    assert messages[0] == "dataset/dog/notes.txt: not a picture (.txt)"
    assert messages[1].startswith("dataset/cat/cut.jpg: ")


def test_one_picture_under_two_labels_and_a_duplicate(pictures: Path) -> None:
    shutil.copy(pictures / "cat/cat-001.jpg", pictures / "dog/cat-001.jpg")
    shutil.copy(pictures / "cat/cat-002.jpg", pictures / "cat/again.jpg")
    [contradiction] = findings("two labels")
    [duplicate] = findings("duplicate")
    listed = contradiction.message.removesuffix(" is cat and dog").split(" = ")
    assert set(listed) == {"dataset/cat/cat-001.jpg", "dataset/dog/cat-001.jpg"}
    listed = duplicate.message.split(" = ")
    assert set(listed) == {"dataset/cat/cat-002.jpg", "dataset/cat/again.jpg"}


def test_a_small_class_and_an_imbalance(pictures: Path) -> None:
    for number in range(8, 31):
        (pictures / f"dog/dog-{number:03}.jpg").unlink()
    assert [one.message for one in findings("few pictures")] == ["dog has 7; 20 are little enough"]
    assert len(findings("imbalance")) == 1


def test_code_that_training_would_run_is_named_and_not_run(pictures: Path) -> None:
    Path("mine.py").write_text("raise SystemExit('ran')")
    Path("pets.yaml").write_text(
        CONFIG
        + "callbacks:\n- mine.py:Mine\n- mine.py:Off: none\n- LearningRateScheduler: mine.py:rate\n"
        "- LambdaCallback: {on_epoch_end: mine.py:hook}\n- EarlyStopping\n"
    )
    assert check(Path("pets.yaml")).code == ("mine.py:Mine", "mine.py:rate", "mine.py:hook")


def test_code_is_imported_and_made_when_asked(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(
        "import keras\nprint('hello')\nclass Mine(keras.callbacks.Callback):\n"
        "    def __init__(self, size): self.rate = 1 / size\n"
    )
    listed = CONFIG + "callbacks:\n- mine.py:Mine: {size: 1}\n"
    Path("pets.yaml").write_text(listed)
    assert check(Path("pets.yaml"), run_code=True).code == ("mine.py:Mine",)
    assert capsys.readouterr().out == ""
    Path("pets.yaml").write_text(
        listed.replace("1}", "0}") + "- LearningRateScheduler: mine.py:rat\n- ends.py:Ends\n"
    )
    Path("ends.py").write_text("\nraise SystemExit('ran')\n")
    with pytest.raises(ConfigError) as refused:
        check(Path("pets.yaml"), run_code=True)
    assert [problem.key for problem in refused.value.problems] == [
        "callbacks.0",
        "callbacks.1.schedule",
        "callbacks.2",
    ]
    assert [problem.message for problem in refused.value.problems] == [
        "mine.py:Mine can't be made: ZeroDivisionError: division by zero (mine.py, line 4)",
        "there is no 'rat' in mine.py",
        "running ends.py failed: SystemExit: ran (ends.py, line 2)",
    ]
