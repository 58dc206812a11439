"""From what a network puts out to the probability of each class."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.errors import ModelFileError
from imgclf.model.activations import sigmoid, softmax

Activation = Literal["sigmoid", "softmax", "sigmoid_logits", "softmax_logits", "multi_label"]
Probabilities = NDArray[np.float64]

_TINY = np.finfo(np.float32).tiny


def activation_of(name: str | None, units: int) -> Activation:
    """How to read a network's outputs as probabilities, from how it ends.

    Args:
        name: Of the last activation, by Keras's names; None if the last layer has none to ask.
        units: How many numbers it puts out for a picture.

    Raises:
        ModelFileError: It ends as no classifier does.
    """
    if units == 1 and name in ("sigmoid", "linear"):
        return "sigmoid" if name == "sigmoid" else "sigmoid_logits"
    # The logarithms of probabilities are logits of these probabilities.
    if units > 1 and name in ("softmax", "linear", "log_softmax"):
        return "softmax" if name == "softmax" else "softmax_logits"
    raise ModelFileError(
        f"a classifier ends in 1 sigmoid unit or several softmax units; this model ends in "
        f"{'1 unit' if units == 1 else f'{units} units'} with activation {name}"
    )


def to_probabilities(
    outputs: NDArray[np.floating], head: Activation, temperature: float = 1.0
) -> Probabilities:
    """Probabilities of each class, float64, shape (pictures, classes), rows adding up to 1.

    Where a picture may have several labels they don't: each class is answered by itself.

    Args:
        outputs: What the network puts out: shape (pictures, 1) for a sigmoid head, which gives
            the probability of the second class; shape (pictures, classes) for a softmax head, and
            for a sigmoid unit for each class.
        head: How to read them; "logits" if the network ends before the activation.
        temperature: Divides the logits; over 1 makes the model less sure of itself, and never
            changes which class comes first. 1 leaves the network's own probabilities as they
            are. (Guo et al. 2017, On Calibration of Modern Neural Networks.)
    """
    values = outputs.astype(np.float64)
    if head == "multi_label":
        if temperature == 1.0:
            return values
        yes, no = (np.log(np.maximum(one, _TINY)) for one in (values, 1 - values))
        return sigmoid((yes - no) / temperature)
    if head in ("sigmoid", "sigmoid_logits"):
        second = values[:, :1] if head == "sigmoid" else sigmoid(values[:, :1])
        probabilities = np.concatenate([1 - second, second], axis=1)
    else:
        probabilities = values if head == "softmax" else softmax(values)
    if temperature == 1.0:
        return probabilities
    return softmax(np.log(np.maximum(probabilities, _TINY)) / temperature)
