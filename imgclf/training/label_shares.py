"""Where sigmoid units begin that answer one label each: at how many pictures have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.config.output_head import Head

if TYPE_CHECKING:
    from imgclf.backend import keras


def begin_at_label_shares(model: keras.Model, labels: NDArray[np.int64], head: Head) -> None:
    """Has a network that knows nothing say of each label how many pictures have it.

    Else it says one half of all, and learns for epochs on end that most pictures lack most labels.
    (Lin et al. 2017, Focal Loss for Dense Object Detection, section 3.3.) A bias that the config
    declares stays.

    Args:
        model: Ends in the output of the head.
        labels: Of the training pictures: 0 or 1 for each class, if they may have several.
        head: Says whether they may.
    """
    declared = head.output.arguments
    if head.label_mode != "multi_label" or not declared.get("use_bias", True):
        return
    if "bias_initializer" in declared:
        return
    have = labels.sum(axis=0) + 0.5  # a label that all have, or none, is not sure of it
    output: Any = model.layers[-1]
    output.bias.assign(np.log(have / (len(labels) + 1 - have)).astype(np.float32))
