"""What in a model file answers without TensorFlow: made of a Keras model, and compared with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from imgclf.backend import keras
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError, UsageError, first_line
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import (
    Engine,
    KerasEngine,
    LiteRTEngine,
    LiteRTFeatures,
    Outputs,
    SplitEngine,
)
from imgclf.model.familiar import Familiar
from imgclf.model.head import HeadLayer
from imgclf.model_file.archive import FEATURES, HEAD, WHOLE_GRAPH
from imgclf.model_file.converters import litert_graph
from imgclf.model_file.features_graph import make_features_graph
from imgclf.model_file.keras_parts import read_numpy_head

# LiteRT and Keras sum in different orders. Measured differences are near 1e-7; a graph that
# computes something else is off by far more than this.
LITERT_TOLERANCE = 1e-4


def _nothing(_: LiteRTFeatures) -> None:
    """Nothing is known of any picture's features."""


@dataclass(frozen=True)
class BesideHead:
    """What a head for NumPy says that Keras doesn't know.

    Attributes:
        trained: The last layer as it was trained, if corrections have changed it since.
        familiar: Gives what features are familiar, by the graph of the features.
    """

    trained: HeadLayer | None = None
    familiar: Callable[[LiteRTFeatures], Familiar | None] = _nothing


@dataclass(frozen=True)
class LiteRTMembers:
    """What answers without TensorFlow.

    Attributes:
        members: Of the archive: a graph of the whole network, or one of its features and a head;
            empty if LiteRT can't express it.
        note: Why they are empty.
    """

    members: Mapping[str, bytes]
    note: str | None = None


def make_litert_members(
    model: keras.Model,
    samples: Pixels,
    features_graph: bytes | None = None,
    beside: BesideHead | None = None,
) -> LiteRTMembers:
    """Members whose outputs are Keras's own on some pictures.

    Args:
        model: Takes float32 pictures.
        samples: To compare with, uint8, shape (pictures, height, width, 3).
        features_graph: That of the model's features, if there is one already.
        beside: What goes into the head beside what Keras knows.

    Raises:
        WriteError: There is no room for what the converter writes on its way.
    """
    expected = KerasEngine(model).run(samples)
    members = _split(model, samples, expected, features_graph, beside or BesideHead())
    return LiteRTMembers(members) if members else _whole(model, samples, expected)


def _split(
    model: keras.Model,
    samples: Pixels,
    expected: Outputs,
    known: bytes | None,
    beside: BesideHead,
) -> dict[str, bytes] | None:
    """The graph of the features and the head; None if it can't be had."""
    head = read_numpy_head(model)
    if head is None:
        return None
    trained = beside.trained
    if trained is not None and trained.kernel.shape == head.layers[-1].kernel.shape:
        head = msgspec.structs.replace(head, trained=trained)
    for graph in _features_graphs(model, known):
        try:
            features = LiteRTFeatures(graph)
            engine = SplitEngine(features, head)
            difference = _difference(engine, samples, expected)
        except (ValueError, ImportError, ModelFileError):
            continue
        if difference <= LITERT_TOLERANCE:
            head = msgspec.structs.replace(head, familiar=beside.familiar(features))
            return {FEATURES: graph, HEAD: head.to_bytes()}
    return None


def _features_graphs(model: keras.Model, known: bytes | None) -> Iterator[bytes]:
    if known is not None:
        yield known
    try:
        graph = make_features_graph(model)
    except UsageError:
        return
    yield graph


def _whole(model: keras.Model, samples: Pixels, expected: Outputs) -> LiteRTMembers:
    """The graph of the whole network."""
    try:
        graph = litert_graph(model)
        difference = _difference(LiteRTEngine(graph), samples, expected)
    except UsageError as error:
        return LiteRTMembers({}, error.message)
    except GraphError as error:
        return LiteRTMembers({}, f"the LiteRT graph of this model can't be checked: {error}")
    except (ValueError, ImportError, ModelFileError) as error:
        return LiteRTMembers({}, f"LiteRT can't express this model: {first_line(error)}")
    if not difference <= LITERT_TOLERANCE:
        return LiteRTMembers({}, f"LiteRT's outputs differ from Keras's by {difference:.1e}")
    return LiteRTMembers({WHOLE_GRAPH: graph})


def _difference(engine: Engine, samples: Pixels, expected: Outputs) -> float:
    """The largest between its outputs and Keras's."""
    return float(np.max(np.abs(engine.run(samples) - expected), initial=0.0))
