"""Arrays in a `.npz` that stay on the disk until somebody looks at them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOCAL_HEADER = 30  # bytes, before a member's name
_LENGTHS = slice(26, 30)  # in it: how long the name is, and what comes after that


def map_array(path: Path, name: str) -> NDArray[Any]:
    """One array of a file that `numpy.savez` wrote, for reading, mapped into memory.

    No checksum of the zip's is looked at.

    Raises:
        KeyError: There is none of this name.
        OSError: It can't be read.
        ValueError: It is packed, or none that can be mapped.
        zipfile.BadZipFile: The file is none.
    """
    with zipfile.ZipFile(path) as file:
        info = file.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is packed")
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        lengths = np.frombuffer(stream.read(_LOCAL_HEADER)[_LENGTHS], "<u2")
        start = stream.seek(info.header_offset + _LOCAL_HEADER + int(lengths.sum()))
        np.lib.format.read_magic(stream)
        shape, in_columns, dtype = np.lib.format.read_array_header_1_0(stream)
        offset = stream.tell()
    size = math.prod(shape) * dtype.itemsize
    if in_columns or dtype.hasobject or offset - start + size != info.file_size:
        raise ValueError(f"{name} is no plain array")
    if size == 0:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", offset, shape)
