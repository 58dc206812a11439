"""Names of files, classes and models in what is said: they begin no line, and steer nothing.

A name may hold a line break, and after it what looks like a line of imgclf's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imgclf.cli import session
from imgclf.commands.check import check
from imgclf.corrections.inputs import Labelled, read_inputs, require_classes
from imgclf.data.division import refuse_shared, require_every_class
from imgclf.data.picture_files import Picture
from imgclf.distribution.messages import Failure
from imgclf.errors import ConfigError, ImgclfError, Problem, UsageError
from imgclf.report.tables import Column, table
from imgclf.spelling import Lines
from imgclf.system import console
from tests.support.command_line import imgclf
from tests.support.heard import Heard

FORGED = "warning: the model was replaced"
EVIL = f"a\n{FORGED}\r\x1b[2J\x9b31m\u202e\u2028b"
SHOWN = rf"a\n{FORGED}\r\x1b[2J\x9b31m\u202e\u2028b"


def is_harmless(text: str) -> bool:
    """The name is in it, shown escaped, and nothing else of it is."""
    steering = set(text) & set("\r\x1b\x9b\u202e\u2028")
    return SHOWN in text and not steering and FORGED not in text.split("\n")


def picture(name: str, label: int = 0) -> Picture:
    return Picture(Path(name), label, "0" * 64)


def in_both_parts() -> None:
    refuse_shared([picture(EVIL)], [picture("b"), picture(EVIL)])


def too_few() -> None:
    require_every_class(Path(EVIL), ("cat", EVIL), [picture("b")], [])


def no_such_class() -> None:
    require_classes([Labelled(Path("x"), EVIL), Labelled(Path("y"), "dgo")], ("cat", EVIL))


def two_new_classes() -> None:
    named = [Labelled(Path("x"), EVIL, EVIL), Labelled(Path("y"), "dgo")]
    require_classes(named, ("cat", "dog"), new_class=True)


def no_columns() -> None:
    Path("said.csv").write_text(f'"{EVIL}",b\n', newline="")
    read_inputs(["said.csv"], None, [])


def lines_without_a_label() -> None:
    quoted = EVIL.replace("\r", "")
    Path("said.csv").write_text(f'path,label\n"{quoted}",\nb,\n', newline="")
    try:
        read_inputs(["said.csv"], None, [])
    except ImgclfError as error:
        raise UsageError(Lines.of(error.message, EVIL)) from error


def in_a_config() -> None:
    raise ConfigError(EVIL, [Problem("a.b", EVIL, 3, EVIL, EVIL, EVIL, EVIL), Problem("", EVIL)])


def from_another_process() -> None:
    raise Failure.of(UsageError(Lines.of("one", EVIL), EVIL)).error()


@pytest.mark.parametrize(
    "refused",
    [
        in_both_parts,
        too_few,
        no_such_class,
        two_new_classes,
        no_columns,
        lines_without_a_label,
        in_a_config,
        from_another_process,
    ],
)
def test_an_error_of_several_lines_has_no_line_of_a_name(
    refused: Callable[[], None], in_folder: Path
) -> None:
    with pytest.raises(ImgclfError) as caught:
        refused()
    assert is_harmless(str(caught.value))
    assert str(caught.value).count("\n") > 0


def test_any_error_is_one_line_unless_it_says_that_it_is_several() -> None:
    error = UsageError(f"{EVIL}: no", f"try {EVIL}")
    assert error.message == f"{SHOWN}: no"
    assert error.hint == f"try {SHOWN}"
    assert UsageError(Lines.of("one", EVIL, Lines.of("two", "three"))).message == (
        f"one\n{SHOWN}\ntwo\nthree"
    )
    assert UsageError(f"before {Lines.of('one', 'two')}").message == r"before one\ntwo"


def test_warnings_notes_and_results_are_one_line_likewise(
    heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    console.warning(f"{EVIL} is odd")
    console.note(EVIL)
    console.warning(Lines.of("one", EVIL))
    assert heard.text == f"warning: {SHOWN} is odd\n{SHOWN}\nwarning: one\n{SHOWN}\n"
    session.show(f"model: {EVIL}")
    session.show(table([Column(EVIL, "left"), Column("n")], [[EVIL, "1"], ["b", "2"]]))
    assert capsys.readouterr().out == (
        f"model: {SHOWN}\n{SHOWN}  n\n{SHOWN}  1\n{'b':<{len(SHOWN)}}  2\n"
    )


@pytest.fixture
def evil_class(in_folder: Path) -> Path:
    """A data set with a class and pictures of such a name, and a config."""
    for label in ("cat", EVIL):
        (in_folder / "dataset" / label).mkdir(parents=True)
        for number in range(4):
            pixels = (number * 40, len(label), 7)
            Image.new("RGB", (9, 9), pixels).save(f"dataset/{label}/{EVIL}{number}.png")
    shutil.copy(f"dataset/cat/{EVIL}0.png", f"dataset/{EVIL}/again.png")
    Path("dataset/cat", f"{EVIL}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return in_folder


def test_a_config_for_a_class_of_such_a_name_is_one(evil_class: Path) -> None:
    done = imgclf("init", "dataset", "--from-scratch")
    assert done.returncode == 0, done.stderr
    assert is_harmless(done.stdout)
    found = check(Path("dataset.yaml"), ["data.batch_size=1"])
    assert set(found.counts) == {"cat", EVIL}


def test_what_check_finds_is_a_line_each(evil_class: Path) -> None:
    Path("c.yaml").write_text("data: {directory: dataset}\nmodel: {layers: [Flatten]}\n")
    done = imgclf("check", "c.yaml")
    assert done.returncode == 0, done.stderr
    assert is_harmless(done.stdout)
    assert "two labels: " in done.stdout
    assert FORGED not in done.stderr.split("\n")
