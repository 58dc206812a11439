"""Files that were kept are looked at before they are read."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.system.kept_arrays import load_arrays
from imgclf.system.kept_files import read_kept


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"abc")
    assert read_kept(tmp_path / "kept", 3) == b"abc"


def test_what_is_larger_than_it_can_be_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"abcd")
    with pytest.raises(ValueError, match="it has 4 bytes, and 3 are the most"):
        read_kept(tmp_path / "kept", 3)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kept")
    with pytest.raises(ValueError, match="it is no regular file"):
        read_kept(tmp_path / "kept", 3)
    with pytest.raises(ValueError, match="it is no regular file"):
        load_arrays(tmp_path / "kept")


def test_arrays_are_what_was_saved(tmp_path: Path) -> None:
    saved: dict[str, Any] = {
        "pixels": np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3),
        "half": np.array([[0.5]], np.float16),
        "none": np.zeros((0, 5), np.int64),
        "names": np.array(("cat", "dög")),
        "name": np.array("one"),
    }
    np.savez(tmp_path / "kept.npz", **saved)
    found = load_arrays(tmp_path / "kept.npz")
    assert list(found) == list(saved)
    for name, array in found.items():
        assert array.dtype == saved[name].dtype
        np.testing.assert_array_equal(array, saved[name])
        assert not array.size or array.flags.writeable


def header(shape: tuple[int, ...], descr: str) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header((2**40, 180, 180, 3), "|u1"), "not as long as it says"),
        (header((3,), "<f4") + b"12345678", "not as long as it says"),
        (header((1,), "<f4") + b"12345678", "not as long as it says"),
        (header((1,), "|O") + b"\x80\x04N.", "has object"),
        (header((1,), "|V8") + bytes(8), "has |V8"),
        (b"\x93NUMPY\x02\x00" + bytes(20), "of another format"),
        (b"no array", "magic"),
        (b"", "EOF"),
    ],
)
def test_arrays_that_are_none_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "kept.npz", "w") as archive:
        archive.writestr("pixels.npy", content)
    with pytest.raises(ValueError, match=says.replace("|", r"\|")):
        load_arrays(tmp_path / "kept.npz")


def test_a_packed_array_is_not_unpacked(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "kept.npz", pixels=np.zeros(1 << 24, np.uint8))
    with pytest.raises(ValueError, match=r"pixels\.npy is packed"):
        load_arrays(tmp_path / "kept.npz")


@pytest.mark.parametrize("kept", [0, 1, 30, 200])
def test_a_file_that_ends_early_is_refused(kept: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "kept.npz", pixels=np.zeros(64, np.uint8))
    whole = (tmp_path / "kept.npz").read_bytes()
    (tmp_path / "kept.npz").write_bytes(whole[:kept])
    with pytest.raises(ValueError, match="zip"):
        load_arrays(tmp_path / "kept.npz")
