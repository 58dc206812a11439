"""What `imgclf check` finds in a data set before it is trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.commands.check import check
from imgclf.data.findings import Finding
from imgclf.errors import ConfigError, DataError
from tests.support.heard import Heard
from tests.support.layouts import lay_out, nobody_may_read
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
    [imbalance] = findings("imbalance")
    assert imbalance.message == (
        "cat has 30 pictures and dog 7: answering cat will seem to pay; "
        "training.logit_adjustment: 0.5 makes up for it"
    )
    for said in (
        "training.logit_adjustment=0.5",
        "training.class_weight=balanced",
        "data.oversample=true",
    ):
        kinds = {one.kind for one in check(Path("pets.yaml"), [said]).findings}
        assert kinds == {"few pictures"}


def test_weights_of_classes_that_there_are_not(pictures: Path) -> None:
    with pytest.raises(ConfigError, match="dgo"):
        check(Path("pets.yaml"), ["training.class_weight={cat: 1, dgo: 2}"])


def test_code_that_training_would_run_is_named_and_not_run(pictures: Path) -> None:
    Path("mine.py").write_text("raise SystemExit('ran')")
    Path("pets.yaml").write_text(
        CONFIG
        + "callbacks:\n- mine.py:Mine\n- mine.py:Off: none\n- LearningRateScheduler: mine.py:rate\n"
        "- LambdaCallback: {on_epoch_end: mine.py:hook}\n- EarlyStopping\n"
    )
    assert check(Path("pets.yaml")).code == ("mine.py:Mine", "mine.py:rate", "mine.py:hook")


def test_code_is_imported_and_made_when_asked(
    pictures: Path, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(
        "import keras\nprint('hello')\nclass Mine(keras.callbacks.Callback):\n"
        "    def __init__(self, size): self.rate = 1 / size\n"
    )
    listed = CONFIG + "callbacks:\n- mine.py:Mine: {size: 1}\n"
    Path("pets.yaml").write_text(listed)
    assert check(Path("pets.yaml"), run_code=True).code == ("mine.py:Mine",)
    assert "hello" in heard.text
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


def test_what_cannot_be_read_and_what_programs_leave_are_findings(pictures: Path) -> None:
    lay_out(
        """
        dataset/cat/private/x.jpg
        dataset/cat/@eaDir/cat-001.jpg/S.jpg
        dataset/cat/@eaDir/cat-001.jpg/M.jpg
        dataset/dog/lost -> /not/mounted
        """
    )
    with nobody_may_read("dataset/cat/private"):
        assert sorted(one.message for one in findings("left out")) == [
            "dataset/cat/@eaDir: in @eaDir, which a program has made (2 files)",
            "dataset/cat/private: permission denied",
            "dataset/dog/lost: a link to nothing",
        ]


@pytest.mark.parametrize("lost", ["dataset", "dataset/dog"])
def test_a_class_that_cannot_be_read_is_an_error(pictures: Path, lost: str) -> None:
    with nobody_may_read(lost), pytest.raises(DataError, match=f"^{lost}: permission denied"):
        check(Path("pets.yaml"))


def thumbnail(source: str, target: str) -> None:
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        picture.resize((64, 64)).save(target)


def test_near_copies_are_findings_and_kept_in_one_part(pictures: Path) -> None:
    for number in range(1, 9):
        thumbnail(f"dataset/cat/cat-{number:03}.jpg", f"dataset/cat/small/{number}.jpg")
    found = check(Path("pets.yaml"))
    assert [one.kind for one in found.findings] == ["alike"] * 8
    assert " ~ " in found.findings[0].message
    assert found.counts["cat"][0] + found.counts["cat"][1] == 38


def test_near_copies_that_are_most_of_a_class_are_divided_unless_they_are_a_group(
    pictures: Path,
) -> None:
    for number in range(40):
        with Image.open("dataset/cat/cat-001.jpg") as picture:
            picture.save(f"dataset/cat/still-{number}.jpg", quality=50 + number)
    [finding] = findings("alike, in two parts")
    assert finding.message.endswith(
        " and 36 more are for training and validation; data.groups: near_copies keeps them together"
    )
    found = check(Path("pets.yaml"), ["data.groups=near_copies"])
    assert "alike, in two parts" not in [one.kind for one in found.findings]


def test_near_copies_under_two_labels_and_in_two_parts(pictures: Path) -> None:
    shutil.move("dataset", "whole")
    for part, first, last in (("train", 1, 20), ("val", 21, 25), ("test", 26, 30)):
        for label in ("cat", "dog"):
            Path("dataset", part, label).mkdir(parents=True)
            for number in range(first, last + 1):
                shutil.copy(f"whole/{label}/{label}-{number:03}.jpg", f"dataset/{part}/{label}")
    thumbnail("dataset/train/cat/cat-001.jpg", "dataset/val/cat/small.jpg")
    thumbnail("dataset/train/cat/cat-002.jpg", "dataset/train/dog/small.jpg")
    shutil.copy("dataset/train/dog/dog-003.jpg", "dataset/test/dog")
    assert [(one.kind, one.message) for one in check(Path("pets.yaml")).findings] == [
        (
            "in two parts",
            "dataset/train/dog/dog-003.jpg = dataset/test/dog/dog-003.jpg: trained on, and "
            "tested on",
        ),
        (
            "alike, in two parts",
            "dataset/train/cat/cat-001.jpg ~ dataset/val/cat/small.jpg are for training and "
            "validation",
        ),
        (
            "alike, two labels",
            "dataset/train/cat/cat-002.jpg ~ dataset/train/dog/small.jpg are cat and dog",
        ),
    ]


def test_pictures_that_use_few_of_their_bits_are_a_finding_that_names_the_key(
    pictures: Path,
) -> None:
    for path in pictures.rglob("*.jpg"):
        with Image.open(path) as picture:
            deep = np.asarray(picture.convert("L")).astype(np.uint16) * 16
        Image.fromarray(deep).save(path.with_suffix(".png"))
        path.unlink()
    [finding] = check(Path("pets.yaml")).findings
    assert finding.kind == "dark"
    assert finding.message.endswith("of 65535, so that they come out dark: data.bit_depth: 12")
    assert check(Path("pets.yaml"), ["data.bit_depth=12"]).findings == ()
    [finding] = check(Path("pets.yaml"), ["data.bit_depth=9"]).findings
    assert finding.kind == "cut off"


def test_it_says_what_the_network_takes(pictures: Path) -> None:
    takes = check(Path("pets.yaml")).network
    assert takes.weights == 3 * 3 * 3 * 8 + 8 + 15 * 15 * 8 + 1
    assert takes.in_words().startswith(
        "2,025 parameters; training in batches of 16 takes about 1.1 GB"
    )
    more = check(Path("pets.yaml"), ["data.batch_size=512"]).network
    values = 2 * 32 * 32 * 3 + 2 * 15 * 15 * 8 + 15 * 15 * 8 + 1
    assert more.memory - takes.memory == values * (512 - 16) * 8


def test_weights_that_the_machine_has_no_room_for_are_refused(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.training.memory_needed.memory_of_machine", lambda: 10_000_000)
    with pytest.raises(ConfigError, match="for the weights alone") as refused:
        check(Path("pets.yaml"), ["model.layers=[Flatten, {Dense: 300}]"])
    assert refused.value.problems[0].received == "921,900 weights here, of 922,201"
    [finding] = [one for one in check(Path("pets.yaml")).findings if one.kind == "memory"]
    assert finding.message.endswith("a smaller data.batch_size takes less")


def test_groups_that_are_hardly_there_are_named(pictures: Path) -> None:
    def said(groups: str) -> list[str]:
        found = check(Path("pets.yaml"), [f"data.groups={groups}"])
        return [*found.notes, *(one.message for one in found.findings if one.kind == "groups")]

    assert said("'-0([0-2])'") == [
        "data.groups: 60 different pictures in 5 groups; the largest, 1, has 20",
        "data.groups: 2 pictures are in none, such as cat/cat-030.jpg: each is one by itself",
    ]
    assert said("'-00(.)|0'")[1:] == [
        "data.groups: 42 of 60 pictures are in one (0), so that the parts can't have their shares"
    ]
    assert said("bird") == [
        "data.groups: 60 different pictures in 60 groups",
        "data.groups: bird is found in none of the paths, such as cat/cat-001.jpg, so that nothing "
        "is kept together by it",
    ]
