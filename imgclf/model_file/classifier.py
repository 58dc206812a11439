"""A model that is ready to answer.

`open_classifier` takes what the model file has for answering without TensorFlow: the LiteRT graph
of the features with a head for NumPy, or the LiteRT graph of the whole network. Only where there
is neither does it load the model in Keras, which costs seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import Engine, KerasEngine, LiteRTEngine, LiteRTFeatures, SplitEngine
from imgclf.model.head import NumpyHead
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.model_file.archive import FEATURES, HEAD, WHOLE_GRAPH, ModelArchive
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.manifest import Manifest
from imgclf.system import console

Features: TypeAlias = NDArray[np.float32]
_QuickEngine: TypeAlias = LiteRTEngine | SplitEngine


@dataclass(frozen=True)
class Classifier:
    """A model that is ready to answer."""

    manifest: Manifest
    engine: Engine

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """Calibrated probabilities, float64, shape (pictures, classes), rows adding up to 1.

        Args:
            pixels: uint8, shape (pictures, height, width, 3), as the manifest's decoder gives them.

        Raises:
            ModelFileError: The LiteRT graph can't be run.
        """
        outputs = self.engine.run(pixels)
        return to_probabilities(outputs, self.manifest.head, self.manifest.temperature)

    def probabilities_and_features(self, pixels: Pixels) -> tuple[Probabilities, Features]:
        """The same, and what pictures are told apart by, float32, shape (pictures, features).

        These are the probabilities themselves where the file has no graph of features.

        Raises:
            ModelFileError: The LiteRT graph can't be run.
        """
        if not isinstance(self.engine, SplitEngine):
            probabilities = self.probabilities(pixels)
            return probabilities, probabilities.astype(np.float32)
        outputs, features = self.engine.run_with_features(pixels)
        head, temperature = self.manifest.head, self.manifest.temperature
        return to_probabilities(outputs, head, temperature), features

    def unlike(self, features: Features) -> NDArray[np.bool_] | None:
        """Which pictures are unlike what it was trained on and corrected by, shape (pictures,).

        Args:
            features: From `probabilities_and_features`.

        Returns:
            None if its file doesn't say what it knows.
        """
        if not isinstance(self.engine, SplitEngine) or self.engine.head.familiar is None:
            return None
        return self.engine.head.familiar.unlike(features)

    def probabilities_of(self, batches: Iterable[Pixels]) -> Probabilities:
        """The same for pictures that come in batches, joined in their order; none may come."""
        parts = [self.probabilities(batch) for batch in batches]
        return np.concatenate(parts) if parts else np.empty((0, len(self.manifest.class_names)))


def open_classifier(path: Path) -> Classifier:
    """Opens a model file for prediction, without TensorFlow where that can be.

    Args:
        path: The model file.

    Raises:
        ModelFileError: It is missing, damaged, or not to be trusted.
    """
    with ModelArchive(path) as archive:
        manifest = archive.manifest()
        members = graphs_in(archive, manifest)
    reason = manifest.litert_note or "it has no LiteRT graph in it"
    if members:
        open_apart(path, "graph")
        try:
            return open_quickly(path, manifest, members)
        except ImportError:
            reason = "ai-edge-litert is not installed"
        except GraphError as error:
            with ModelArchive(path) as archive:
                archive.verify_graphs(manifest)  # else it is a damaged file that says so
            import shlex

            classes = shlex.quote(",".join(manifest.class_names))
            reason = (
                f"its LiteRT graph is not run, since it can't be checked: {error}; "
                f"imgclf adopt {shlex.quote(str(path))} --classes {classes} makes one here"
            )
    console.warning(f"{path}: starting TensorFlow, which takes seconds, for {reason}")
    from imgclf.model_file.keras_io import load_keras_model

    return Classifier(manifest, KerasEngine(load_keras_model(path)))


def graphs_in(archive: ModelArchive, manifest: Manifest) -> list[bytes]:
    """What answers without TensorFlow: a graph, and the head behind it if it has one; maybe none.

    Raises:
        ModelFileError: It can't be read.
    """
    # Not `archive.whole_graph`: the zip's own checksum tells damage, and SHA-256 of megabytes takes
    # longer than the answer.
    wanted = [(FEATURES, manifest.features_sha256), (HEAD, manifest.head_sha256)]
    if None in (manifest.features_sha256, manifest.head_sha256):
        wanted = [(WHOLE_GRAPH, manifest.whole_graph_sha256)]
    return [archive.read(name) for name, digest in wanted if digest is not None]


def open_quickly(path: Path, manifest: Manifest, members: list[bytes]) -> Classifier:
    """Runs what answers without TensorFlow.

    Args:
        path: The model file.
        manifest: Its manifest.
        members: From `graphs_in`.

    Raises:
        GraphError: The graph can't be checked.
        ModelFileError: They can't be run, or not together.
        ImportError: There is no LiteRT for this platform.
    """
    engine = _quick_engine(path, manifest, *members)
    _require_fit(path, manifest, engine)
    return Classifier(manifest, engine)


def _quick_engine(
    path: Path, manifest: Manifest, graph: bytes, head: bytes | None = None
) -> _QuickEngine:
    """Runs a graph, and the head behind it if it is a graph of features.

    Raises:
        GraphError: The graph can't be checked.
        ModelFileError: They can't be run, or not together.
        ImportError: There is no LiteRT for this platform.
    """
    picture = manifest.decoder.height, manifest.decoder.width, 3
    try:
        if head is None:
            return LiteRTEngine(graph, picture)
        features = LiteRTFeatures(graph, picture=picture)
    except GraphError:
        raise
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: LiteRT can't run its graph: {error}") from None
    try:
        return SplitEngine(features, NumpyHead.from_bytes(head))
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: {error}") from None


def _require_fit(path: Path, manifest: Manifest, engine: _QuickEngine) -> None:
    """A graph that is another model's would answer with confidence, and wrongly."""
    if engine.units != manifest.units:
        raise ModelFileError(
            f"{path} is damaged: its graph gives {engine.units} numbers, its manifest says "
            f"{manifest.units}"
        )
