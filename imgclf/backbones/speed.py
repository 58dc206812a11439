"""How long this machine takes to train a pretrained network, told in a moment and without Keras."""

from __future__ import annotations

import os
import time

import numpy as np

from imgclf.backbones.identity import weights_identity
from imgclf.config.backbone import Backbone, default_image_size
from imgclf.model.engine import LiteRTFeatures
from imgclf.model_file.features_graph import stored_graph

# EfficientNetLite0 at 224 x 224, on a core of the machine that all this was measured on: LiteRT
# takes 6.6 ms a picture with one thread. With two cores Keras takes 26.6 ms for a training step of
# all layers and 12.7 for a prediction.
_PASS = 6.6e-3
_STEP_IN_PASSES, _PREDICTION_IN_PASSES = 26.6 / 6.6, 12.7 / 6.6
_CORES = 2
# LiteRT is 1.83 times as fast with two threads as with one; more than eight share so little badly.
_GAIN = 0.87
_MOST_CORES = 8
_TRIES = 5


def fine_tuning_seconds(declared: Backbone, epochs: int, training: int, validation: int) -> float:
    """About how long the processor takes to train all layers of a network.

    Its speed is measured where the network's graph is kept on this machine already, else that of
    another machine is taken; the number of cores counts in both cases.

    Args:
        declared: One of `LITE`.
        epochs: How many.
        training: Pictures to train on.
        validation: Pictures to validate on after each epoch.
    """
    passes = epochs * (training * _STEP_IN_PASSES + validation * _PREDICTION_IN_PASSES)
    cores = min(os.cpu_count() or 1, _MOST_CORES)
    slower: float = (_CORES / cores) ** _GAIN
    return passes * (_measured_pass(declared) or _PASS) * slower


def seconds_a_picture(graph: bytes) -> float:
    """What LiteRT takes for the features of a picture on one core, decoding aside.

    Args:
        graph: See `imgclf.model_file.features_graph`.

    Raises:
        ValueError: Plain LiteRT can't run it.
        ImportError: There is no `ai-edge-litert` for this platform.
    """
    network = LiteRTFeatures(graph, threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (1, *network.input_shape), np.uint8)
    network.run(pixels)  # the first takes longer
    took = []
    for _ in range(_TRIES):
        began = time.thread_time()  # without what other programs take meanwhile
        network.run(pixels)
        took.append(time.thread_time() - began)
    return min(took)


def _measured_pass(declared: Backbone) -> float | None:
    """Seconds that LiteRT takes for a picture with one thread; None if there is no graph yet."""
    side = default_image_size(declared.name)
    assert side is not None
    identity = weights_identity(declared, (side, side))
    graph = None if identity is None else stored_graph(identity)
    if graph is None:
        return None
    try:
        return seconds_a_picture(graph) or None  # zero by a clock that is too coarse
    except (ValueError, ImportError):
        return None  # whoever trains it will hear of that
