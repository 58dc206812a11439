"""The journal of corrections: what a crash tore is passed over, what is none is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgclf.corrections.journal import read_journal
from imgclf.errors import ModelFileError

MODEL = Path("models/pets.keras")
FILE = Path("models/pets.history/journal.jsonl")


def test_lines_that_are_none_are_left_out(in_folder: Path) -> None:
    assert read_journal(MODEL) == []
    FILE.parent.mkdir(parents=True)
    FILE.write_bytes(b'{"time": "2026\n\xff\n' + b"[" * 100_000 + b"\n3\n")
    assert read_journal(MODEL) == []


def loop() -> None:
    FILE.symlink_to(FILE.name)


def pipe() -> None:
    os.mkfifo(FILE)


def giant() -> None:
    with FILE.open("wb") as stream:
        stream.truncate(1 << 34)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (loop, "Too many levels of symbolic links"),
        (pipe, "it is no regular file"),
        (FILE.mkdir, "Is a directory"),
        (giant, "it has 17179869184 bytes, and 268435456 are the most"),
    ],
)
def test_what_is_none_is_named(make: object, reason: str, in_folder: Path) -> None:
    FILE.parent.mkdir(parents=True)
    assert callable(make)
    make()
    with pytest.raises(ModelFileError) as caught:
        read_journal(MODEL)
    assert caught.value.message == f"{FILE} is no journal of corrections: {reason}"
