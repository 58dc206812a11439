"""A split model seen as fixed features and logits, with the corrections' neurons beside.

The same as `CorrectableNetwork`, without Keras: the features come from the LiteRT graph, the rest
from the head in NumPy.
"""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.neurons import Neurons, Responses, pool_side
from imgclf.data.decoder import Pixels
from imgclf.model.engine import SplitEngine


class SplitNetwork:
    """The parts of a split model.

    Args:
        graph: SHA-256 of the graph of its features.
        engine: Runs it.

    Attributes:
        neurons: Those of the corrections that the model has.
        pool: Side of the squares over which the last feature map is averaged for them.
    """

    def __init__(self, graph: str, engine: SplitEngine) -> None:
        head = engine.head
        seen_already = head.neurons is not None or head.classes
        self.pool = head.pool if seen_already else pool_side(*head.map_shape)
        self._graph, self._features = graph, engine.features
        self._head = msgspec.structs.replace(head, neurons=None, trained=None, pool=self.pool)
        height, width, channels = head.map_shape
        numbers = -(-height // self.pool) * -(-width // self.pool) * channels
        self._shape = numbers, head.units
        self.neurons = (
            Neurons(np.zeros((numbers, 0), np.float32), np.zeros((0, head.units), np.float32))
            if head.neurons is None
            else Neurons(head.neurons.keys.array, head.neurons.strengths.array)
        )

    def responses(self, pixels: Pixels) -> Responses:
        """What the trained network makes of pictures, without any neurons.

        Args:
            pixels: uint8, shape (pictures, height, width, 3).

        Returns:
            Features, shape (pictures, features), and logits, shape (pictures, units).

        Raises:
            ModelFileError: The graph can't be run.
        """
        features, units = self._shape
        parts = [Responses(np.zeros((0, features), np.float32), np.zeros((0, units), np.float32))]
        if len(pixels):
            # Maps are large, and only what is left of them is kept.
            for feature_map, given in self._features.batches(pixels):
                seen = self._head.unit_features(feature_map)
                parts.append(Responses(seen, self._head.logits(given, seen)))
        return Responses(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.logits for part in parts]),
        )

    def features(self, pixels: Pixels) -> NDArray[np.float32]:
        """What its head takes, shape (pictures, features).

        Args:
            pixels: uint8, shape (pictures, height, width, 3).

        Raises:
            ModelFileError: The graph can't be run.
        """
        return self._features.run(pixels)[1]

    def fingerprint(self) -> str:
        """Of what gives the responses; SHA-256 in hexadecimal."""
        return hashlib.sha256(self._graph.encode() + self._head.to_bytes()).hexdigest()
