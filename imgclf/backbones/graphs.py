"""The LiteRT graph of a pretrained network as it comes, made once on a machine."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.identity import weights_identity
from imgclf.config.backbone import Backbone
from imgclf.config.loaded import ConfigFile
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import LiteRTFeatures
from imgclf.model_file.features_graph import store_graph, stored_graph
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.backend import keras


class _Runs(Protocol):
    def run(self, pixels: Pixels) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
        """The last feature map and the features."""


@dataclass(frozen=True)
class FeaturesNetwork:
    """A pretrained network up to its features, ready to run.

    Attributes:
        name: For people.
        identity: Changes when its features do.
        width: How many features a picture has.
        graph: The LiteRT graph, which goes into the model file; None if LiteRT can't express it.
    """

    name: str
    identity: str
    width: int
    graph: bytes | None
    _runs: _Runs

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Features, float32 (pictures, features), of uint8 (pictures, height, width, 3)."""
        return self._runs.run(pixels)[1]


def features_network(
    declared: Backbone, image_size: tuple[int, int], file: ConfigFile
) -> FeaturesNetwork:
    """A pretrained network as it comes.

    Its graph is taken from the user's cache; where it isn't there yet, Keras builds the network
    and it is made.

    Args:
        declared: Which one, with which weights.
        image_size: (height, width) in pixels.
        file: Names the line of what can't be had.

    Raises:
        ConfigError: The network or its weights can't be had.
        WriteError: There is no room for temporary files.
    """
    name = declared.name
    identity = weights_identity(declared, image_size)
    graph = None if identity is None else stored_graph(identity)
    if graph is not None:
        with suppress(GraphError):  # somebody else's, which is replaced
            runs = LiteRTFeatures(graph)
            return FeaturesNetwork(name, str(identity), runs.width, graph, runs)

    # Keras's import takes seconds, which all later trainings do without.
    from imgclf.backbones.build import build_backbone
    from imgclf.model.build import build_features
    from imgclf.model_file.features_graph import make_features_graph

    with console.track(f"preparing {name} (once on this machine)"):
        network = build_features(build_backbone(declared, image_size, file))
        # By now its weights are here; random ones have no file.
        identity = weights_identity(declared, image_size) or _identity_of(network)
        try:
            graph = make_features_graph(network)
        except UsageError as error:
            console.note(f"{name} runs on Keras, which takes longer: {error.message}")
            return FeaturesNetwork(
                name, identity, network.output_shape[1][-1], None, _KerasFeatures(network)
            )
        store_graph(identity, graph)
    runs = LiteRTFeatures(graph)
    return FeaturesNetwork(name, identity, runs.width, graph, runs)


@dataclass(frozen=True)
class _KerasFeatures:
    """Runs what LiteRT can't express."""

    network: keras.Model

    def run(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The last feature map and the features."""
        feature_map, features = self.network.predict_on_batch(pixels.astype(np.float32))
        return feature_map, features


def _identity_of(network: keras.Model) -> str:
    digest = hashlib.sha256(repr(network.input_shape).encode())
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()
