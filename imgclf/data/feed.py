"""The stream of batches that training, validation and scoring read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.data.share import WHOLE, Share

if TYPE_CHECKING:
    import tensorflow as tf

LabelMode = Literal["binary", "int", "categorical"]


def encode_labels(
    labels: NDArray[np.int64], label_mode: LabelMode, num_classes: int
) -> NDArray[Any]:
    """Labels as a loss wants them.

    Args:
        labels: Class indices, shape (pictures,).
        label_mode: As in `keras.utils.image_dataset_from_directory`: "binary" gives float32 of
            shape (pictures, 1), "int" int64 of shape (pictures,), "categorical" one-hot float32
            of shape (pictures, classes).
        num_classes: How many classes there are.
    """
    if label_mode == "binary":
        return labels.astype(np.float32)[:, np.newaxis]
    if label_mode == "categorical":
        return np.eye(num_classes, dtype=np.float32)[labels]
    return labels


class Feed:
    """Batches of decoded pictures with their labels, as a `tf.data.Dataset`.

    Individual pictures are shuffled, anew each epoch, by a permutation that is a function of
    the seed and the epoch alone, so that a resumed training sees what it would have seen.

    Args:
        pixels: uint8, shape (rows, height, width, 3); may be memory-mapped.
        rows: Which rows of `pixels` take part, shape (pictures,).
        labels: Encoded labels of these rows, shape (pictures, ...).
        batch_size: Pictures in a batch; the last one may be smaller.
        shuffle_seed: None keeps the order of `rows`.
        share: What this process reads of each batch. Pictures at the end of an epoch that don't
            divide among the devices are left out, by all processes the same.

    Attributes:
        epoch: Set before each epoch; chooses the permutation.
        first_batch: Batches of that epoch to leave out, because a resumed training has had them.
    """

    def __init__(
        self,
        pixels: Pixels,
        rows: NDArray[np.int64],
        labels: NDArray[Any],
        batch_size: int,
        shuffle_seed: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        self._pixels = pixels
        self._rows = rows
        self._labels = labels
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._share = share
        self._usable = share.usable(len(rows))
        self.epoch = 0
        self.first_batch = 0

    @property
    def num_batches(self) -> int:
        """Batches in a whole epoch."""
        return -(-self._usable // self._batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Positions in `rows` in the order in which that epoch sees them, shape (pictures,)."""
        if self._shuffle_seed is None:
            return np.arange(len(self._rows))
        return np.random.default_rng([self._shuffle_seed, epoch]).permutation(len(self._rows))

    def batches(self) -> Iterator[tuple[NDArray[np.float32], NDArray[Any]]]:
        """One epoch: float32 pictures of shape (batch, height, width, 3) with their labels."""
        order = self.order(self.epoch)[: self._usable]
        for batch in range(self.first_batch, self.num_batches):
            whole = order[batch * self._batch_size : (batch + 1) * self._batch_size]
            positions = self._share.of(whole)
            pictures = self._pixels[self._rows[positions]]
            yield pictures.astype(np.float32), self._labels[positions]

    def dataset(self) -> tf.data.Dataset:
        """The batches as a dataset; each iteration over it reads `epoch` anew."""
        import tensorflow as tf

        height, width = self._pixels.shape[1:3]
        signature = (
            tf.TensorSpec((None, height, width, 3), tf.float32),
            tf.TensorSpec((None, *self._labels.shape[1:]), tf.as_dtype(self._labels.dtype)),
        )
        dataset = tf.data.Dataset.from_generator(self.batches, output_signature=signature)
        dataset = dataset.prefetch(2)
        # Keras must be told the length, or it warns after the first epoch and draws no bar. Not
        # by assert_cardinality: the first epoch of a resumed training is rightly shorter.
        dataset.cardinality = lambda: tf.constant(self.num_batches, tf.int64)
        return dataset
