"""What a model that was just trained knows: the features of some of its pictures, measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import PartFeatures
from imgclf.corrections.replay_memory import balanced_rows
from imgclf.data.dataset import DataSet, Part
from imgclf.model.engine import LiteRTFeatures
from imgclf.model.familiar import Familiar, learn_familiar

_MOST_PICTURES = 1000
"""Of a part: more made no difference, and a network of its own has to look at them."""


@dataclass
class FeaturesOfSome:
    """Features of some pictures of a data set, balanced over the classes, once there is a graph.

    Attributes:
        data: What a model was trained on.
        seed: Of the choice of pictures.
        known: Features of the training and the validation pictures, if there are any already.
        seen: Of the training and the validation pictures those chosen, by their places in the
            part, and their features, shape (pictures, features); None until `familiar` was called.
    """

    data: DataSet
    seed: int
    known: tuple[PartFeatures, PartFeatures] | None
    seen: list[tuple[NDArray[np.int64], NDArray[np.floating]]] | None = None

    def familiar(self, network: LiteRTFeatures) -> Familiar | None:
        """What features are familiar to the model.

        Args:
            network: The graph that makes its features.
        """
        seen = list[tuple[NDArray[np.int64], NDArray[np.floating]]]()
        for place, part in enumerate((self.data.training, self.data.validation)):
            rows = balanced_rows(part.first_labels, _MOST_PICTURES, self.seed)
            if self.known is not None:
                known = self.known[place]
                seen.append((rows, known.values[known.rows[0][rows]]))
            else:
                seen.append((rows, _computed(network, part.at(rows))))
        self.seen = seen
        return learn_familiar(*(features for _, features in seen))


def _computed(network: LiteRTFeatures, part: Part) -> NDArray[np.float32]:
    parts = [features for pixels in part.batches() for _, features in network.batches(pixels)]
    return np.concatenate([np.empty((0, network.width), np.float32), *parts])
