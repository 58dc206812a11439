"""What pictures are said to be: arguments, tables, folders and lists on stdin."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.corrections.inputs import Labelled, read_inputs, require_classes
from imgclf.data.left_out import LeftOut
from imgclf.errors import DataError, UsageError
from tests.support.layouts import lay_out


def read(*arguments: str, label: str | None = None, stdin: str = "") -> list[tuple[str, str]]:
    found = read_inputs(arguments, label, stdin.splitlines(keepends=True))
    return [(str(one.path), one.label) for one in found]


def test_pictures_have_the_label_of_the_command() -> None:
    assert read("a.jpg", "b.jpg", label="cat") == [("a.jpg", "cat"), ("b.jpg", "cat")]


def test_a_picture_without_a_label_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"a\.jpg: what is it\?"):
        read("a.jpg")


def test_a_table_says_path_and_label_in_any_order_among_other_columns(in_folder: Path) -> None:
    Path("said.csv").write_text(
        '\ufefflabel,confidence,Path\ncat,0.9,"a, b.jpg"\n\n dog ,0.8,"c\nd.jpg"\n'
    )
    assert read("said.csv") == [("a, b.jpg", "cat"), ("c\nd.jpg", "dog")]


def test_a_table_with_tabs_is_read_as_predict_writes_it(in_folder: Path) -> None:
    Path("said.tsv").write_text('path\tlabel\na\\tb\\\\c\\n".jpg\tcat\n')
    assert read("said.tsv") == [('a\tb\\c\n".jpg', "cat")]


def test_every_kind_of_line_end_within_a_cell_is_kept(in_folder: Path) -> None:
    Path("said.csv").write_bytes(
        b'path,label\r\n"a\rb.jpg",cat\r\n"c\xe2\x80\xa8d\x0c.jpg",dog\r\n'
    )
    assert read("said.csv") == [("a\rb.jpg", "cat"), ("c\u2028d\x0c.jpg", "dog")]


def test_paths_in_a_table_are_also_looked_for_in_its_folder(in_folder: Path) -> None:
    Path("sent").mkdir()
    for path in ("sent/a.jpg", "sent/b.jpg", "a.jpg"):
        Path(path).touch()
    Path("sent/said.csv").write_text("path,label\na.jpg,cat\nb.jpg,cat\nc.jpg,cat\n")
    assert [path for path, _ in read("sent/said.csv")] == ["a.jpg", "sent/b.jpg", "c.jpg"]


def test_a_table_without_labels_takes_that_of_the_command(in_folder: Path) -> None:
    Path("said.csv").write_text("path\na.jpg\n")
    assert read("said.csv", label="cat") == [("a.jpg", "cat")]
    with pytest.raises(DataError, match="line 1: the columns path and label are wanted"):
        read("said.csv")


def test_a_table_with_labels_and_a_label_are_one_too_many(in_folder: Path) -> None:
    Path("said.csv").write_text("path,label\na.jpg,cat\n")
    with pytest.raises(UsageError, match="and so does --label"):
        read("said.csv", label="cat")


def test_every_bad_line_of_a_table_is_named(in_folder: Path) -> None:
    Path("said.csv").write_text("path,label\na.jpg\n,cat\nb.jpg,cat\nc.jpg,\n")
    with pytest.raises(DataError) as caught:
        read("said.csv")
    assert caught.value.message.splitlines() == [
        "said.csv, line 2: a.jpg has no label",
        "said.csv, line 3: no path",
        "said.csv, line 5: c.jpg has no label",
    ]


def test_a_table_that_is_not_there_or_empty_is_an_error(in_folder: Path) -> None:
    Path("empty.csv").touch()
    with pytest.raises(
        DataError, match=r"emtpy\.csv: no such file; did you mean empty\.csv\?"
    ) as caught:
        read("emtpy.csv")
    assert "imgclf retrain ~/Downloads/emtpy.csv" in str(caught.value.hint)
    with pytest.raises(DataError, match=r"empty\.csv is empty"):
        read("empty.csv")


def test_a_folder_of_class_folders_says_what_its_pictures_are(in_folder: Path) -> None:
    for path in ("said/cat/a.jpg", "said/dog/deep/b.png", "said/dog/notes.txt", "said/.x/c.jpg"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    assert read("said") == [("said/cat/a.jpg", "cat"), ("said/dog/deep/b.png", "dog")]
    assert read("said/dog", label="dog") == [("said/dog/deep/b.png", "dog")]
    with pytest.raises(UsageError, match=r"said/cat/a\.jpg is in no class folder"):
        read("said/cat")


def test_a_folder_without_pictures_is_an_error(in_folder: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(DataError, match="no pictures in empty"):
        read("empty", label="cat")


@pytest.mark.parametrize(
    "stdin",
    [
        "a.jpg,cat\nb.jpg,dog\n",
        "path,label\na.jpg,cat\n\nb.jpg,dog\n",
        "a.jpg\tcat\t0.9\nb.jpg\tdog\t0.8\n",
        "label\tpath\r\ncat\ta.jpg\r\ndog\tb.jpg\r\n",
    ],
)
def test_stdin_has_rows_of_path_and_label(stdin: str) -> None:
    assert read("-", stdin=stdin) == [("a.jpg", "cat"), ("b.jpg", "dog")]


def test_stdin_has_paths_if_there_is_a_label() -> None:
    assert read("-", label="cat", stdin="a, b.jpg\n\nc.jpg") == [
        ("a, b.jpg", "cat"),
        ("c.jpg", "cat"),
    ]


def test_a_bad_line_on_stdin_is_named() -> None:
    with pytest.raises(DataError, match=r"stdin, line 2: b\.jpg has no label"):
        read("-", stdin="a.jpg,cat\nb.jpg\n")


def test_every_unknown_label_is_named_once_with_the_nearest_class() -> None:
    labelled = [
        Labelled(Path("a.jpg"), "catt", "said.csv, line 2"),
        Labelled(Path("b.jpg"), "catt", "said.csv, line 3"),
        Labelled(Path("c.jpg"), "cat", "said.csv, line 4"),
        Labelled(Path("d.jpg"), "wolf", "said.csv, line 5"),
    ]
    with pytest.raises(UsageError) as caught:
        require_classes(labelled, ("cat", "dog"))
    assert caught.value.message.splitlines() == [
        "the model's classes are cat, dog:",
        "said.csv, line 2: catt; did you mean cat?",
        "said.csv, line 5: wolf",
    ]
    assert "--new-class" in (caught.value.hint or "")


def test_links_in_a_folder_are_followed_and_what_is_left_out_is_counted(in_folder: Path) -> None:
    lay_out(
        """
        elsewhere/a.jpg
        said/cat -> ../elsewhere
        said/dog/b.jpg
        said/dog/back -> ..
        said/dog/notes.txt: hello
        said/@eaDir/b.jpg/S.jpg
        said/readme: hello
        """
    )
    left_out = LeftOut()
    found = read_inputs(["said"], None, [], left_out=left_out)
    assert [(str(one.path), one.label) for one in found] == [
        ("said/cat/a.jpg", "cat"),
        ("said/dog/b.jpg", "dog"),
    ]
    assert str(left_out) == (
        "4 files: 1 in @eaDir, which a program has made; 1 not a picture (no suffix); "
        "1 not a picture (.txt); 1 a link that leads back to a folder that it lies in"
    )


def test_a_folder_in_which_all_is_left_out_says_why(in_folder: Path) -> None:
    lay_out("said/cat/a.txt: hello\nsaid/cat/b.txt: hello")
    with pytest.raises(DataError, match=r"no pictures in said; left out 2 files: 2 not a pict"):
        read("said")
