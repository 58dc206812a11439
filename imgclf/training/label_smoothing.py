"""Label smoothing that acts on what is trained on, and on nothing that is measured.

Keras's `label_smoothing` is a part of the loss: the validation loss is then smoothed as well, and
means another thing than that of a phase without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgclf.config.choices import LabelMode

if TYPE_CHECKING:
    from imgclf.backend import keras


def smooth_labels(model: keras.Model, amount: float, label_mode: LabelMode) -> None:
    """Has a model learn from labels that are not quite sure; to be called before `fit`.

    With targets (1 - a) y + a / classes the cross-entropy grows by a times the difference between
    that of the even distribution and that of the label. (Szegedy et al. 2016, Rethinking the
    Inception Architecture for Computer Vision, section 7.)

    Args:
        model: Compiled with a cross-entropy; ends in one sigmoid or several softmax units.
        amount: a, from 0 to below 1.
        label_mode: The form of its labels.
    """
    from imgclf.backend import keras

    plain_loss, classes = model.compute_loss, max(2, model.output_shape[-1])

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = plain_loss(x, y, y_pred, sample_weight, training=training)
        if not training or amount == 0:
            return loss
        if label_mode == "binary":
            entropy, sure = keras.losses.binary_crossentropy, keras.ops.cast(y, y_pred.dtype)
        else:
            entropy, sure = keras.losses.categorical_crossentropy, y
            if label_mode == "int":
                sure = keras.ops.one_hot(y, classes, dtype=y_pred.dtype)
        even = keras.ops.full_like(y_pred, 1 / classes)
        return loss + amount * keras.ops.mean(entropy(even, y_pred) - entropy(sure, y_pred))

    model.compute_loss = compute_loss
