"""The file of rows that says which pictures were answered."""

from __future__ import annotations

import csv
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from imgclf.errors import UsageError
from imgclf.model.prediction import Prediction
from imgclf.report.prediction_rows import RowFormat
from imgclf.report.row_log import RowLog

CLASSES = ("cat", "dog")
ODD = [
    "a.jpg",
    "c\rd.jpg",
    'b "c".jpg',
    "d\ne.jpg",
    "f\tg\\t.jpg",
    "ğ.jpg",
    "no text \udcff.jpg",
    "h,i.jpg",
]


def row(path: str) -> Prediction:
    return Prediction(path, "cat", 0.75, {"cat": 0.75, "dog": 0.25}, None)


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv"])
def test_cut_anywhere_it_is_whole_again_and_has_the_rows_before(form: str, in_folder: Path) -> None:
    file = Path(f"rows.{form}")
    log = RowLog(file, RowFormat(form), None)
    lengths = [0]
    for path in ODD:
        log.append([row(path)], CLASSES)
        lengths.append(file.stat().st_size)
    content = file.read_bytes()
    for end in {*lengths, *range(0, len(content), 7)}:
        file.write_bytes(content[:end])
        again = RowLog(file, RowFormat(form), None)
        whole = max(number for number, length in enumerate(lengths) if length <= end)
        assert [again.has(path) for path in ODD] == [k < whole for k in range(len(ODD))], end
        again.append([row(path) for path in ODD[whole:]], CLASSES)
        assert file.read_bytes() == content, end


def test_a_path_is_the_same_however_it_is_given(in_folder: Path) -> None:
    log = RowLog(Path("out/rows.csv"), RowFormat.CSV, None)
    log.append([row("in/a.jpg")], CLASSES)
    again = RowLog(Path("out/rows.csv"), RowFormat.CSV, None)
    assert again.has(str(in_folder / "in" / "a.jpg"))
    assert not again.has("a.jpg")
    with Path("out/rows.csv").open(newline="") as stream:
        assert [one["path"] for one in csv.DictReader(stream)] == ["in/a.jpg"]


def test_a_file_of_something_else_is_refused_and_left_as_it_is(in_folder: Path) -> None:
    file = Path("rows.jsonl")
    file.write_text('{"path": "a.jpg"}\nmine\n')
    with pytest.raises(UsageError, match=r"no whole rows of imgclf's in record 2\nname another"):
        RowLog(file, RowFormat.JSONL, None)
    assert file.read_text() == '{"path": "a.jpg"}\nmine\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.tsv", "what nobody has a copy of"),
        ("rows.csv", 'name,size\nscreen,5"\nmore,1\n'),
        ("rows.jsonl", '{"a": 1}'),
        ("rows.jsonl", '{"path": "a.jpg"}\n{"mine": '),
        ("rows.jsonl", "[" * 100_000 + "\n"),
        ("rows.csv", "path,label,confidence,error,unlike\n" + 'a"\n' + "b\n" * 600_000),
    ],
)
def test_nothing_is_cut_off_of_a_file_of_something_else(
    in_folder: Path, name: str, content: str
) -> None:
    Path(name).write_text(content)
    with pytest.raises(UsageError, match=r"no whole rows of imgclf's in record [12]\nname another"):
        RowLog(Path(name), RowFormat(name.rpartition(".")[2]), None)
    assert Path(name).read_text() == content


def test_a_quote_that_nothing_closes_takes_no_row_with_it(in_folder: Path) -> None:
    file = Path("rows.csv")
    RowLog(file, RowFormat.CSV, None).append([row(path) for path in "abc"], CLASSES)
    text = file.read_text().replace("a,", 'a",')
    file.write_text(text)
    with pytest.raises(UsageError, match="no whole rows of imgclf's in record 2"):
        RowLog(file, RowFormat.CSV, None)
    assert file.read_text() == text


@pytest.mark.parametrize("made", [os.mkfifo, Path.mkdir])
def test_it_is_a_file_that_can_be_read_again(made: Callable[[Path], None], in_folder: Path) -> None:
    made(Path("rows.jsonl"))
    with pytest.raises(UsageError, match=r"--output rows.jsonl: this is no regular file\nname ano"):
        RowLog(Path("rows.jsonl"), RowFormat.JSONL, None)


@pytest.mark.parametrize(
    ("target", "why"), [("gone/rows.jsonl", "no such file"), ("rows.jsonl", "too many levels")]
)
def test_a_link_that_leads_nowhere_is_named(target: str, why: str, in_folder: Path) -> None:
    Path("rows.jsonl").symlink_to(target)
    with pytest.raises(UsageError, match=f"--output rows.jsonl: {why}"):
        RowLog(Path("rows.jsonl"), RowFormat.JSONL, None)


def test_a_file_without_lines_is_not_held_in_memory(in_folder: Path) -> None:
    with Path("rows.jsonl").open("wb") as stream:
        stream.truncate(4 << 30)
    with pytest.raises(UsageError, match="no whole rows of imgclf's in record 1"):
        RowLog(Path("rows.jsonl"), RowFormat.JSONL, None)
    assert Path("rows.jsonl").stat().st_size == 4 << 30


def test_rows_of_other_classes_have_no_place_in_a_table(in_folder: Path) -> None:
    RowLog(Path("rows.csv"), RowFormat.CSV, None).append([row("a.jpg")], CLASSES)
    log = RowLog(Path("rows.csv"), RowFormat.CSV, None)
    with pytest.raises(UsageError, match="its columns are those of other classes"):
        log.append([row("b.jpg")], (*CLASSES, "cow"))
    with pytest.raises(UsageError, match="or of another --top"):
        RowLog(Path("rows.csv"), RowFormat.CSV, 1).append([row("b.jpg")], CLASSES)


def test_it_remembers_a_picture_in_8_bytes(in_folder: Path) -> None:
    paths = [f"{'long/' * 40}{k}.jpg" for k in range(20_000)]
    RowLog(Path("rows.tsv"), RowFormat.TSV, 1).append([row(path) for path in paths], CLASSES)
    tracemalloc.start()
    log = RowLog(Path("rows.tsv"), RowFormat.TSV, 1)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(log) == len(paths)
    assert held / len(paths) < 12
