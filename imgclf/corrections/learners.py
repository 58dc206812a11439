"""Which learner a model is corrected by: one without Keras where that can write the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgclf.corrections.replay_memory import ReplayMemory
from imgclf.corrections.split_learner import SplitLearner, split_learner
from imgclf.data.decoder import Pixels
from imgclf.model_file.classifier import Classifier
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.corrections.keras_learner import KerasLearner


def open_learner(
    path: Path,
    classifier: Classifier,
    memory: ReplayMemory,
    max_drop: float | None,
    samples: Pixels,
) -> SplitLearner | KerasLearner:
    """What learns corrections by neurons, and writes them.

    Args:
        path: The model file.
        classifier: It, opened.
        memory: Pictures to stay silent on and to be judged by.
        max_drop: As `Learner` takes it.
        samples: As `KerasLearner` takes them.

    Raises:
        ModelFileError: The model can't be corrected, or is damaged.
    """
    split = split_learner(path, classifier.manifest, classifier.engine, memory, max_drop)
    if split is not None:
        return split
    console.note(f"{path}: starting TensorFlow, which takes seconds: it can't be corrected without")
    return open_in_keras(path, classifier, memory, max_drop, samples)


def open_in_keras(
    path: Path,
    classifier: Classifier,
    memory: ReplayMemory,
    max_drop: float | None,
    samples: Pixels,
) -> KerasLearner:
    """For what can't be learned, or not be written, without Keras, whose import takes seconds.

    Args and errors are those of `open_learner`.
    """
    from imgclf.corrections.keras_learner import KerasLearner
    from imgclf.model_file.keras_io import load_keras_model

    model = load_keras_model(path)
    return KerasLearner(path, classifier.manifest, model, memory, max_drop, samples)
