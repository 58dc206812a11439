"""Answers as if all classes were equally frequent, from a network that learned them as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def adjusted_bias(
    bias: NDArray[np.float32], amount: float, labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The bias of an output that is less sure of what is frequent.

    Of each logit the logarithm of the class's share of the pictures is taken away (Menon et al.
    2021, Long-Tail Learning via Logit Adjustment, equation 9; of probabilities this is a division,
    as Saerens et al. 2002 adjust to other frequencies). Weights in the loss change little where a
    network comes to fit all its pictures anyway (Byrd and Lipton 2019); this changes it all the
    same, and costs no training.

    Args:
        bias: Of the output, shape (units,): one for each class, or one for the second of two.
        amount: What the logarithm is multiplied by: 0 for nothing, 1 for even frequencies.
        labels: Of the training pictures: class indices, shape (pictures,).
    """
    counts = np.maximum(np.bincount(labels, minlength=max(2, len(bias))), 1)
    shift = amount * np.log(counts / counts.sum())
    if len(bias) == 1:
        shift = shift[1:] - shift[:1]
    moved: NDArray[np.float32] = (bias - shift).astype(np.float32)
    return moved
