"""Features of pictures by a network as it came, whatever was made of it since."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgclf.backbones.feature_store import Features
from imgclf.backbones.features import compute_features
from imgclf.backbones.graphs import features_network
from imgclf.config.backbone import LITE, Backbone, default_image_size
from imgclf.config.choices import Resize
from imgclf.config.loaded import ConfigFile
from imgclf.data.dataset import Part
from imgclf.data.decoder import DecoderSettings
from imgclf.data.on_demand import OnDemand
from imgclf.data.picture_files import Picture
from imgclf.work_folders import CACHE_DIRECTORY

DEFAULT = Backbone(name=LITE[0])
"""What pictures are looked at with where nobody says: its weights come with imgclf."""


def features_as_it_came(
    pictures: Sequence[Picture],
    resize: Resize,
    declared: Backbone = DEFAULT,
    image_size: tuple[int, int] | None = None,
    cache_directory: Path = CACHE_DIRECTORY,
) -> Features:
    """Features of pictures that can be decoded; those that are known already are not read again.

    Args:
        pictures: In any order.
        resize: How one of another shape is fitted.
        declared: The network.
        image_size: (height, width) that it is given; None for its own.
        cache_directory: Where features are kept.

    Returns:
        float16, shape (pictures, features).

    Raises:
        ConfigError: The network or its weights can't be had.
        DataError: A picture can't be read any more.
        WriteError: The cache can't be written.
    """
    if image_size is None:
        side = default_image_size(declared.name)
        if side is None:
            raise ValueError("a model file has no size of its own; give one")
        image_size = side, side
    height, width = image_size
    settings = DecoderSettings(height, width, resize)
    network = features_network(declared, (height, width), ConfigFile(Path(declared.name), {}))
    count = len(pictures)
    part = Part(
        tuple(pictures),
        OnDemand(pictures, settings),
        rows=np.arange(count),
        labels=np.array([picture.label for picture in pictures], np.int64),
    )
    found = compute_features(network, part, settings, cache_directory=cache_directory)
    return np.asarray(found.values[found.rows[0]])
