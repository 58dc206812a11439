"""Leaving untrained what fine-tuning leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgclf.config.network import Network
from imgclf.errors import nearest_match

if TYPE_CHECKING:
    from imgclf.backend import keras


def freeze_below(model: keras.Model, first: int | str, network: Network) -> None:
    """Leaves untrained what fine-tuning leaves alone.

    Batch normalization above all: with the statistics of small batches much of what fine-tuning
    gains is lost.

    Args:
        model: On a backbone.
        first: "all", the first layer of the backbone that is trained, or how many of its last
            layers are.
        network: What it was built from.

    Raises:
        ConfigError: There is no such layer.
    """
    from imgclf.backend import keras
    from imgclf.model.layer_names import FEATURES

    names = [layer.name for layer in model.layers]
    end = names.index(FEATURES)
    if first == "all":
        begin = 0
    elif isinstance(first, int):
        begin = max(0, end - first)
    elif first in names[:end]:
        begin = names.index(first)
    else:
        raise network.file.refusal(
            "training.fine_tune.from",
            "the backbone has no layer of this name",
            received=first,
            allowed="all, how many of its last layers, or the name of one of them",
            nearest=nearest_match(first, names[:end]),
        )
    for place, layer in enumerate(model.layers):
        if place < begin or (isinstance(layer, keras.layers.BatchNormalization) and place < end):
            layer.trainable = False
