"""How often a config has Keras call layers, counted before anything is built.

A model inside of a model may be called twice, and that one twice again: a file of a few kilobytes
asks for more calls than there is time for. A network of a thousand layers is a large one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from imgclf.errors import ModelFileError

_MOST_CALLS = 10_000
_MOST_LEVELS = 30


def refuse_endless(config: dict[str, Any], path: Path, models: Collection[str]) -> None:
    """Makes sure that a network can be run to its end.

    Args:
        config: Of the outermost model.
        path: Of its file.
        models: The names of the classes that hold layers.

    Raises:
        ModelFileError: Models lie in each other too deep, or layers are called too often.
    """
    _Counter(path, models).calls(config, 1)


class _Counter:
    """Counts the calls of layers; the arguments are those of `refuse_endless`."""

    def __init__(self, path: Path, models: Collection[str]) -> None:
        self._path, self._models = path, models
        # Keras takes what has a number for the same object wherever that number comes again.
        self._numbered: dict[str, Any] = {}

    def calls(self, model: dict[str, Any], level: int) -> int:
        """How many layers one call of a model calls, those of models inside of it as well."""
        if level > _MOST_LEVELS:
            raise self._refusal(f"has models inside of models, {_MOST_LEVELS} and more levels deep")
        if "shared_object_id" in model:
            number, config = str(model["shared_object_id"]), model.get("config")
            if self._numbered.setdefault(number, config) != config:
                raise self._refusal("says of two models that they are one")
        total = 0
        for layer in _entries(model.get("config"), "layers"):
            inner = sum(self.calls(one, level + 1) for one in self._nearest_models(layer))
            total += max(1, len(_entries(layer, "inbound_nodes"))) * max(1, inner)
            if total > _MOST_CALLS:
                raise self._refusal(f"calls its layers more than {_MOST_CALLS} times")
        return total

    def _nearest_models(self, layer: Any) -> Iterator[dict[str, Any]]:
        """The layer, if it is a model, or the models that it wraps."""
        waiting = [layer]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                if str(node.get("class_name")) in self._models:
                    yield node
                else:
                    waiting.extend(node.values())

    def _refusal(self, what: str) -> ModelFileError:
        return ModelFileError(f"{self._path} is not to be trusted: it {what}")


def _entries(node: Any, key: str) -> list[Any]:
    found = node.get(key) if isinstance(node, dict) else None
    return found if isinstance(found, list) else []
