"""What an export is checked with: pictures, and the outputs that the model itself has for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.corrections.corrected_pictures import load_corrected
from imgclf.corrections.replay_memory import ReplayMemory, Samples, load_memory
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError, first_line
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import LiteRTEngine, Outputs
from imgclf.model_file.archive import FEATURES, HEAD, WHOLE_GRAPH, ModelArchive
from imgclf.model_file.manifest import Manifest
from imgclf.system.stderr import quiet_stderr

# Relative to the largest output, or to 1 if that is larger. Other runtimes sum in another order,
# which has been seen to cost 2e-7; one that computes something else is off by far more.
TOLERANCE = 1e-4

_PICTURES = 32


@dataclass(frozen=True)
class ExportSource:
    """The model to export, with the pictures to compare on.

    Attributes:
        path: The model file.
        manifest: What it says of itself.
        whole_graph: The LiteRT graph of the whole network; None if it has none.
        float_size: Bytes of all that it has to answer without Keras; None if there is none.
        memory: Its replay memory; None if it has none.
        corrected: The pictures that it was corrected by.
    """

    path: Path
    manifest: Manifest
    whole_graph: bytes | None
    float_size: int | None
    memory: ReplayMemory | None
    corrected: Samples

    @property
    def pixels(self) -> Pixels:
        """Some held-out pictures where there are any, else noise; and some corrected ones."""
        if self.memory is None:
            size = (self.manifest.decoder.height, self.manifest.decoder.width, 3)
            ordinary = np.random.default_rng(0).integers(0, 256, (4, *size)).astype(np.uint8)
        else:
            ordinary = spread(self.memory.judge.pixels, _PICTURES)
        # The neurons of corrections are silent on all others.
        return np.concatenate([ordinary, spread(self.corrected.pixels, _PICTURES)])

    @property
    def compared(self) -> str:
        """What kind of pictures these are."""
        corrected = min(len(self.corrected), _PICTURES)
        kind = "noise" if self.memory is None else "held-out"
        return (
            f"{len(self.pixels) - corrected} {kind}"
            f"{f' and {corrected} corrected' * bool(corrected)} pictures"
        )


def open_source(model: Path) -> ExportSource:
    """The model to export, with what was kept beside it.

    Raises:
        ModelFileError: It can't be read.
    """
    with ModelArchive(model) as archive:
        manifest = archive.manifest()
        archive.verify_graphs(manifest)
        graph = archive.whole_graph(manifest)
        float_size = sum(map(archive.size, (WHOLE_GRAPH, FEATURES, HEAD))) or None
    memory = load_memory(model)
    corrected, _ = load_corrected(model, manifest)
    memory = memory and memory.for_model(manifest)
    return ExportSource(model, manifest, graph, float_size, memory, corrected)


class WrittenGraph:
    """Runs a LiteRT graph of any types that this process has written, and so is not checked.

    Args:
        graph: The flatbuffer.

    Raises:
        ValueError: LiteRT can't run it.
        ImportError: There is no `ai-edge-litert` for this platform.
    """

    def __init__(self, graph: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr(even_if_it_fails=True):
            self._interpreter = Interpreter(model_content=graph)
            self._interpreter.allocate_tensors()
        (given,), (gives,) = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._input, self._output = given["index"], gives["index"]

    def run(self, pixels: Pixels) -> Outputs:
        """Outputs, float32, shape (pictures, units), for uint8 (pictures, height, width, 3)."""
        return np.concatenate([self._of_one(picture) for picture in pixels])

    def finish(self) -> None:
        """Nothing is left to do."""

    def _of_one(self, picture: Pixels) -> Outputs:
        self._interpreter.set_tensor(self._input, picture[np.newaxis].astype(np.float32))
        self._interpreter.invoke()
        outputs: Outputs = self._interpreter.get_tensor(self._output)
        return outputs


def run_litert(graph: bytes, pixels: Pixels, *, made_here: bool = True) -> Outputs:
    """What LiteRT makes of pictures, uint8 (pictures, height, width, 3).

    Args:
        graph: The flatbuffer.
        pixels: The pictures.
        made_here: Whether this process has made it; what is from a file is checked first.

    Raises:
        GraphError: It can't be checked.
        UsageError: LiteRT can't run it.
    """
    try:
        return (WrittenGraph if made_here else LiteRTEngine)(graph).run(pixels)
    except GraphError:
        raise
    except (ValueError, RuntimeError, ImportError) as error:
        raise UsageError(f"LiteRT can't run what was written: {first_line(error)}") from error


def require_equal(found: Outputs, expected: Outputs, target: Path) -> float:
    """Makes sure that outputs, shape (pictures, units), are the model's own but for rounding.

    Args:
        found: Of what is to be written.
        expected: Of the model.
        target: Where it is to be written.

    Returns:
        The largest difference.

    Raises:
        UsageError: They differ by more than that.
    """
    difference = largest_difference(found, expected, target)
    allowed = TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    if not difference <= allowed:
        raise UsageError(
            f"{target} was not written: its outputs would differ from the model's by "
            f"{difference:.1e}, and {allowed:.1e} is allowed"
        )
    return difference


def largest_difference(found: Outputs, expected: Outputs, target: Path) -> float:
    """The largest difference between outputs, however large; see `require_equal`.

    Raises:
        UsageError: They are of another shape, or not all numbers.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise UsageError(
            f"{target} was not written: it would put out {found.shape} numbers for "
            f"{expected.shape}, or some that are none"
        )
    return float(np.max(np.abs(found - expected), initial=0.0))


def spread(pixels: Pixels, count: int) -> Pixels:
    """At most so many of them, from all over."""
    if len(pixels) <= count:
        return pixels
    chosen: Pixels = pixels[np.linspace(0, len(pixels) - 1, count).astype(int)]
    return chosen
