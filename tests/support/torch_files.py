"""Files in PyTorch's old format, written without PyTorch as it writes them."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGES = {
    "<f4": "FloatStorage",
    "<f8": "DoubleStorage",
    "<f2": "HalfStorage",
    "<i8": "LongStorage",
}


class Reduced:
    """Pickles as the call of a function."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


class Stored:
    """Numbers that are pickled as a persistent id."""

    def __init__(self, key: str, numbers: NDArray[Any]) -> None:
        self.key, self.numbers = key, numbers


@contextmanager
def names_of_torch() -> Iterator[types.ModuleType]:
    """Modules of the names that pickles of weights ask for, while they are written."""
    torch, inside = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    inside._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": inside})
    torch._utils = inside  # type: ignore[attr-defined]
    try:
        yield torch
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def write_torch_file(
    path: Path,
    weights: Mapping[str, NDArray[Any]],
    *,
    extra: object = None,
    change: Callable[[list[Any]], None] = lambda arguments: None,
) -> None:
    """Writes weights as `torch.save(model.state_dict(), path)` did before PyTorch 1.6.

    Args:
        path: The file.
        weights: By name; views keep their strides if they are views of a whole array.
        extra: One more value among the weights, which doesn't belong there.
        change: Is given the arguments of each tensor, storage first, to spoil them.
    """
    with names_of_torch() as torch:
        stored = []
        values: OrderedDict[str, object] = OrderedDict()
        for index, (name, array) in enumerate(weights.items()):
            whole = array if array.base is None else array.base
            storage = Stored(str(1000 + index), whole.reshape(-1))
            stored.append(storage)
            strides = tuple(step // array.itemsize for step in array.strides)
            arguments = [storage, 0, array.shape, strides, False, OrderedDict()]
            change(arguments)
            values[name] = Reduced(torch._utils._rebuild_tensor_v2, tuple(arguments))
        if extra is not None:
            values["extra"] = extra
        values._metadata = OrderedDict([("", {"version": 1})])  # type: ignore[attr-defined]

        class Pickler(pickle.Pickler):
            def persistent_id(self, one: object) -> object:
                if not isinstance(one, Stored):
                    return None
                kind = getattr(torch, STORAGES[one.numbers.dtype.str])
                return ("storage", kind, one.key, "cpu", one.numbers.size, None)

        out = io.BytesIO()
        sizes = {"short": 2, "int": 4, "long": 4}
        facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
        for value in (0x1950A86A20F9469CFC6C, 1001, facts, values, [one.key for one in stored]):
            Pickler(out, protocol=2).dump(value)
        for one in stored:
            out.write(np.int64(one.numbers.size).tobytes() + one.numbers.tobytes())
        path.write_bytes(out.getvalue())
