"""Networks as they are trained and published, on a pretrained network where one is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imgclf.config.choices import Precision
from imgclf.config.network import Network
from imgclf.data.augmenting import Augmenting
from imgclf.errors import UsageError
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.backend import keras


@dataclass(frozen=True)
class TrainedWeights:
    """What a training is for.

    Attributes:
        arrays: As from `get_weights()`.
        head_only: They are those of what stands on the pretrained network, which is as it came.
        cut: They are those of what lies above this cut, and what lies below is as it came; None if
            they are of all.
    """

    arrays: list[Any]
    head_only: bool = False
    cut: int | None = None


def build_network(
    network: Network, augmenting: Augmenting | None = None, precision: Precision = "float32"
) -> keras.Model:
    """See `build_model`; a declared backbone is there with its own weights.

    Raises:
        ConfigError: Something that Keras refuses, or a backbone that can't be had.
    """
    from imgclf.model.build import build_model
    from imgclf.model.chain import computing_in

    if network.backbone is None:
        return build_model(network, augmenting, precision)
    from imgclf.backbones.build import build_backbone

    with computing_in(precision):
        backbone = build_backbone(network.backbone, network.image_size, network.file)
    return build_model(network, augmenting, precision, backbone)


def published_network(network: Network, weights: TrainedWeights) -> keras.Model:
    """A network built anew with the weights to publish.

    So that the optimizer's moments, twice the size of the weights, stay out of the file, and
    augmentation that the source did is in it again.

    Raises:
        ConfigError: The backbone can't be had any more.
        UsageError: The weights are not all numbers.
    """
    from imgclf.backbones.cut import upper_part
    from imgclf.model.build import set_head_weights

    if not all(np.isfinite(array).all() for array in weights.arrays):
        raise UsageError(
            "no epoch of this training left weights that are all numbers, so nothing is published",
            "start over with a lower learning rate: --set training.optimizer.learning_rate=... "
            "--fresh",
        )
    model = build_network(network)
    if weights.head_only:
        set_head_weights(model, weights.arrays)
    elif weights.cut is not None:
        upper_part(model, weights.cut).set_weights(weights.arrays)
    else:
        model.set_weights(weights.arrays)
    return model


def show_summary(model: keras.Model) -> None:
    """Its layers, as Keras lists them."""
    model.summary(print_fn=lambda line, line_break=True: console.note(line))
