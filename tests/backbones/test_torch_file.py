"""Weights in PyTorch's old format: read exactly, and nothing but weights."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backbones.torch_file import read_torch_file
from imgclf.errors import ModelFileError
from tests.support.torch_files import Reduced, names_of_torch, write_torch_file

WEIGHTS = {
    "conv.weight": np.arange(24, dtype="<f4").reshape(2, 3, 2, 2),
    "seen": np.array(7, "<i8"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


def test_the_weights_come_back_by_name_and_number(path: Path) -> None:
    write_torch_file(path, WEIGHTS)
    found = read_torch_file(path)
    assert list(found) == ["conv.weight", "seen"]
    for name, numbers in WEIGHTS.items():
        assert found[name].dtype == numbers.dtype
        np.testing.assert_array_equal(found[name], numbers)


def test_a_transposed_array_comes_back_as_it_was_seen(path: Path) -> None:
    seen = np.arange(24, dtype="<f4").reshape(2, 3, 4).transpose(2, 0, 1)
    write_torch_file(path, {"w": seen})
    np.testing.assert_array_equal(read_torch_file(path)["w"], seen)


def test_no_function_is_ever_called(path: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    write_torch_file(path, WEIGHTS, extra=Reduced(os.mkdir, (str(made),)))
    with pytest.raises(ModelFileError, match=r"asks for 'posix.mkdir', which is no weights'"):
        read_torch_file(path)
    assert not made.exists()
    with names_of_torch():
        pickle.loads(pickle.dumps(Reduced(os.mkdir, (str(made),))))  # which is what it would do
    assert made.exists()


@pytest.mark.parametrize(
    "extra", [Reduced(getattr, ("a", "b")), Reduced(eval, ("1",)), Reduced(bytearray, (1 << 40,))]
)
def test_no_other_name_is_known(path: Path, extra: object) -> None:
    write_torch_file(path, WEIGHTS, extra=extra)
    with pytest.raises(ModelFileError, match="which is no weights'"):
        read_torch_file(path)


@pytest.mark.parametrize("extra", ["text", 3, [1.5], {"a": {}}, b"bytes", (1, 2), {3}])
def test_what_is_no_tensor_is_refused(path: Path, extra: object) -> None:
    write_torch_file(path, WEIGHTS, extra=extra)
    with pytest.raises(ModelFileError, match=r"no file of plain weights"):
        read_torch_file(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (1, 1),  # one number too far
        (1, -1),
        (2, (1 << 40, 3, 2, 2)),
        (2, (25, 1, 1, 1)),
        (2, (2, 3, 2, 0)),
        (2, (True, 3, 2, 2)),
        (3, (12, 4, 2, 2)),
        (3, (-12, 4, 2, 1)),
        (3, (12, 4, 2)),
        (3, (12.0, 4, 2, 1)),
        (5, {"hook": "of somebody's"}),
    ],
)
def test_a_tensor_that_is_not_within_its_storage_is_refused(
    path: Path, place: int, value: Any
) -> None:
    def spoil(arguments: list[Any]) -> None:
        if arguments[0].key == "1000":
            arguments[place] = value

    write_torch_file(path, WEIGHTS, change=spoil)
    with pytest.raises(ModelFileError, match=r"no file of plain weights"):
        read_torch_file(path)


def test_a_view_that_repeats_one_number_can_not_fill_the_memory(path: Path) -> None:
    def spoil(arguments: list[Any]) -> None:
        arguments[2:4] = (1 << 20, 1 << 20), (0, 0)

    write_torch_file(path, WEIGHTS, change=spoil)
    with pytest.raises(ModelFileError, match="reach beyond their storage"):
        read_torch_file(path)


def test_a_file_cut_short_anywhere_is_refused(path: Path) -> None:
    write_torch_file(path, WEIGHTS)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            read_torch_file(path)


def test_a_file_with_more_at_its_end_is_refused(path: Path) -> None:
    write_torch_file(path, WEIGHTS)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelFileError, match="more in it after the last weights"):
        read_torch_file(path)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # of a text that pickletools reads
def test_any_spoiled_byte_gives_weights_or_a_refusal(path: Path) -> None:
    write_torch_file(path, WEIGHTS)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            path.write_bytes(
                content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
            )
            try:
                found = read_torch_file(path)
            except ModelFileError:
                continue
            assert sum(numbers.size for numbers in found.values()) <= len(content)


def test_a_missing_file_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"weights.pth can't be read: No such file"):
        read_torch_file(path)


def test_pytorchs_new_format_is_refused(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelFileError, match="no file of plain weights in PyTorch's old format"):
        read_torch_file(path)
