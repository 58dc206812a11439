"""What people have said of pictures so far."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.errors import DataError, UsageError
from imgclf.labelling.judging import judges
from imgclf.labelling.labels import Labels, next_table, read_labels

TABLE = Path("labels.csv")


@pytest.fixture(autouse=True)
def photos(in_folder: Path) -> None:
    Path("photos").mkdir()
    for number in range(40):
        Path(f"photos/{number}.jpg").write_bytes(f"picture {number}".encode())


def table(*lines: str, header: str = "path,label,part") -> None:
    TABLE.write_text("\n".join([header, *lines, ""]))


def read(*class_names: str) -> Labels:
    return read_labels(TABLE, Path("photos"), class_names or None, [])


def numbers(labels: Labels) -> tuple[list[str], list[str]]:
    return [one.path.stem for one in labels.to_learn], [one.path.stem for one in labels.to_judge]


def test_the_part_says_who_judges() -> None:
    table("0.jpg,cat,training", "1.jpg,dog,validation", "2.jpg,dog,training", "3.jpg,cat,test")
    found = read()
    assert found.class_names == ("cat", "dog")
    assert numbers(found) == (["0", "2"], ["1", "3"])
    assert [one.label for one in found.all] == [0, 1, 1, 0]


def test_without_a_part_those_judge_who_would_have_been_drawn() -> None:
    table(
        *(f"{number}.jpg,{'cat' if number % 2 else 'dog'}" for number in range(40)),
        header="path,label",
    )
    found = read()
    assert all(judges(one.digest) for one in found.to_judge)
    assert not any(judges(one.digest) for one in found.to_learn)
    assert len(found.all) == 40
    assert 0 < len(found.to_judge) < 20


def test_classes_keep_the_order_in_which_they_were_named() -> None:
    table("0.jpg,cat,training")
    found = read("fox", "dog", "cat")
    assert (found.class_names, found.to_learn[0].label) == (("fox", "dog", "cat"), 2)


def test_another_class_is_refused_with_its_line() -> None:
    table("0.jpg,cat,training", "1.jpg,dgo,training")
    with pytest.raises(DataError, match="line 3: dgo is none of the classes: cat, dog; did you"):
        read("cat", "dog")


def test_equal_files_with_two_labels_are_refused() -> None:
    Path("photos/copy.jpg").write_bytes(Path("photos/0.jpg").read_bytes())
    table("0.jpg,cat,training", "copy.jpg,dog,training")
    with pytest.raises(DataError, match=r"0.jpg is cat and .*copy.jpg, which is the same picture"):
        read()


def test_a_table_that_is_not_there_may_be_among_the_downloads() -> None:
    with pytest.raises(DataError, match="no such file") as caught:
        read()
    assert "~/Downloads" in str(caught.value)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(UsageError, match=r"ends in \.csv or \.tsv"):
        read_labels(Path("photos/0.jpg"), Path("photos"), None, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "labels.csv"),
        ("labels.csv", "labels-2.csv"),
        ("/home/a/Downloads/labels-9.csv", "labels-10.csv"),
        ("pets-x.csv", "pets-x-2.csv"),
        ("labels.tsv", "labels-2.csv"),
    ],
)
def test_each_page_saves_a_table_of_its_own_name(before: str | None, after: str) -> None:
    assert next_table(None if before is None else Path(before)) == after
