"""What a model that was just trained knows: the features of some of its pictures, measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import PartFeatures
from imgclf.corrections.replay_memory import balanced_rows
from imgclf.data.dataset import DataSet, Part
from imgclf.model.engine import LiteRTFeatures
from imgclf.model.familiar import Familiar, learn_familiar

_MOST_PICTURES = 1000
"""Of a part: more made no difference, and a network of its own has to look at them."""


def familiar_pictures(
    data: DataSet, seed: int, known: tuple[PartFeatures, PartFeatures] | None
) -> Callable[[LiteRTFeatures], Familiar | None]:
    """What features are familiar to a model, given the graph that makes them.

    Args:
        data: What it was trained on.
        seed: Of the choice of pictures, balanced over the classes.
        known: Features of the training and the validation pictures, if there are any already.
    """

    def measured(network: LiteRTFeatures) -> Familiar | None:
        features = []
        for place, part in enumerate((data.training, data.validation)):
            rows = balanced_rows(part.labels, _MOST_PICTURES, seed)
            if known is not None:
                features.append(known[place].values[known[place].rows[0][rows]])
            else:
                features.append(_computed(network, part.at(rows)))
        return learn_familiar(*features)

    return measured


def _computed(network: LiteRTFeatures, part: Part) -> NDArray[np.float32]:
    parts = [features for pixels in part.batches() for _, features in network.batches(pixels)]
    return np.concatenate([np.empty((0, network.width), np.float32), *parts])
