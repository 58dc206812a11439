"""Engines: what turns decoded pictures into the network's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from imgclf.data.decoder import Pixels
from imgclf.model.head import NumpyHead
from imgclf.model.litert_graph import LiteRTGraph
from imgclf.model.litert_graph import Outputs as Outputs

if TYPE_CHECKING:
    from imgclf.backend import keras

BATCH_SIZE = 32


class Engine(Protocol):
    """Runs a network."""

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3)."""

    def finish(self) -> None:
        """To be called after the last batch."""


class LiteRTEngine:
    """Runs a LiteRT graph that is a whole network.

    Args:
        graph: The flatbuffer.
        picture: (height, width, 3) of what it has to take; None for what it says itself.

    Attributes:
        input_shape: (height, width, 3).
        units: How many numbers it puts out for a picture.

    Raises:
        GraphError: The graph can't be checked, so that nobody knows what it would do.
        ValueError: It takes or gives something else, or plain LiteRT can't run it.
        ImportError: There is no `ai-edge-litert` for this platform.
    """

    def __init__(self, graph: bytes, picture: tuple[int, ...] | None = None) -> None:
        self._graph = LiteRTGraph(graph, ranks=(2,), picture=picture)
        self.input_shape = self._graph.input_shape
        self.units = self._graph.output_shapes[0][0]

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3).

        Raises:
            ModelFileError: The graph can't be run.
        """
        return _joined([outputs for (outputs,) in self._graph.run(pixels)], (self.units,))

    def finish(self) -> None:
        """Nothing is left to do."""


class LiteRTFeatures:
    """Runs the LiteRT graph of a network's features, which leaves the head out.

    Args:
        graph: The flatbuffer; see `imgclf.model_file.features_graph`.
        threads: How many share the work; None for one a core.
        picture: (height, width, 3) of what it has to take; None for what it says itself.

    Attributes:
        input_shape: (height, width, 3).
        map_shape: Of the last feature map of a picture, (height, width, channels).
        width: How many features a picture has.

    Raises:
        GraphError: The graph can't be checked, so that nobody knows what it would do.
        ValueError: It takes or gives something else, or plain LiteRT can't run it.
        ImportError: There is no `ai-edge-litert` for this platform.
    """

    def __init__(
        self, graph: bytes, threads: int | None = None, picture: tuple[int, ...] | None = None
    ) -> None:
        self._graph = LiteRTGraph(graph, (4, 2), threads, picture)
        self.input_shape = self._graph.input_shape
        self.map_shape, (self.width,) = self._graph.output_shapes

    def run(self, pixels: Pixels) -> tuple[Outputs, Outputs]:
        """The last feature maps and the features, both float32.

        Args:
            pixels: uint8, shape (pictures, height, width, 3).

        Returns:
            Shape (pictures, height, width, channels), and shape (pictures, features).

        Raises:
            ModelFileError: The graph can't be run.
        """
        parts = list(self.batches(pixels))
        return (
            _joined([feature_map for feature_map, _ in parts], self.map_shape),
            _joined([features for _, features in parts], (self.width,)),
        )

    def batches(self, pixels: Pixels) -> Iterator[tuple[Outputs, Outputs]]:
        """The same, but yields them for a few pictures after the other: maps can be large."""
        for outputs in self._graph.run(pixels):
            yield outputs[0], outputs[1]


class SplitEngine:
    """Runs a network in two parts: its features by LiteRT, its head in NumPy.

    Args:
        features: The graph.
        head: For the features that the graph gives.

    Attributes:
        features: The graph.
        head: The head.
        input_shape: (height, width, 3).
        units: How many numbers it puts out for a picture.

    Raises:
        ValueError: The head is for other features.
    """

    def __init__(self, features: LiteRTFeatures, head: NumpyHead) -> None:
        if (head.map_shape, head.features) != (features.map_shape, features.width):
            raise ValueError(
                f"its head takes {head.features} features of a map of {head.map_shape}, its "
                f"graph gives {features.width} and one of {features.map_shape}"
            )
        self.features, self.head = features, head
        self.input_shape = features.input_shape
        self.units = head.units

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3).

        Raises:
            ModelFileError: The graph can't be run.
        """
        parts = [
            self.head.run(features, feature_map)
            for feature_map, features in self.features.batches(pixels)
        ]
        return _joined(parts, (self.units,))

    def run_with_features(self, pixels: Pixels) -> tuple[Outputs, Outputs]:
        """The same, and the features that they come from, float32, shape (pictures, features)."""
        parts = [
            (self.head.run(features, feature_map), features)
            for feature_map, features in self.features.batches(pixels)
        ]
        return (
            _joined([outputs for outputs, _ in parts], (self.units,)),
            _joined([features for _, features in parts], (self.features.width,)),
        )

    def run_with_maps(self, pixels: Pixels) -> tuple[Outputs, Outputs, Outputs]:
        """The same, and the last feature maps, shape (pictures, height, width, channels)."""
        maps, features = self.features.run(pixels)
        return self.head.run(features, maps), features, maps

    def finish(self) -> None:
        """Nothing is left to do."""


def _joined(parts: Sequence[Outputs], shape: tuple[int, ...]) -> Outputs:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.empty((0, *shape), np.float32), *parts])


class KerasEngine:
    """Runs a Keras model.

    Args:
        model: Takes float32 pictures.
        hooks: A `keras.callbacks.CallbackList`, whose predict hooks are called as
            `Model.predict` calls them.
    """

    def __init__(self, model: keras.Model, hooks: keras.callbacks.CallbackList | None = None):
        self._model = model
        self._hooks = hooks
        self._batches = 0

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3)."""
        if self._hooks is not None:
            if self._batches == 0:
                self._hooks.on_predict_begin()
            self._hooks.on_predict_batch_begin(self._batches)
        outputs: Outputs = self._model.predict_on_batch(pixels.astype(np.float32))
        if self._hooks is not None:
            self._hooks.on_predict_batch_end(self._batches, {"outputs": outputs})
        self._batches += 1
        return outputs

    def finish(self) -> None:
        """Calls the hook for the end of a prediction, if there was a batch."""
        if self._hooks is not None and self._batches:
            self._hooks.on_predict_end()
