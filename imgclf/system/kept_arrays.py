"""Reading arrays that were written earlier; see `imgclf.system.kept_files`."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.system.kept_files import open_kept

_KINDS = "biufU"  # numbers, and texts of a fixed length


def load_arrays(
    path: Path, most: int = 1 << 32, *, but: Collection[str] = ()
) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `numpy.savez` wrote, which doesn't pack them.

    Args:
        path: The file.
        most: The most bytes that it may have.
        but: Those that are not wanted.

    Raises:
        FileNotFoundError: There is none.
        OSError: It can't be read.
        ValueError: It is damaged, packed, or has other arrays than of numbers and texts.
    """
    with open_kept(path, most) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                return {
                    name: _array(archive, info) for name, info in members.items() if name not in but
                }
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ValueError(str(error)) from error


def texts_in(arrays: Mapping[str, NDArray[Any]], name: str) -> tuple[str, ...]:
    """The texts of one of them.

    Raises:
        KeyError: There is no such array.
        ValueError: It is no list of texts.
    """
    array = arrays[name]
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError(f"its {name} are no texts")
    return tuple(array.tolist())


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is packed")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{info.filename} is of another format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        if dtype.kind not in _KINDS or fortran:
            raise ValueError(f"{info.filename} has {dtype}")
        size = math.prod(shape) * dtype.itemsize
        content = member.read(size + 1) if size <= info.file_size else b""
    if len(content) != size:
        raise ValueError(f"{info.filename} is not as long as it says")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)
