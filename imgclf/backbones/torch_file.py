"""Files of weights in PyTorch's old format, read without PyTorch and without unpickling.

Such a file is five pickles (magic number, version of the format, facts of the machine, the
weights by name, the keys of the storages), then for each storage its count as int64 and its
numbers as they are. A pickle is a program, and Python's own reader runs it. Here the few
instructions that weights are written with are followed by a reader that can build nothing but
texts, numbers, tuples, lists and mappings: a name in it is compared with those that may stand
there, and never looked up.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.errors import ModelFileError, first_line

Numbers = NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_MOST_DIMENSIONS = 8

_STORAGES: Mapping[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
}
_NAMES = {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", *_STORAGES}


@dataclass(frozen=True)
class _Name:
    """What a pickle asks Python to import; here it is only compared."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Numbers that follow after the pickles."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: where it begins, and how far apart its numbers lie."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _BadFileError(Exception):
    """Something that no file of weights has in it."""


_MARK = object()


def read_torch_file(path: Path) -> dict[str, Numbers]:
    """The weights in a file that `torch.save` wrote of a `state_dict`, in its old format.

    Args:
        path: The file.

    Returns:
        Name to numbers, which can't be written to: they are views of the file's bytes.

    Raises:
        ModelFileError: It is missing, no such file, damaged, or has more in it than weights.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} can't be read: {error.strerror}") from None
    try:
        return _read(content)
    except Exception as error:  # pickletools, NumPy and Python each have their own for a bad file
        raise ModelFileError(
            f"{path} is no file of plain weights in PyTorch's old format: {first_line(error)}"
        ) from error


def _read(content: bytes) -> dict[str, Numbers]:
    stream = io.BytesIO(content)
    if _read_pickle(stream) != _MAGIC or _read_pickle(stream) != _VERSION:
        raise _BadFileError("it begins as no such file does")
    system = _read_pickle(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _BadFileError("its numbers are not little-endian")
    tensors, keys = _read_pickle(stream), _read_pickle(stream)
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in tensors.items()
    ):
        raise _BadFileError("it holds something else than weights by name")
    storages = _read_storages(content, stream.tell(), keys, tensors)
    return {name: _view(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _read_storages(
    content: bytes, position: int, keys: Any, tensors: Mapping[str, _Tensor]
) -> dict[_Storage, Numbers]:
    declared = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if len(declared) != len({tensor.storage for tensor in tensors.values()}):
        raise _BadFileError("a storage is declared in two ways")
    if not isinstance(keys, list) or sorted(keys) != sorted(declared):
        raise _BadFileError("its storages are not those that its weights name")
    storages = {}
    for key in keys:
        storage = declared[key]
        count = int(np.frombuffer(content, "<i8", 1, position)[0])
        if count != storage.count:
            raise _BadFileError(f"a storage of {storage.count} numbers has {count}")
        position += 8
        storages[storage] = np.frombuffer(content, storage.dtype, count, position)
        position += count * storage.dtype.itemsize
    if position != len(content):
        raise _BadFileError("there is more in it after the last weights")
    return storages


def _view(tensor: _Tensor, numbers: Numbers) -> Numbers:
    """The numbers of a tensor; a view, so that no file asks for more memory than it has bytes."""
    end = tensor.start + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if math.prod(tensor.shape) > len(numbers) or end >= len(numbers):
        raise _BadFileError("weights reach beyond their storage")
    return np.lib.stride_tricks.as_strided(
        numbers[tensor.start :],
        tensor.shape,
        [stride * numbers.dtype.itemsize for stride in tensor.strides],
        writeable=False,
    )


def _read_pickle(stream: io.BytesIO) -> Any:
    """The one value of the pickle that begins here."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        _follow(opcode.name, argument, stack, memo)
    if len(stack) != 1:
        raise _BadFileError("a pickle in it gives no single value")
    return stack[0]


def _follow(opcode: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """Does what one instruction says, if it is one that weights are written with."""
    match opcode:
        case "PROTO" | "STOP":
            pass
        case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1":
            stack.append(argument)
        case "NONE" | "NEWTRUE" | "NEWFALSE":
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
        case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
            stack.append({"EMPTY_TUPLE": (), "EMPTY_LIST": [], "EMPTY_DICT": {}}[opcode])
        case "MARK":
            stack.append(_MARK)
        case "TUPLE":
            stack.append(tuple(_down_to_mark(stack)))
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            values = [stack.pop() for _ in range(int(opcode[-1]))]
            stack.append(tuple(reversed(values)))
        case "APPEND" | "APPENDS":
            values = [stack.pop()] if opcode == "APPEND" else _down_to_mark(stack)
            _mutable(stack[-1], list).extend(values)
        case "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set_items(stack[-1], [key, value])
        case "SETITEMS":
            values = _down_to_mark(stack)
            _set_items(stack[-1], values)
        case "BINPUT" | "LONG_BINPUT":
            memo[argument] = stack[-1]
        case "BINGET" | "LONG_BINGET":
            stack.append(memo[argument])
        case "GLOBAL":
            if argument not in _NAMES:
                raise _BadFileError(
                    f"it asks for {argument.replace(' ', '.')!r}, which is no weights'"
                )
            stack.append(_Name(argument))
        case "BINPERSID":
            stack.append(_storage(stack.pop()))
        case "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_called(function, arguments))
        case "BUILD":
            # `_metadata`, which says of each module which version of PyTorch's wrote it.
            stack.pop()
            _mutable(stack[-1], dict)
        case _:
            raise _BadFileError(f"it has an instruction {opcode}, which writes no weights")


def _down_to_mark(stack: list[Any]) -> list[Any]:
    values: list[Any] = []
    while (value := stack.pop()) is not _MARK:
        values.append(value)
    return values[::-1]


def _mutable(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise _BadFileError(f"it fills a {type(value).__name__} as if it were a {kind.__name__}")
    return value


def _set_items(target: Any, flat: list[Any]) -> None:
    _mutable(target, dict).update(zip(flat[::2], flat[1::2], strict=True))


def _storage(identity: Any) -> _Storage:
    match identity:
        case ("storage", _Name(name), str(key), "cpu", int(count), None) if (
            name in _STORAGES and count >= 0
        ):
            return _Storage(key, _STORAGES[name], count)
    raise _BadFileError("its numbers are kept in a way that weights are not")


def _called(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case _Name("collections OrderedDict"), ():
            return {}
        # The last argument is for hooks: an OrderedDict, which is always empty.
        case (
            _Name("torch._utils _rebuild_tensor_v2"),
            (_Storage() as storage, int(start), tuple(shape), tuple(strides), bool(), {**rest}),
        ) if not rest:
            sizes = (start, *shape, *strides)
            if (
                len(shape) == len(strides) <= _MOST_DIMENSIONS
                and all(type(size) is int and size >= 0 for size in sizes)
                and 0 not in shape
            ):
                return _Tensor(storage, start, shape, strides)
    raise _BadFileError("it calls something in a way that weights are not made")
