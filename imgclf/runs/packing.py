"""Values and arrays as a JSON document and files: what a commit consists of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.errors import UsageError
from imgclf.system.kept_files import read_kept

Arrays = list[NDArray[Any]]

_MOST_OF_ARRAYS = 1 << 34


class DamagedCommitError(ValueError):
    """A commit that can't be read or is not what was written."""


def document(body: Mapping[str, Any]) -> bytes:
    """The content of `state.json`, which holds its own checksum; the same body, the same bytes."""
    text = json.dumps(body)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"sha256": "{digest}", "body": {text}}}\n'.encode()


def bytes_of(array: NDArray[Any]) -> memoryview:
    """The numbers of an array, as they lie in memory."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def pack(value: object, files: dict[str, Arrays], owner: str) -> object:
    """A value as JSON; its arrays go into files and leave references.

    Args:
        value: None, numbers, strings, lists, tuples, dicts and NumPy arrays.
        files: Takes the arrays, by the name of the file to be written.
        owner: Whose it is, for the error.

    Raises:
        UsageError: It is made of something else.
    """
    match value:
        case None | bool() | str():
            return value
        case np.ndarray() | np.generic():
            return {"$array": _store([np.asarray(value)], files, owner)}
        case int() | float():
            return value
        case list() if value and all(isinstance(item, np.ndarray) for item in value):
            return {"$arrays": _store(value, files, owner)}
        case list():
            return [pack(item, files, owner) for item in value]
        case tuple():
            return {"$tuple": [pack(item, files, owner) for item in value]}
        case dict() if all(isinstance(key, str) and key[:1] != "$" for key in value):
            return {key: pack(item, files, owner) for key, item in value.items()}
        case dict():
            pairs = [list(pair) for pair in value.items()]
            return {"$dict": [pack(pair, files, owner) for pair in pairs]}
    raise UsageError(
        f"the state of {owner} holds a {type(value).__name__}, which can't be kept",
        "get_state may return None, numbers, strings, lists, tuples, dicts and NumPy arrays",
    )


def _store(arrays: Arrays, files: dict[str, Arrays], owner: str) -> dict[str, object]:
    digest = hashlib.sha256()
    for array in arrays:
        if array.dtype.hasobject:
            raise UsageError(f"the state of {owner} holds an array of Python objects")
        digest.update(bytes_of(array))
    name = f"{digest.hexdigest()}.arrays"
    files[name] = arrays
    return {"file": name, "items": [[array.dtype.name, list(array.shape)] for array in arrays]}


def unpack(value: Any, folder: Path) -> Any:
    """What `pack` was given, from its JSON and the files of arrays in a folder.

    Raises:
        DamagedCommitError: A file is not what was written.
    """
    match value:
        case {"$array": reference}:
            return _fetch(reference, folder)[0]
        case {"$arrays": reference}:
            return _fetch(reference, folder)
        case {"$tuple": items}:
            return tuple(unpack(item, folder) for item in items)
        case {"$dict": pairs}:
            return dict(unpack(pair, folder) for pair in pairs)
        case dict():
            return {key: unpack(item, folder) for key, item in value.items()}
        case list():
            return [unpack(item, folder) for item in value]
    return value


def _fetch(reference: Mapping[str, Any], folder: Path) -> Arrays:
    content = read_kept(folder / reference["file"], _MOST_OF_ARRAYS)
    if f"{hashlib.sha256(content).hexdigest()}.arrays" != reference["file"]:
        raise DamagedCommitError(f"{reference['file']} is not what was written")
    arrays, start = [], 0
    for name, shape in reference["items"]:
        dtype = _dtype(name)
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(content[start : start + size], dtype)
        arrays.append(flat.reshape(shape).copy())
        start += size
    return arrays


def _dtype(name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes  # gives NumPy bfloat16 and its kin, which it doesn't know by itself

        extended: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return extended
