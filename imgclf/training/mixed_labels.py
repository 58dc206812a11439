"""Metrics of pictures that are part one class and part another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgclf.config.keras_names import MIXING
from imgclf.config.network import Network

if TYPE_CHECKING:
    from imgclf.backend import keras


def measure_by_larger_part(model: keras.Model, network: Network) -> None:
    """Has metrics take a mixed picture for one of the class that most of it is.

    Keras's compare labels as numbers, so that an answer to a label of 0.7 is never right. The loss
    takes them as they are. Changes nothing where nothing is mixed.

    Args:
        model: Compiled.
        network: What it was built from.
    """
    if not any(spec.name in MIXING for spec in network.augmentation):
        return
    from imgclf.backend import keras

    plain, binary = model.compute_metrics, network.head.label_mode == "binary"

    def compute_metrics(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        ops = keras.ops
        if binary:
            whole = ops.cast(y > 0.5, y.dtype)
        else:
            whole = ops.one_hot(ops.argmax(y, axis=-1), y.shape[-1], dtype=y.dtype)
        return plain(x, whole, y_pred, sample_weight=sample_weight)

    model.compute_metrics = compute_metrics
