"""Labels in a table, a line for each picture: what is read, and what is said of a bad line."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.commands.predict import find_inputs
from imgclf.config.load import parse_config
from imgclf.data.arrangement import Arrangement
from imgclf.data.folder import scan
from imgclf.data.found_files import FoundFiles, find_files
from imgclf.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def pictures(in_folder: Path) -> None:
    for folder in ("set", "set/images", "elsewhere"):
        Path(folder).mkdir(exist_ok=True)
        for name in "abcd":
            Path(folder, f"{name}.jpg").write_text(f"{folder} {name}")


def read(text: str, name: str = "set/labels.csv", directory: str = "set") -> FoundFiles:
    Path(name).write_bytes(text.encode())
    return find_files(Path(directory), Arrangement(table=Path(name)))


def refusal(text: str, name: str = "set/labels.csv") -> str:
    with pytest.raises(DataError) as caught:
        read(text, name)
    return str(caught.value)


def listed(found: FoundFiles) -> dict[str, list[tuple[str, str]]]:
    return {
        part: [(str(path), found.class_names[label]) for path, label in files]
        for part, files in found.parts.items()
    }


TWO = {"training": [("set/a.jpg", "cat"), ("set/b.jpg", "dog")]}


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.jpg,cat\nb.jpg,dog\n",
        "\ufefflabel,path\r\ncat,a.jpg\r\ndog,b.jpg\r\n",
        "id,Image Path,Class\n1,a.jpg,cat\n2,b.jpg,dog\n",
        "filename;category\na.jpg;cat\nb.jpg;dog\n",
        "file\tclass_name\na.jpg\tcat\nb.jpg\tdog\n",
        "image,labels,confidence\n./a.jpg, cat ,0.5\n\nb.jpg,dog,0.9\n",
        "id,breed\na,cat\nb,dog\n",
        "filepaths,labels\nimages\\..\\a.jpg,cat\nb.jpg,dog\n",
        "path,label\na.jpg,cat\nb.jpg,dog\na.jpg,cat\n",
    ],
)
def test_columns_have_many_names(text: str) -> None:
    found = read(text)
    assert found.class_names == ("cat", "dog")
    by_file = {
        part: [(str(Path(path).parent.resolve() / Path(path).name), label) for path, label in files]
        for part, files in listed(found).items()
    }
    assert by_file == {
        part: [(str(Path(path).resolve()), label) for path, label in files]
        for part, files in TWO.items()
    }


def test_a_table_of_our_own_pages_is_one() -> None:
    a, b = (Path(f"elsewhere/{name}.jpg").resolve() for name in "ab")
    found = read(f'path,label\n"{a}",cat\n"{b}",dog\n', "corrections.csv")
    assert listed(found) == {"training": [(str(a), "cat"), (str(b), "dog")]}


@pytest.mark.parametrize("header", ["part", "split", "data set", "Subset"])
def test_a_column_may_say_the_part(header: str) -> None:
    lines = "a.jpg,cat,train\nb.jpg,dog,Training\nc.jpg,cat,valid\nd.jpg,dog,TEST\na.jpg,,test\n"
    text = f"path,label,{header}\n" + lines.replace("a.jpg,,", "images/a.jpg,,")
    found = read(text)
    assert listed(found) == {
        **TWO,
        "validation": [("set/c.jpg", "cat")],
        "test": [("set/d.jpg", "dog")],
    }
    assert [(str(one.path), one.reason) for one in found.skipped] == [
        ("set/images/a.jpg", "no label (set/labels.csv, line 6)")
    ]


def test_paths_are_relative_to_the_table_and_then_to_the_directory() -> None:
    text = "path,label\na.jpg,cat\nimages/b.jpg,dog\n"
    found = read(text, "labels.csv")
    assert [path for path, _ in listed(found)["training"]] == ["set/a.jpg", "set/images/b.jpg"]
    found = read(text, "elsewhere/labels.csv")
    assert [path for path, _ in listed(found)["training"]] == [
        "elsewhere/a.jpg",
        "set/images/b.jpg",
    ]


def test_pictures_that_are_not_there_are_left_out_with_the_line() -> None:
    found = read("path,label\na.jpg,cat\nb.jpg,dog\nz.jpg,dog\nlabels.csv,cat\n")
    assert listed(found) == TWO
    assert [(str(one.path), one.reason) for one in found.skipped] == [
        ("set/z.jpg", "no such file (set/labels.csv, line 4)"),
        ("set/labels.csv", "not a picture (.csv)"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "set/labels.csv is empty"),
        ("path,label\n", "set/labels.csv has a header and no line below it"),
        ("a.jpg,cat\n", "set/labels.csv, line 1: the columns path and label are wanted"),
        ("name,what\na.jpg,cat\n", "received: name, what"),
        ("path,given\na.jpg,cat\n", "call them path and label, or filepath, imagepath, filename"),
        ("path,label\na.jpg,cat\nb.jpg\n", "set/labels.csv, line 3: b.jpg has no label"),
        ("path,label\n,cat\nb.jpg,dog\n", "set/labels.csv, line 2: no path"),
        ("path,label\na, b.jpg,cat\n", "line 2: 3 cells, and the header has 2: quote what"),
        (
            "path,label\na.jpg,cat\nb.jpg,dog\n./a.jpg,dog\n",
            "set/labels.csv, lines 2 and 4: ./a.jpg is cat and dog",
        ),
        (
            "path,label,part\na.jpg,cat,train\nb.jpg,dog,train\na.jpg,cat,val\n",
            "set/labels.csv, lines 2 and 4: a.jpg is training and validation",
        ),
        (
            "path,label,part\na.jpg,cat,3\nb.jpg,dog,\n",
            "set/labels.csv, line 2: the part is '3'; allowed: training, validation, test\n"
            "set/labels.csv, line 3: no part",
        ),
        ("path,label\na.jpg,cat\nb.jpg,cat\n", "has one label only (cat); a classifier needs two"),
        (
            "path,label\nx.jpg,cat\ny.jpg,dog\n",
            "none of its 2 pictures is there; x.jpg was looked for in set",
        ),
        ("path,label,split\na.jpg,cat,test\nb.jpg,dog,test\n", "no line's part is training"),
    ],
)
def test_a_bad_table_says_what_and_where(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_missing_table_names_the_nearest() -> None:
    Path("set/labels.csv").touch()
    with pytest.raises(DataError, match=r"no file set/label.csv; did you mean set/labels.csv\?"):
        find_files(Path("set"), Arrangement(table=Path("set/label.csv")))


def test_the_fingerprint_has_the_labels_and_not_the_place() -> None:
    def fingerprint(text: str) -> str:
        Path("set/labels.csv").write_text(text)
        return scan(Path("set"), 0.5, 1, Arrangement(table=Path("set/labels.csv"))).fingerprint

    rows = "path,label\na.jpg,cat\nb.jpg,cat\nimages/a.jpg,cat\nc.jpg,dog\nd.jpg,dog\n"
    rows += "images/b.jpg,dog\n../elsewhere/d.jpg,dog\n"
    before = fingerprint(rows)
    assert fingerprint(rows.replace("label\n", "class\n")) == before
    assert fingerprint(rows.replace("b.jpg,cat", "b.jpg,dog", 1)) != before


CONFIG = "data: {table: set/labels.csv}\nmodel: {layers: [Flatten]}\n"


def test_a_config_with_a_table_needs_no_directory() -> None:
    assert parse_config(CONFIG, Path("x.yaml")).config.data.directory == "set"
    given = parse_config(CONFIG, Path("x.yaml"), ["data.directory=elsewhere"]).config.data
    assert (given.directory, given.table) == ("elsewhere", "set/labels.csv")


def test_what_a_table_says_is_not_said_twice() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(
            CONFIG.replace("labels.csv", "labels.xlsx"),
            Path("x.yaml"),
            ["data.classes=leaves", "data.parts={training: a}"],
        )
    said = str(caught.value)
    assert "data.table: a table's name ends in .csv or .tsv" in said
    assert "the classes stand in data.table, in the column label" in said
    assert "the parts stand in data.table, in the column part" in said


def test_predict_takes_the_pictures_of_a_table() -> None:
    Path("set/labels.csv").write_text("id,Filename\n1,a.jpg\n2,images/gone.jpg\n3,\n")
    assert list(find_inputs(["set/labels.csv", "x.jpg", "gone.csv"], [])) == [
        "set/a.jpg",
        "set/images/gone.jpg",
        "x.jpg",
        "gone.csv",
    ]
    Path("set/labels.csv").write_text("what\n1\n")
    with pytest.raises(DataError, match="line 1: a column path is wanted; received: what"):
        list(find_inputs(["set/labels.csv"], []))
