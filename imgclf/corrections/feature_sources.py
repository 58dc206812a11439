"""Where the features to remember and to judge by come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.corrections.augmented_copies import light_copies
from imgclf.corrections.feature_memory import (
    DIGEST,
    FeatureMemory,
    LabelledFeatures,
    load_features,
    pixels_digest,
    save_features,
)
from imgclf.corrections.replay_memory import ReplayMemory, Samples, save_memory
from imgclf.data.decoder import Pixels
from imgclf.model.engine import LiteRTFeatures
from imgclf.model_file.manifest import Manifest

# In place of a training picture, which a network that was fine-tuned has by heart: measured in
# docs/retraining.md.
_COPIES = 4


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

    The latter takes some forty milliseconds for each picture, once. So it is where the training was
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
    training = _features(pictures.replay, classes, network, _copies)
    judge = _features(pictures.judge, classes, network, _itself)
    if not training or not judge or manifest.features_sha256 is None:
        return None
    memory = FeatureMemory(
        training, judge, manifest.features_sha256, manifest.class_names[:classes]
    )
    return FoundFeatures(memory, is_new=True, pictures=pictures if is_new else None)


def _itself(picture: Pixels) -> Pixels:
    return picture[np.newaxis]


def _copies(picture: Pixels) -> Pixels:
    return light_copies(picture, _COPIES)[1:]


def _features(
    samples: Samples, classes: int, network: LiteRTFeatures, views: Callable[[Pixels], Pixels]
) -> LabelledFeatures:
    """Of pictures of the first so many classes, as they are seen in some views."""
    mine = np.flatnonzero(samples.labels < classes)
    values = [np.empty((0, network.width), np.float16)]
    digests, labels = [], []
    for row in mine.tolist():
        picture = samples.pixels[row]
        values.append(network.run(views(picture))[1].astype(np.float16))
        digests += [bytes.fromhex(pixels_digest(picture))] * len(values[-1])
        labels += [samples.labels[row]] * len(values[-1])
    return LabelledFeatures(
        np.concatenate(values),
        np.array(labels, np.int64),
        np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST),
    )
