"""What a stranger's weights may hold: plain numbers in one HDF5 file, and nothing else."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imgclf.errors import ModelFileError
from imgclf.model_file.archive import MOST_EXPANSION, SMALL

if TYPE_CHECKING:
    import h5py
    import numpy as np
    from numpy.typing import NDArray

_NUMBER_KINDS = "fiubV"  # V: bfloat16 is stored as two opaque bytes
_FILTERS = {1, 2, 3}  # deflate, shuffle, fletcher32; others are loaded from plugins


def count_numbers(weights: bytes | BinaryIO, path: Path) -> int:
    """How many numbers an HDF5 file of weights holds, if numbers are all it holds.

    Args:
        weights: Its content, or the file, open for reading.
        path: What a message names.

    Raises:
        ModelFileError: Links, data kept elsewhere, something that would fill the memory, or
            something that can't be read.
    """
    import h5py  # 0.1 s, which only opening with Keras should pay

    try:
        stream = io.BytesIO(weights) if isinstance(weights, bytes) else weights
        with h5py.File(stream, "r") as file:
            return sum(_count(dataset, path) for dataset in _datasets(file, path))
    except ModelFileError:
        raise
    except Exception as error:  # h5py raises all kinds
        raise ModelFileError(f"{path} is damaged: its weights can't be read: {error}") from error


def read_numbers(file: h5py.File, name: str, path: Path) -> NDArray[np.generic]:
    """One array of a file of weights, looked at as `count_numbers` looks at all of them.

    Args:
        file: The weights, open.
        name: Of the array, with the groups that it lies in.
        path: What a message names.

    Raises:
        ModelFileError: A link, data kept elsewhere, or something that would fill the memory.
        KeyError: There is no such array.
    """
    import h5py

    groups = name.split("/")
    for depth in range(len(groups)):
        link = file.get("/".join(groups[: depth + 1]), getlink=True)
        if not isinstance(link, h5py.HardLink | None):
            raise untrusted(path, f"its weights link to elsewhere ({type(link).__name__})")
    dataset = file[name]
    _count(dataset, path)
    result: NDArray[np.generic] = dataset[()]
    return result


def _datasets(file: h5py.File, path: Path) -> Iterator[h5py.Dataset]:
    import h5py

    waiting: list[h5py.Group] = [file]
    seen: set[int] = set()  # groups can hold each other
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise untrusted(path, f"its weights link to elsewhere ({type(link).__name__})")
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset):
                yield found
            else:
                raise untrusted(path, f"its weights hold a {type(found).__name__}")


def _count(dataset: h5py.Dataset, path: Path) -> int:
    name = dataset.name
    if dataset.external or dataset.is_virtual:
        raise untrusted(path, f"its weights {name} lie in another file")
    if dataset.dtype.kind not in _NUMBER_KINDS or dataset.dtype.names:
        raise untrusted(path, f"its weights {name} are no numbers but {dataset.dtype}")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if not filters <= _FILTERS:
        raise untrusted(path, f"its weights {name} are packed in an unusual way")
    numbers = math.prod(dataset.shape or (0,)) if dataset.shape != () else 1
    size = numbers * dataset.dtype.itemsize
    if size > SMALL and size > MOST_EXPANSION * dataset.id.get_storage_size():
        raise untrusted(path, f"its weights {name} would take {size} bytes")
    return numbers


def untrusted(path: Path, reason: str, hint: str | None = None) -> ModelFileError:
    """The error for a file that may do more than hold a model."""
    return ModelFileError(f"{path} is not to be trusted: {reason}", hint)
