"""What the layers of a pretrained network are called in the graph that is built on it."""

from __future__ import annotations

import re
from collections import Counter

from imgclf.backend import keras

PREFIX = "backbone_"
"""What names begin with that Keras, or somebody else, would give to other layers as well."""


class OwnNames:
    """Keeps the names that a network's layers were given, and replaces those that Keras made up.

    Keras numbers layers through a process (`conv2d_17`), so that those names are others each time,
    and would be those of layers that a config declares.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, operation: keras.Operation) -> str:
        """The name for a copy of a layer, or of an operation such as `x + y`."""
        stem = re.sub(r"_\d+$", "", operation.name)
        if stem.replace("_", "") != type(operation).__name__.lower():
            return str(operation.name)
        return self.numbered(stem)

    def numbered(self, stem: str) -> str:
        """The next name of this kind: `backbone_conv2d`, `backbone_conv2d_1`."""
        number = self._counts[stem]
        self._counts[stem] += 1
        return f"{PREFIX}{stem}_{number}" if number else f"{PREFIX}{stem}"


def prefixed(operation: keras.Operation) -> str:
    """Its name behind a prefix, for networks that may have any names."""
    return f"{PREFIX}{operation.name}"
