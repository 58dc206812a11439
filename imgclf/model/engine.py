"""Engines: what turns decoded pictures into the network's outputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, first_line
from imgclf.system.stderr import quiet_stderr

if TYPE_CHECKING:
    from imgclf.backend import keras

Outputs = NDArray[np.float32]

BATCH_SIZE = 32


class Engine(Protocol):
    """Runs a network."""

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3)."""

    def finish(self) -> None:
        """To be called after the last batch."""


class LiteRTEngine:
    """Runs a LiteRT graph.

    Args:
        graph: The flatbuffer.

    Attributes:
        input_shape: (height, width, 3).
        units: How many numbers it puts out for a picture.

    Raises:
        ValueError: The graph is no LiteRT graph, or one that plain LiteRT can't run.
        ImportError: There is no `ai-edge-litert` for this platform.
    """

    def __init__(self, graph: bytes) -> None:
        # Only this one module: the package's `__init__` is empty, its other modules are slow.
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr(even_if_it_fails=True):
            try:
                self._interpreter = Interpreter(model_content=graph, num_threads=os.cpu_count())
                self._interpreter.allocate_tensors()
            except (RuntimeError, TypeError, MemoryError) as error:
                raise ValueError(str(error)) from error
        inputs, outputs = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0]["dtype"] is not np.float32:
            raise ValueError("it does not take one float32 array and give one")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.input_shape = tuple(inputs[0]["shape_signature"][1:].tolist())
        self.units = int(outputs[0]["shape_signature"][-1])
        self._allocated = 1

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3).

        Raises:
            ModelFileError: The graph can't be run.
        """
        try:
            if len(pixels) != self._allocated:
                # Laying the memory out anew costs a millisecond: feed batches of one size.
                self._interpreter.resize_tensor_input(self._input, pixels.shape)
                self._interpreter.allocate_tensors()
                self._allocated = len(pixels)
            self._interpreter.set_tensor(self._input, pixels.astype(np.float32))
            self._interpreter.invoke()
            outputs: Outputs = self._interpreter.get_tensor(self._output)
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"the model's LiteRT graph can't be run: {first_line(error)}"
            ) from error
        return outputs

    def finish(self) -> None:
        """Nothing is left to do."""


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
