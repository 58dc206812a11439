"""What a stranger's model file may hold, looked at before Keras or TensorFlow is imported.

Keras builds whatever `config.json` names, and its `safe_mode` is no boundary: whatever a module
of Keras can import, download or read has been used against it. So what may be named is listed
here, and everything else is refused, wherever in the config it stands. The weights are plain
numbers in one HDF5 file, and anything else in there is refused as well.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from imgclf.config.keras_names import CODE_LAYERS
from imgclf.config.keras_signatures import MODULE, Kind, exports
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, MOST_EXPANSION, SMALL, WEIGHTS, ModelArchive

if TYPE_CHECKING:
    import h5py

_FILE_LAYERS = {"StringLookup", "IntegerLookup", "TextVectorization"}

_MODELS = {"Sequential", "Functional", "Model"}
_ROOTS = {
    "keras": _MODELS,
    "keras.models": _MODELS,
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
}
# What stands in a functional model for `x / 255`, `keras.ops.mean(x)` and `preprocess_input(x)`.
_OPERATIONS = {
    "keras.src.ops.core": {"Cast"},
    "keras.src.ops.image": {"Resize"},
    "keras.src.ops.nn": {
        *("Elu", "Gelu", "HardSigmoid", "HardSilu", "LeakyRelu", "LogSoftmax", "Relu", "Relu6"),
        *("Selu", "Sigmoid", "Silu", "Softmax", "Softplus", "Softsign"),
    },
    "keras.src.ops.numpy": {
        *("Absolute", "Add", "Clip", "Concatenate", "Divide", "Exp", "ExpandDims", "Flip"),
        *("GetItem", "Log", "Matmul", "Max", "Maximum", "Mean", "Min", "Minimum", "Multiply"),
        *("Negative", "Power", "Reshape", "Sqrt", "Square", "Squeeze", "Stack", "Subtract"),
        *("Sum", "Swapaxes", "Tanh", "Transpose", "TrueDivide"),
    },
}
# Layers that Keras has for two of its own networks, and doesn't export.
_OWN_LAYERS = {
    "keras.src.applications.convnext": {"LayerScale", "StochasticDepth"},
    "keras.src.applications.inception_resnet_v2": {"CustomScaleLayer"},
}
# Callbacks are no part of a model.
_KINDS: Mapping[str, Kind] = {
    f"keras.{module}": kind for kind, module in MODULE.items() if kind != "callbacks"
}
# Plain values, which Keras writes without a module.
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__"}

# Beside the graph of a model, and of each model inside of it.
_COMPILED = "compile_config"

_NUMBER_KINDS = "fiubV"  # V: bfloat16 is stored as two opaque bytes
_FILTERS = {1, 2, 3}  # deflate, shuffle, fletcher32; others are loaded from plugins

_HINT = "replace it by what Keras itself has (Rescaling for Lambda, say), and save the model again"


@dataclass(frozen=True)
class Contents:
    """A model file of which everything that Keras may read has been looked at.

    Attributes:
        config: What `config.json` holds; without what models are compiled with, if only the
            graph was looked at.
        numbers: How many numbers the weights are.
        compiled_with: What the model itself was compiled with (`optimizer`, `loss`, ...); of a
            graph alone, those parts that are Keras's own. None if it wasn't compiled.
        unread: Why a part of it is left out there.
        cut: The file says what a model inside of the model was compiled with, which Keras would
            read along with the graph: load `config`, not the file's.
    """

    config: dict[str, Any]
    numbers: int
    compiled_with: dict[str, Any] | None = None
    unread: str | None = None
    cut: bool = False


def screen(archive: ModelArchive) -> Contents:
    """Makes sure that opening a model file with Keras runs no code of its author's.

    Nor that it reads other files, or fills the memory before it is noticed. Everything that
    Keras will read is looked at here, without Keras.

    Raises:
        ModelFileError: A layer or function outside Keras's own, or one that holds code; a
            member that doesn't belong; weights that are more than numbers.
    """
    config = _read_config(archive)
    refuse_foreign(config, archive.path)
    numbers = count_numbers(archive.read(WEIGHTS), archive.path)
    return Contents(config, numbers, config.get(_COMPILED))


def screen_graph(archive: ModelArchive) -> Contents:
    """The same for a file of which only the graph will be loaded.

    Losses and metrics are often functions of somebody's own, and a classifier needs neither.

    Raises:
        ModelFileError: As `screen` does, but not for what the model was compiled with.
    """
    config = _read_config(archive)
    compiled_with = config.pop(_COMPILED, None)
    unread = _foreign(compiled_with)
    if isinstance(compiled_with, dict):
        own = {name: part for name, part in compiled_with.items() if _foreign(part) is None}
        compiled_with = own if _foreign(own) is None else None
    else:
        compiled_with = None
    try:
        graph = _without_compiled(config)
    except RecursionError as error:
        raise ModelFileError(f"{archive.path} is damaged: its config can't be read") from error
    refuse_foreign(graph, archive.path)
    numbers = count_numbers(archive.read(WEIGHTS), archive.path)
    return Contents(graph, numbers, compiled_with, unread, cut=graph != config)


def _read_config(archive: ModelArchive) -> dict[str, Any]:
    archive.refuse_strange_members()
    content = archive.read(CONFIG)
    try:
        config = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{archive.path} is damaged: its config can't be read") from error
    if not isinstance(config, dict) or str(config.get("class_name")) not in _MODELS:
        raise ModelFileError(f"{archive.path} is damaged: its config is that of no model")
    return config


def _without_compiled(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_compiled(child) for child in node]
    if isinstance(node, dict):
        return {name: _without_compiled(part) for name, part in node.items() if name != _COMPILED}
    return node


def refuse_foreign(config: Any, path: Path) -> None:
    """Makes sure that Keras, when it builds this config, builds nothing but its own.

    Raises:
        ModelFileError: Something that holds code, reads files, or isn't Keras's.
    """
    reason = _foreign(config)
    if reason is not None:
        raise _untrusted(path, reason)


def _foreign(config: Any) -> str | None:
    """The first thing in it that isn't Keras's own, in words."""
    return next(filter(None, map(_foreign_in_node, _nodes(config))), None)


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in it that names something, whatever it is a part of."""
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            if node.keys() & {"class_name", "module", "registered_name"}:
                yield node
            waiting.extend(node.values())


