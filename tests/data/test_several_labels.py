"""Pictures with several labels: what tables and folders say, and how they are divided."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from imgclf.data.arrangement import Arrangement
from imgclf.data.folder import PictureFolder, scan
from imgclf.data.joined_labels import divided_labels, joined_labels
from imgclf.data.labelled import scan_labelled
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError


@pytest.fixture(autouse=True)
def pictures(in_folder: Path) -> None:
    for number in range(40):
        Path(f"{number}.jpg").write_text(f"picture {number}")


def read(text: str) -> PictureFolder:
    Path("labels.csv").write_text(text)
    return scan(Path(), 0.25, 123, Arrangement(table=Path("labels.csv"), multi_label=True))


def refusal(text: str) -> str:
    with pytest.raises(DataError) as caught:
        read(text)
    return str(caught.value.message)


def labels_of(folder: PictureFolder) -> dict[str, list[str]]:
    every = (*folder.training, *folder.validation, *folder.test)
    by_path = sorted(every, key=lambda one: int(one.path.stem))
    return {one.path.stem: [folder.class_names[label] for label in one.labels] for one in by_path}


ROWS = {0: ["cat"], 1: ["cat", "dog"], 2: ["dog", "hat"], 3: [], 4: ["hat", "cat", "dog"]}
SAID = {str(number): sorted(ROWS[number % 5]) for number in range(40)}


def in_cells(mark: str) -> str:
    rows = (f'{number}.jpg,"{mark.join(ROWS[number % 5])}"' for number in range(40))
    return "\n".join(["path,labels", *rows])


def in_lines() -> str:
    rows = (f"{number}.jpg,{one}" for number in range(40) for one in ROWS[number % 5] or [""])
    return "\n".join(["image,tag", *rows])


def in_columns(yes: str, no: str) -> str:
    names = ("cat", "dog", "hat")
    rows = (
        ",".join([f"{number}.jpg", str(300 + number), *(yes if n in has else no for n in names)])
        for number in range(40)
        for has in [ROWS[number % 5]]
    )
    return "\n".join(["filename,width,cat,dog,hat", *rows])


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (in_cells("|"), "the labels of a picture are divided by '|' in the column labels"),
        (in_cells("; "), "the labels of a picture are divided by ';' in the column labels"),
        (in_cells(","), "the labels of a picture are divided by ',' in the column labels"),
        (in_lines(), "a picture has a line for each of its labels"),
        (
            in_columns("1", "0"),
            "a column of 0 and 1 for each class: cat, dog, hat; of other values, and no classes: "
            "width",
        ),
        (
            in_columns("True", ""),
            "a column of 0 and 1 for each class: cat, dog, hat; of other values, and no classes: "
            "width",
        ),
    ],
    ids=["bars", "semicolons", "commas", "lines", "columns", "words"],
)
def test_a_table_gives_several_labels_or_none_and_it_is_said_how(text: str, note: str) -> None:
    found = read(text)
    assert found.class_names == ("cat", "dog", "hat")
    assert labels_of(found) == SAID
    assert found.notes == (f"labels.csv: {note}",)
    assert found.in_words.endswith("; 1.60 labels a picture")


def test_a_column_without_any_cell_is_no_class() -> None:
    found = read("path,cat,dog,notes\n0.jpg,1,0,\n1.jpg,,1,\n2.jpg,1,,\n3.jpg,,1\n")
    assert found.class_names == ("cat", "dog")
    assert found.notes[0].endswith("cat, dog; of other values, and no classes: notes")


def test_a_slip_in_a_column_of_a_class_is_named() -> None:
    text = in_columns("1", "0").replace("3.jpg,303,0,0,0", "3.jpg,303,0,O,0")
    assert refusal(text) == "labels.csv, line 5: the column dog has 'O'; allowed: 0, 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,width\n0.jpg,300\n1.jpg,310\n",
            "labels.csv, line 1: there is no column for labels, and none of 0 and 1\n"
            "    received: path, width",
        ),
        ("path,labels\n0.jpg,\n1.jpg,\n", "labels.csv has no labels; a classifier needs two"),
        (
            "path,labels,part\n0.jpg,cat,train\n0.jpg,dog,test\n",
            "labels.csv, lines 2 and 3: 0.jpg is training and test",
        ),
    ],
)
def test_a_table_that_says_nothing_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


def test_a_table_of_one_label_each_that_gives_two_says_the_key() -> None:
    Path("labels.csv").write_text("path,label\n0.jpg,cat\n1.jpg,dog\n0.jpg,dog\n")
    with pytest.raises(DataError) as caught:
        scan(Path(), 0.25, 123, Arrangement(table=Path("labels.csv")))
    assert caught.value.message == "labels.csv, lines 2 and 4: 0.jpg is cat and dog"
    assert caught.value.hint == (
        "if a picture may have several labels: --set data.multi_label=true"
    )


def test_test_pictures_of_which_none_has_a_label_are_left_out() -> None:
    found = read(
        "path,labels,part\n0.jpg,cat,train\n1.jpg,dog,train\n2.jpg,,train\n3.jpg,cat|dog,val\n"
        "4.jpg,,test\n5.jpg,,test\n"
    )
    assert [one.labels for one in found.training] == [(0,), (1,), ()]
    assert [str(one.path) for one in found.skipped] == ["4.jpg", "5.jpg"]


def test_equal_files_in_several_class_folders_are_one_picture() -> None:
    for number in range(24):
        for name in ("cat", "dog") if number % 3 == 0 else (("cat", "dog")[number % 2],):
            Path("set", name).mkdir(parents=True, exist_ok=True)
            Path("set", name, f"{name}{number}.jpg").write_text(f"picture {number}")
    found = scan(Path("set"), 0.25, 123, Arrangement(multi_label=True))
    every = (*found.training, *found.validation)
    assert len(every) == len({one.digest for one in every}) == 24
    assert sum(one.labels == (0, 1) for one in every) == 8
    judged, _ = scan_labelled(Path("set"), ("cat", "dog"), multi_label=True)
    assert {one.digest: one.labels for one in judged} == {one.digest: one.labels for one in every}


def share(pictures: Iterable[Picture], labels: tuple[int, ...]) -> int:
    return sum(one.labels == labels for one in pictures)


def test_each_label_and_no_label_have_their_share_held_out() -> None:
    found = read(in_cells("|"))
    assert len(found.validation) == 10
    for label, count in ((0, 24), (1, 24), (2, 16)):
        held_out = sum(label in one.labels for one in found.validation)
        assert abs(held_out - count / 4) <= 1
    assert share(found.validation, ()) == 2
    assert read(in_cells("|")).validation == found.validation


def test_another_label_makes_another_data_set() -> None:
    before = read(in_cells("|")).fingerprint
    assert read(in_cells(";")).fingerprint == before
    assert read(in_cells("|").replace('2.jpg,"dog|hat"', '2.jpg,"dog"', 1)).fingerprint != before


@pytest.mark.parametrize("labels", [("cat", "dog"), ("a|b", "c"), ("a\\", "|"), ("a\\|b",), ()])
def test_what_predict_writes_in_a_cell_is_read_as_it_was(labels: tuple[str, ...]) -> None:
    assert divided_labels(joined_labels(labels)) == labels
