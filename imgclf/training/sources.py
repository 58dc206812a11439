"""What a phase trains on and what it is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgclf.data.augmenting import Augmenting
from imgclf.data.dataset import DataSet
from imgclf.data.mixing import Mixing
from imgclf.data.source import Examples, Source
from imgclf.training.role import Role
from imgclf.training.settings import TrainingSettings


def sources_of(
    examples: tuple[Examples, Examples],
    data: DataSet,
    settings: TrainingSettings,
    role: Role,
    augmenting: Augmenting | None = None,
    mixing: Mixing | None = None,
) -> tuple[Source, Source]:
    """Batches of a phase's examples: to train on, and to validate on as they are.

    Args:
        examples: Of the training and of the validation pictures; of the former in one view after
            another, if there are several.
        data: The pictures.
        settings: How large batches are, and what makes up for classes of different sizes.
        role: What this process reads of each batch.
        augmenting: What is done to pictures that are trained on in place of augmentation layers.
        mixing: What mixes them.
    """
    training, validation = examples
    size, share = settings.settled.batch_size, role.share
    if data.training.labels.ndim == 1:  # of several labels for a picture none makes up for others
        labels: NDArray[np.int64] = np.resize(data.training.labels, len(training.rows))
        training = settings.balance.of(training, labels, data.folder.class_names)
    return (
        Source(training, size, settings.seed, augmenting, share, mixing),
        Source(validation, size, share=share),
    )