def _foreign_in_node(node: dict[str, Any]) -> str | None:
    name, module = str(node.get("class_name")), node.get("module")
    registered = [None, name]
    if name in CODE_LAYERS or name == "__lambda__":
        return f"its {name} layer holds code"
    if name in _FILE_LAYERS:
        return f"its {name} layer reads files"
    if name == "function":
        name = str(node.get("config"))
        registered.append(name)
        known = _functions() if str(module) in {"builtins", *_KINDS} else frozenset()
    elif module is None:
        # Without a module Keras takes the way of its old format, which checks nothing.
        known = frozenset(_VALUES)
    else:
        known = _classes(str(module))
    if name not in known:
        return f"it asks for {name!r} of {module!r}, which is not Keras's own"
    # A name under which somebody's class would be found before Keras's.
    if node.get("registered_name") not in registered:
        return f"its {name} is {node['registered_name']!r}, not Keras's own"
    return None


@cache
def _classes(module: str) -> frozenset[str]:
    if module in _KINDS:
        return frozenset(name for name in exports(_KINDS[module]) if name[0].isupper())
    policy = {"DTypePolicy"} if module == "keras" else set()
    listed = (_ROOTS, _OPERATIONS, _OWN_LAYERS)
    return frozenset(policy.union(*(names.get(module, set()) for names in listed)))


@cache
def _functions() -> frozenset[str]:
    """Activations, losses, metrics and the like, by their own names."""
    helpers = {"get", "serialize", "deserialize"}
    names = {name for kind in _KINDS.values() if kind != "layers" for name in exports(kind)}
    return frozenset(name for name in names - helpers if name[0].islower())


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


def _datasets(file: h5py.File, path: Path) -> Iterator[h5py.Dataset]:
    import h5py

    waiting: list[h5py.Group] = [file]
    seen: set[int] = set()  # groups can hold each other
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise _untrusted(path, f"its weights link to elsewhere ({type(link).__name__})")
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
                raise _untrusted(path, f"its weights hold a {type(found).__name__}")


def _count(dataset: h5py.Dataset, path: Path) -> int:
    name = dataset.name
    if dataset.external or dataset.is_virtual:
        raise _untrusted(path, f"its weights {name} lie in another file")
    if dataset.dtype.kind not in _NUMBER_KINDS or dataset.dtype.names:
        raise _untrusted(path, f"its weights {name} are no numbers but {dataset.dtype}")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if not filters <= _FILTERS:
        raise _untrusted(path, f"its weights {name} are packed in an unusual way")
    numbers = math.prod(dataset.shape or (0,)) if dataset.shape != () else 1
    size = numbers * dataset.dtype.itemsize
    if size > SMALL and size > MOST_EXPANSION * dataset.id.get_storage_size():
        raise _untrusted(path, f"its weights {name} would take {size} bytes")
    return numbers


def _untrusted(path: Path, reason: str) -> ModelFileError:
    return ModelFileError(f"{path} is not to be trusted: {reason}", _HINT)
