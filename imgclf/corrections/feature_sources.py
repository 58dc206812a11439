"""Where the features to remember and to judge by come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.corrections.feature_memory import (
    DIGEST,
    FeatureMemory,
    LabelledFeatures,
    load_features,
    pixels_digest,
    save_features,
)
from imgclf.corrections.replay_memory import ReplayMemory, Samples, save_memory
from imgclf.model.engine import LiteRTFeatures
from imgclf.model_file.manifest import Manifest


@dataclass(frozen=True)
class FoundFeatures:
    """Features of a model, and what is worth keeping beside it of how they were found.

    Attributes:
        is_new: Whether they were computed just now.
        pictures: That they are of; None if those are beside the model already.
    """

    memory: FeatureMemory
    is_new: bool = False
    pictures: ReplayMemory | None = None

    def keep(self, model: Path) -> None:
        """Writes what isn't there yet.

        Raises:
            WriteError: There is no room for it.
        """
        if self.is_new:
            save_features(model, self.memory)
        if self.pictures is not None:
            save_memory(model, self.pictures)


def find_features(
    model: Path, manifest: Manifest, network: LiteRTFeatures, directory: Path | None
) -> FoundFeatures | None:
    """Those that the training left, or of the pictures that `find_memory` finds.

    The latter takes some ten milliseconds for each picture, once. So it is where the training was
    one of the network itself.

    Args:
        model: The model file.
        manifest: Its manifest.
        network: Its features, running.
        directory: Whatever can be trained on; None for what is beside the model.

    Returns:
        None if there are none of the classes that the model was trained on.

    Raises:
        DataError: There are no pictures, or too few.
        ModelFileError: What lies beside the model is damaged.
    """
    memory = None if directory is not None else load_features(model, manifest)
    if memory is not None:
        return FoundFeatures(memory)
    # Reading a data set takes all that a config can say.
    from imgclf.corrections.replay_sources import find_memory

    pictures, is_new = find_memory(model, manifest, directory)
    classes = len(manifest.class_names) - manifest.new_classes
    training, judge = (
        _features(one, classes, network) for one in (pictures.replay, pictures.judge)
    )
    if not training or not judge or manifest.features_sha256 is None:
        return None
    memory = FeatureMemory(
        training, judge, manifest.features_sha256, manifest.class_names[:classes]
    )
    return FoundFeatures(memory, is_new=True, pictures=pictures if is_new else None)


def _features(samples: Samples, classes: int, network: LiteRTFeatures) -> LabelledFeatures:
    """Of pictures of the first so many classes."""
    mine = np.flatnonzero(samples.labels < classes)
    chosen = Samples(samples.pixels[mine], samples.labels[mine])
    values = [network.run(batch)[1].astype(np.float16) for batch in chosen.batches()]
    digests = b"".join(bytes.fromhex(pixels_digest(one)) for one in chosen.pixels)
    return LabelledFeatures(
        np.concatenate([np.empty((0, network.width), np.float16), *values]),
        chosen.labels,
        np.frombuffer(digests, np.uint8).reshape(-1, DIGEST),
    )
