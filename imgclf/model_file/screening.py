"""What a stranger's model file may hold, looked at before Keras or TensorFlow is imported.

Keras builds whatever `config.json` names, and its `safe_mode` is no boundary: whatever a module
of Keras can import, download or read has been used against it. So what may be named is listed
here, and everything else is refused, wherever in the config it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from imgclf.config.keras_names import CODE_LAYERS
from imgclf.config.keras_signatures import MODULE, Kind, exports
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, METADATA, WEIGHTS, ModelArchive
from imgclf.model_file.config_bounds import excess, refuse_excess
from imgclf.model_file.nesting_screening import refuse_endless
from imgclf.model_file.other_formats import as_version, of_another_keras
from imgclf.model_file.weights_screening import count_numbers, untrusted

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
        written_by: The version of Keras that wrote the file, if it says one.
        cut: The file says what a model inside of the model was compiled with, which Keras would
            read along with the graph: load `config`, not the file's.
    """

    config: dict[str, Any]
    numbers: int
    compiled_with: dict[str, Any] | None = None
    unread: str | None = None
    written_by: str | None = None
    cut: bool = False


def screen(archive: ModelArchive) -> Contents:
    """Makes sure that opening a model file with Keras runs no code of its author's.

    Nor that it reads other files, or fills the memory before it is noticed. Everything that
    Keras will read is looked at here, without Keras.

    Raises:
        ModelFileError: A layer or function outside Keras's own, or one that holds code; models
            inside of models without end; a member that doesn't belong; weights that are more than
            numbers.
    """
    config, written_by = _read_config(archive), _written_by(archive)
    refuse_foreign(config, archive.path, written_by)
    refuse_excess(config, archive.path)
    refuse_endless(config, archive.path, _MODELS)
    numbers = count_numbers(archive.read(WEIGHTS), archive.path)
    return Contents(config, numbers, config.get(_COMPILED), written_by=written_by)


def screen_graph(archive: ModelArchive) -> Contents:
    """The same for a file of which only the graph will be loaded.

    Losses and metrics are often functions of somebody's own, and a classifier needs neither.

    Raises:
        ModelFileError: As `screen` does, but not for what the model was compiled with.
    """
    config, written_by = _read_config(archive), _written_by(archive)
    compiled_with = config.pop(_COMPILED, None)
    refuse_endless(config, archive.path, _MODELS)
    foreign = _foreign(compiled_with)
    if isinstance(compiled_with, dict):
        own = {
            name: part
            for name, part in compiled_with.items()
            if _foreign(part) is None and excess(part) is None
        }
        compiled_with = own if _foreign(own) is None else None
    else:
        compiled_with = None
    try:
        graph = _without_compiled(config)
    except RecursionError as error:
        raise ModelFileError(f"{archive.path} is damaged: its config can't be read") from error
    refuse_foreign(graph, archive.path, written_by)
    refuse_excess(graph, archive.path)
    numbers = count_numbers(archive.read(WEIGHTS), archive.path)
    unread = None if foreign is None else foreign.reason
    return Contents(graph, numbers, compiled_with, unread, written_by, cut=graph != config)


def _read_config(archive: ModelArchive) -> dict[str, Any]:
    archive.refuse_strange_members()
    content = archive.read(CONFIG)
    try:
        config = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{archive.path} is damaged: its config can't be read") from error
    if not isinstance(config, dict) or str(config.get("class_name")) not in _MODELS:
        raise _no_model(config, archive.path)
    return config


def _no_model(config: Any, path: Path) -> ModelFileError:
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, dict) or "layers" in inner or config.get("module") in _KINDS:
        return ModelFileError(f"{path} is damaged: its config is that of no model")
    return ModelFileError(
        f"{path} is a {config.get('class_name')!r}, a class of somebody's own, whose code the "
        "file doesn't hold",
        "in Keras: keras.Model(inputs, model(inputs)) with inputs = keras.Input((HEIGHT, WIDTH, "
        "3)) may do, if all its layers are Keras's; save that",
    )


def _written_by(archive: ModelArchive) -> str | None:
    try:
        said = msgspec.json.decode(archive.read(METADATA))
    except (ModelFileError, ValueError, RecursionError):
        return None  # it is told by nothing else, and not needed
    return as_version(said.get("keras_version")) if isinstance(said, dict) else None


def _without_compiled(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_compiled(child) for child in node]
    if isinstance(node, dict):
        return {name: _without_compiled(part) for name, part in node.items() if name != _COMPILED}
    return node


class _Foreign(NamedTuple):
    """Something that is not Keras's own, in words, and whether another Keras may have it."""

    reason: str
    of_keras: bool = False


def refuse_foreign(config: Any, path: Path, written_by: str | None = None) -> None:
    """Makes sure that Keras, when it builds this config, builds nothing but its own.

    Args:
        config: Of a model.
        path: Of its file.
        written_by: The version of Keras that wrote it.

    Raises:
        ModelFileError: Something that holds code, reads files, or isn't Keras's.
    """
    foreign = _foreign(config)
    if foreign is None:
        return
    if foreign.of_keras and written_by is not None:
        error = of_another_keras(path, written_by, foreign.reason)
        if error is not None:
            raise error
    raise untrusted(path, foreign.reason, _HINT)


def _foreign(config: Any) -> _Foreign | None:
    """The first thing in it that isn't Keras's own."""
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


def _foreign_in_node(node: dict[str, Any]) -> _Foreign | None:
    name, module = str(node.get("class_name")), node.get("module")
    registered = [None, name]
    if name in CODE_LAYERS:
        return _Foreign(f"its {name} layer holds code")
    if name == "__lambda__":
        return _Foreign("its lambda function holds code")
    if name in _FILE_LAYERS:
        return _Foreign(f"its {name} layer reads files")
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
        of_keras = str(module).split(".")[0] == "keras"
        return _Foreign(f"it asks for {name!r} of {module!r}, which is not Keras's own", of_keras)
    # A name under which somebody's class would be found before Keras's.
    if node.get("registered_name") not in registered:
        return _Foreign(f"its {name} is {node['registered_name']!r}, not Keras's own")
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
