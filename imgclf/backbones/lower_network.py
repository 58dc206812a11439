"""The lower part of a pretrained network as it comes, whose LiteRT graph is made once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import Engine, KerasEngine, LiteRTEngine
from imgclf.model_file.features_graph import plain_graph, store_graph, stored_graph
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.backend import keras


@dataclass(frozen=True)
class LowerNetwork:
    """A pretrained network up to a place where it is cut.

    Attributes:
        name: For people.
        identity: Changes when what it makes of a picture does.
        width: How many numbers it makes of a picture.
    """

    name: str
    identity: str
    width: int
    _engine: Engine

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Shape (pictures, width), of uint8 (pictures, height, width, 3).

        Raises:
            UsageError: Half precision, in which they are kept, can't hold these numbers.
        """
        values = self._engine.run(pixels)
        if not np.abs(values).max() <= np.finfo(np.float16).max:
            raise UsageError(f"{self.name} makes numbers of pictures that float16 can't hold")
        return values


def lower_network(
    whole: FeaturesNetwork, below: int, make: Callable[[], keras.Model]
) -> LowerNetwork:
    """A pretrained network as it comes, up to a place.

    Args:
        whole: The network.
        below: How many of its operations lie below; see `cut.places`.
        make: Makes that part, in Keras, where its graph isn't there yet.

    Raises:
        WriteError: There is no room for temporary files.
    """
    name = f"the first {below} layers of {whole.name}"
    identity = hashlib.sha256(f"{whole.identity} up to {below}".encode()).hexdigest()
    graph = stored_graph(identity)
    if graph is not None:
        with suppress(GraphError):  # somebody else's, which is replaced
            engine = LiteRTEngine(graph)
            return LowerNetwork(name, identity, engine.units, engine)
    with console.track(f"preparing {name} (once on this machine)"):
        network = make()
        try:
            graph = plain_graph(network)
        except UsageError as error:
            console.note(f"{name} run on Keras, which takes longer: {error.message}")
            return LowerNetwork(name, identity, network.output_shape[-1], KerasEngine(network))
        store_graph(identity, graph)
    engine = LiteRTEngine(graph)
    return LowerNetwork(name, identity, engine.units, engine)
