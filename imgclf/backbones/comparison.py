"""How pretrained networks do on a data set, each by a linear head on its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import compute_features
from imgclf.backbones.graphs import features_network
from imgclf.backbones.speed import seconds_a_picture
from imgclf.config.loaded import LoadedConfig
from imgclf.data.dataset import DataSet
from imgclf.model.intervals import Interval, wilson
from imgclf.model.logistic_regression import fit_logistic_regression, standardized
from imgclf.model.paired_test import CHANCE, either_way
from imgclf.system import console


@dataclass(frozen=True)
class Candidate:
    """A pretrained network, and how a linear head on its features does.

    Attributes:
        backbone: By the name that a config gives it.
        image_size: (height, width) in pixels of the pictures that it sees.
        right: Which of the held-out pictures the head has right, shape (pictures,).
        seconds: For the features of a picture on one core; None if LiteRT can't run it.
        graph_bytes: Of its LiteRT graph; None likewise.
        tied: Whether the held-out pictures don't tell it from the most accurate one.
    """

    backbone: str
    image_size: tuple[int, int]
    right: NDArray[np.bool_]
    seconds: float | None
    graph_bytes: int | None
    tied: bool = False

    @property
    def accuracy(self) -> float:
        """Between 0 and 1."""
        return float(self.right.mean())

    @property
    def interval(self) -> Interval:
        """Where the true accuracy lies with 95 % confidence."""
        return wilson(int(self.right.sum()), len(self.right))

    @property
    def model_bytes(self) -> int | None:
        """About how large a model file on it is: its weights as Keras keeps them, and its graph."""
        return None if self.graph_bytes is None else 2 * self.graph_bytes


def judge(loaded: LoadedConfig, data: DataSet) -> Candidate:
    """Fits a linear head to the features of the training pictures; judges it by the held-out.

    Args:
        loaded: A config with a backbone.
        data: Its data set.

    Raises:
        ConfigError: The network or its weights can't be had.
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    backbone, size = loaded.config.model.backbone, loaded.config.data.image_size
    assert backbone is not None
    network = features_network(backbone, size, loaded.file)
    parts = [compute_features(network, part, data.settings) for part in data.parts[:2]]
    # No label has a part in it, so those that are judged may be among them.
    features = standardized(np.concatenate([part.values[part.rows[0]] for part in parts]))
    count = len(data.training)
    with console.track(f"fitting a head to the features of {network.name}"):
        head = fit_logistic_regression(
            features[:count], data.training.labels, len(data.folder.class_names)
        )
    right = head.logits(features[count:]).argmax(axis=1) == data.validation.labels
    if network.graph is None:
        return Candidate(backbone.name, size, right, None, None)
    return Candidate(
        backbone.name, size, right, seconds_a_picture(network.graph), len(network.graph)
    )


def with_ties(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The most accurate first; each says whether it can be told from that one."""
    ranked = sorted(candidates, key=lambda one: -one.accuracy)
    best = ranked[0].right
    return [replace(one, tied=_may_be_chance(best, one.right)) for one in ranked]


def _may_be_chance(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    return either_way(only_one, only_other) >= CHANCE
