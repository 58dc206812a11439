"""Label smoothing that acts on what is trained on, and on nothing that is measured.

Keras's `label_smoothing` is a part of the loss: the validation loss is then smoothed as well, and
means another thing than that of a phase, or a training, without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from imgclf.config.choices import LabelMode
from imgclf.config.label_modes import FOCAL_LOSSES
from imgclf.config.output_head import Head

if TYPE_CHECKING:
    from imgclf.backend import keras

# As `Model.compute_loss`, by position.
_Loss: TypeAlias = Callable[[Any, Any, Any, Any], Any]


def smooth_labels(model: keras.Model, amount: float, head: Head) -> None:
    """Has a model learn from labels that are not quite sure; to be called before `fit`.

    Targets become (1 - a) y + a / classes; of the two answers of a sigmoid unit, where there is one
    for each class. (Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision,
    section 7.)

    Args:
        model: Compiled with the loss of the head, and ends in its output.
        amount: a, from 0 to below 1.
        head: Whose loss is a cross-entropy, focal or not, without a `label_smoothing` of its own.
    """
    if amount == 0:
        return
    answers_each = head.label_mode == "multi_label"
    plain, classes = model.compute_loss, 2 if answers_each else max(2, model.output_shape[-1])
    smooth = _focal if head.loss.name in FOCAL_LOSSES else _cross_entropy
    smoothed = smooth(plain, amount, head.label_mode, classes)

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if training:
            return smoothed(x, y, y_pred, sample_weight)
        return plain(x, y, y_pred, sample_weight, training=False)

    model.compute_loss = compute_loss


def _focal(plain: Any, amount: float, label_mode: LabelMode, classes: int) -> _Loss:
    """Of smoothed labels, which are floats already: it is not linear in them."""

    def loss(x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        return plain(x, (1 - amount) * y + amount / classes, y_pred, sample_weight)

    return loss


def _cross_entropy(plain: Any, amount: float, label_mode: LabelMode, classes: int) -> _Loss:
    """The loss grows by a times the difference between the even distribution's and the label's."""
    from imgclf.backend import keras

    def loss(x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        if label_mode in ("binary", "multi_label"):
            entropy, sure = keras.losses.binary_crossentropy, keras.ops.cast(y, y_pred.dtype)
        else:
            entropy, sure = keras.losses.categorical_crossentropy, y
            if label_mode == "int":
                sure = keras.ops.one_hot(y, classes, dtype=y_pred.dtype)
        even = keras.ops.full_like(y_pred, 1 / classes)
        grown = entropy(even, y_pred) - entropy(sure, y_pred)
        if sample_weight is not None:
            grown = grown * keras.ops.cast(sample_weight, grown.dtype)
        return plain(x, y, y_pred, sample_weight) + amount * keras.ops.mean(grown)

    return loss
