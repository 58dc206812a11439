"""A LiteRT graph that takes pictures, run without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, first_line
from imgclf.litert.check import CheckedGraph
from imgclf.system.stderr import quiet_stderr

Outputs = NDArray[np.float32]

_MOST_AT_ONCE = 32
_PIXELS_AT_ONCE = 1 << 17  # two pictures of 224 x 224, 32 of 64 x 64


class LiteRTGraph:
    """A LiteRT graph that takes pictures, of which it is given a few at a time.

    The interpreter sees it only after it was checked, see `imgclf.litert`.

    Args:
        content: The flatbuffer.
        ranks: Of its outputs, in the order in which `run` gives them; each is there once.
        threads: How many share the work; None for one a core.
        picture: (height, width, 3) of what it has to take; None for what it says itself.

    Attributes:
        input_shape: (height, width, 3).
        output_shapes: For one picture, in the order of `ranks`.

    Raises:
        GraphError: It can't be checked, so that nobody knows what it would do.
        ValueError: It takes or gives something else, or plain LiteRT can't run it.
        ImportError: There is no `ai-edge-litert` for this platform.
    """

    def __init__(
        self,
        content: bytes,
        ranks: Sequence[int],
        threads: int | None = None,
        picture: tuple[int, ...] | None = None,
    ) -> None:
        # Only this one module: the package's `__init__` is empty, its other modules are slow.
        from ai_edge_litert.interpreter import Interpreter

        self._checked = CheckedGraph(content)
        self.input_shape = self._checked.input_shape
        if picture not in (None, self.input_shape):
            # Before the interpreter makes room for it.
            raise ValueError(f"it takes pictures of {self.input_shape} and not {picture}")
        self._checked.check(at_once(self.input_shape[0] * self.input_shape[1]))
        places = {len(shape): place for place, shape in enumerate(self._checked.output_shapes)}
        if len(self._checked.output_shapes) != len(ranks) or {rank - 1 for rank in ranks} != {
            *places
        }:
            raise ValueError(f"it does not take one float32 array and give {len(ranks)}")
        self.output_shapes = [self._checked.output_shapes[places[rank - 1]] for rank in ranks]
        with quiet_stderr(even_if_it_fails=True):
            try:
                self._interpreter = Interpreter(
                    model_content=content, num_threads=threads or os.cpu_count()
                )
                self._interpreter.allocate_tensors()
            except (RuntimeError, TypeError, MemoryError) as error:
                raise ValueError(str(error)) from error
        (taken,), given = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._input = taken["index"]
        self._outputs = [given[places[rank - 1]]["index"] for rank in ranks]
        self._allocated = 1

    def run(self, pixels: Pixels) -> Iterator[list[Outputs]]:
        """Yields the outputs for a few pictures after the other.

        Args:
            pixels: uint8, shape (pictures, height, width, 3).

        Raises:
            ModelFileError: The graph can't be run.
        """
        count = at_once(pixels.shape[1] * pixels.shape[2])
        for start in range(0, len(pixels), count):
            yield self._run(pixels[start : start + count])

    def _run(self, pixels: Pixels) -> list[Outputs]:
        try:
            if len(pixels) != self._allocated:
                # Laying the memory out anew costs milliseconds: feed batches of one size.
                self._checked.check(len(pixels))
                self._interpreter.resize_tensor_input(self._input, (len(pixels), *self.input_shape))
                self._interpreter.allocate_tensors()
                self._allocated = len(pixels)
            self._interpreter.set_tensor(self._input, pixels.astype(np.float32))
            self._interpreter.invoke()
            outputs = [self._interpreter.get_tensor(index) for index in self._outputs]
        except (RuntimeError, ValueError) as error:  # of which GraphError is one
            raise ModelFileError(
                f"the model's LiteRT graph can't be run: {first_line(error)}"
            ) from error
        for output, shape in zip(outputs, self.output_shapes, strict=True):
            _require_shape(output, (len(pixels), *shape))
        return outputs


def _require_shape(output: Outputs, shape: tuple[int, ...]) -> None:
    fits = len(output.shape) == len(shape) and all(
        wanted in (found, -1) for found, wanted in zip(output.shape, shape, strict=True)
    )
    if not fits:
        raise ModelFileError(
            f"the model's LiteRT graph gives an array of shape {output.shape} and not {shape}"
        )


def at_once(pixels: int) -> int:
    """How many pictures of so many pixels LiteRT is given at once.

    Large ones keep all cores at work one by one, and a batch of them only takes memory, 8 MB for
    each picture of 224 x 224 in EfficientNet-Lite0; of small ones a few together are up to twice
    as fast.
    """
    return max(1, min(_MOST_AT_ONCE, _PIXELS_AT_ONCE // max(pixels, 1)))
