"""Where in a picture a network saw a class.

Zhou et al. 2016, Learning Deep Features for Discriminative Localization: where the features are
the average of the last feature map and one Dense layer makes logits of them, a logit is the average
of what each place of the map adds to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgclf.model.head import NumpyHead
from imgclf.model.numbers import Array

_TOLERANCE = 1e-3
"""Of the largest feature: in another order the same numbers have another sum."""


def class_activations(
    head: NumpyHead, features: Array, feature_map: Array, classes: NDArray[np.int64]
) -> NDArray[np.uint8] | None:
    """What each place of the last feature map adds to the logit of a class.

    What it adds to all classes alike changes no probability, and is left out.

    Args:
        head: Of the network.
        features: Float32, shape (pictures, features).
        feature_map: Float32, shape (pictures, height, width, channels).
        classes: The class of each picture, as a position in the outputs; of a single unit 1 is its
            own class and 0 the other.

    Returns:
        Shape (pictures, height, width), from 0 at the place that adds least to a picture's class
        to 255 at the one that adds most; None of a network that ends in something else.
    """
    plain = len(head.layers) == 1 and not head.classes and head.neurons is None
    if not plain or feature_map.shape[1] * feature_map.shape[2] < 2:
        return None
    if not _is_average(features, feature_map):
        return None
    kernel = head.layers[0].kernel.array
    if kernel.shape[1] == 1:
        weights = np.where(classes[:, np.newaxis] == 1, kernel[:, 0], -kernel[:, 0])
    else:
        weights = (kernel - kernel.mean(axis=1, keepdims=True))[:, classes].T
    with np.errstate(over="ignore", invalid="ignore"):
        adds = np.einsum("phwc,pc->phw", feature_map, weights.astype(np.float32))
        low, high = (end(adds, axis=(1, 2), keepdims=True) for end in (np.min, np.max))
        share = np.nan_to_num((adds - low) / np.maximum(high - low, np.finfo(np.float32).tiny))
    activations: NDArray[np.uint8] = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    return activations


def _is_average(features: Array, feature_map: Array) -> bool:
    if features.shape[1] != feature_map.shape[3]:
        return False
    average = feature_map.mean(axis=(1, 2), dtype=np.float64)
    room = _TOLERANCE * max(float(np.abs(features).max(initial=0)), 1e-6)
    return bool((np.abs(average - features) <= room).all())
