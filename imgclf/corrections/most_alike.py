"""Which of the training pictures that are kept beside a model are most like another picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.feature_memory import load_features
from imgclf.corrections.replay_memory import Samples, balanced_rows, load_memory
from imgclf.model.engine import SplitEngine
from imgclf.model_file.classifier import Classifier
from imgclf.model_file.pictures_seen import DIGEST_SIZE

COUNT: Final = 3
MOST: Final = 1000
"""Pictures that are compared with: a network may have to look at each."""

_ITSELF: Final = 0.9995
"""Features this near are those of the picture itself, which are kept as float16."""
_SHORTEST: Final = 1e-12


@dataclass(frozen=True)
class Neighbour:
    """A training picture that is like another one.

    Attributes:
        place: Among the known pictures.
        similarity: Cosine of the features, 1 for equal ones.
    """

    place: int
    similarity: float


@dataclass(frozen=True)
class KnownPictures:
    """Training pictures of a model, with their features.

    Attributes:
        samples: The pictures, as the network sees them.
        class_names: What their labels are indices into.
        units: Their features, scaled to unit length, shape (pictures, features).
    """

    samples: Samples
    class_names: tuple[str, ...]
    units: NDArray[np.float32]

    def most_alike(self, features: NDArray[np.floating]) -> list[list[Neighbour]]:
        """For each picture the `COUNT` that are most like it, itself left out.

        Args:
            features: Shape (pictures, features).
        """
        found = []
        for row in _unit(features) @ self.units.T:
            others = [place for place in np.argsort(-row)[: COUNT + 5] if row[place] < _ITSELF]
            found.append([Neighbour(int(place), float(row[place])) for place in others[:COUNT]])
        return found


def known_pictures(model: Path, classifier: Classifier) -> KnownPictures | None:
    """The training pictures that are kept beside a model to replay them, or some of them.

    Args:
        model: Its file.
        classifier: The model, ready to answer.

    Returns:
        None if there are none, or the model has no features.

    Raises:
        ModelFileError: What is kept is damaged, or the model's graph can't be run.
    """
    engine, manifest = classifier.engine, classifier.manifest
    if not isinstance(engine, SplitEngine):
        return None
    memory = load_memory(model)
    memory = None if memory is None else memory.for_model(manifest)
    if memory is None:
        return None
    samples = memory.replay.at(balanced_rows(memory.replay.labels, MOST, seed=0))
    features = load_features(model, manifest)
    kept: dict[bytes, int] = {}
    if features is not None and samples.digests is not None:
        digests = features.training.digests[:, :DIGEST_SIZE]
        kept = {digest.tobytes(): row for row, digest in enumerate(digests)}
    units = np.zeros((len(samples), engine.features.width), np.float32)
    missing = []
    for place in range(len(samples)):
        row = None if samples.digests is None else kept.get(samples.digests[place].tobytes())
        if row is None or features is None:
            missing.append(place)
        else:
            units[place] = features.training.values[row]
    for start in range(0, len(missing), 32):
        some = np.array(missing[start : start + 32], np.int64)
        units[some] = classifier.probabilities_and_features(samples.pixels_at(some))[1]
    return KnownPictures(samples, memory.class_names, _unit(units))


def _unit(features: NDArray[np.floating]) -> NDArray[np.float32]:
    rows = features.astype(np.float32)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: NDArray[np.float32] = rows / np.maximum(length, _SHORTEST)
    return unit
