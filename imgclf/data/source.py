"""The stream of batches that training, validation and scoring read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgclf.config.choices import LabelMode
from imgclf.data.augmenting import Augmenting
from imgclf.data.batch_share import WHOLE, Share
from imgclf.data.mixing import Mixing
from imgclf.errors import ImgclfError

if TYPE_CHECKING:
    import tensorflow as tf

_MIXING = 1  # ends the seed of what is drawn to mix, beside what is drawn to augment


def encode_labels(
    labels: NDArray[np.int64], label_mode: LabelMode, num_classes: int
) -> NDArray[Any]:
    """Labels as a loss wants them.

    Args:
        labels: Class indices, shape (pictures,); 0 or 1 for each class, shape (pictures, classes),
            where pictures may have several.
        label_mode: As in `keras.utils.image_dataset_from_directory`: "binary" gives float32 of
            shape (pictures, 1), "int" int64 of shape (pictures,), "categorical" one-hot float32
            of shape (pictures, classes); "multi_label" gives float32 of that shape.
        num_classes: How many classes there are.
    """
    if label_mode == "binary":
        return labels.astype(np.float32)[:, np.newaxis]
    if label_mode == "multi_label":
        return labels.astype(np.float32)
    if label_mode == "categorical":
        return np.eye(num_classes, dtype=np.float32)[labels]
    return labels


class Values(Protocol):
    """What rows are read from: an array, memory-mapped or not, or `OnDemand`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[Any]:
        """These rows."""


@dataclass(frozen=True)
class Examples:
    """What there is to train on or to judge by.

    Attributes:
        values: Of any shape (rows, ...) and dtype: decoded pictures, or features of them.
        rows: Which rows take part, shape (examples,).
        labels: Encoded, shape (examples, ...).
        fingerprint: Changes when the values or the labels do; kept in each commit.
        weights: How much each counts in the loss, float32, shape (examples,); None for 1 each.
        drawn_evenly: The class of each, shape (examples,), where each class is drawn as often in an
            epoch as the largest; None where each example is drawn once.
    """

    values: Values
    rows: NDArray[np.int64]
    labels: NDArray[Any]
    fingerprint: str = ""
    weights: NDArray[np.float32] | None = None
    drawn_evenly: NDArray[np.int64] | None = None

    @property
    def drawn(self) -> int:
        """How many an epoch has."""
        return len(self.rows) if self.drawn_evenly is None else evenly_drawn(self.drawn_evenly)


@contextmanager
def failures_as_they_were(*sources: Source | None) -> Iterator[None]:
    """Raises what failed in a source, not what TensorFlow makes of it."""
    try:
        yield
    except ImgclfError:
        raise
    except Exception:
        failures = [one.failure for one in sources if one is not None and one.failure is not None]
        if failures:
            raise failures[0] from None
        raise


class Source:
    """Batches of examples with their labels, and weights if they have any, as a `tf.data.Dataset`.

    Single examples are shuffled, anew each epoch, by a permutation that is a function of the seed
    and the epoch alone, and pictures augmented by what is a function of these and of the batch,
    so that a resumed training sees what it would have seen.

    Args:
        examples: All of them.
        batch_size: Examples in a batch; the last one may be smaller.
        shuffle_seed: None keeps the order of the examples.
        augmenting: Augments each batch of pictures; drawn by the shuffle seed, which must be given
            then.
        share: What this process reads of each batch. Examples at the end of an epoch that don't
            divide among the devices are left out, by all processes the same.
        mixing: Mixes pictures of a batch, labels and weights with them, once they are augmented;
            drawn by the same seed. The labels are no class numbers then.

    Attributes:
        fingerprint: That of the examples.
        epoch: Set before each epoch; chooses the permutation.
        first_batch: Batches of that epoch to leave out, because a resumed training has had them.
        failure: What kept a batch from being made, if TensorFlow complains of one.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        shuffle_seed: int | None = None,
        augmenting: Augmenting | None = None,
        share: Share = WHOLE,
        mixing: Mixing | None = None,
    ) -> None:
        self._values, self._rows = examples.values, examples.rows
        self._labels, self._weights = examples.labels, examples.weights
        self._drawn_evenly = examples.drawn_evenly
        self.fingerprint = examples.fingerprint
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._augmenting = augmenting
        self._mixing = mixing
        # Of the latest epoch, for of a large data set it takes a second.
        self._order: tuple[int | None, NDArray[np.int64]] = (None, np.arange(len(self._rows)))
        self._share = share
        self._usable = share.usable(examples.drawn)
        self.epoch = 0
        self.first_batch = 0
        self.failure: Exception | None = None

    @property
    def num_batches(self) -> int:
        """Batches in a whole epoch."""
        return -(-self._usable // self._batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Positions in `rows` in the order in which that epoch sees them, shape (drawn,)."""
        known, order = self._order
        if self._shuffle_seed is not None and known != epoch:
            random = np.random.default_rng([self._shuffle_seed, epoch])
            if self._drawn_evenly is None:
                order = random.permutation(len(self._rows))
            else:
                order = random.permutation(_evenly(self._drawn_evenly, random))
            self._order = epoch, order
        return order

    def batch(self, epoch: int, number: int) -> tuple[NDArray[Any], ...]:
        """One batch: values of shape (batch, ...), their labels, and their weights if any."""
        start = number * self._batch_size
        whole = self.order(epoch)[: self._usable][start : start + self._batch_size]
        own = self._share.of(np.arange(len(whole)))
        if self._mixing is None or self._shuffle_seed is None:
            return self._read(whole, own, epoch, number)
        random = np.random.default_rng([self._shuffle_seed, epoch, number, _MIXING])
        # Drawn for all of the batch, and partners may be what another process reads.
        mixture = self._mixing.draw(random, len(whole), *self._values.shape[1:3]).of(own)
        needed, places = np.unique(np.concatenate([own, mixture.partners]), return_inverse=True)
        values, *beside = self._read(whole, needed, epoch, number)
        ours, others = places[: len(own)], places[len(own) :]
        pictures = mixture.pictures(values[ours], values[others])
        return pictures, *(mixture.numbers(one[ours], one[others]) for one in beside)

    def _read(
        self, whole: NDArray[np.int64], chosen: NDArray[np.int64], epoch: int, number: int
    ) -> tuple[NDArray[Any], ...]:
        """Those of a whole batch that are chosen, augmented, with what stands beside them."""
        positions = whole[chosen]
        values = self._values[self._rows[positions]]
        if self._augmenting is not None and self._shuffle_seed is not None:
            # Drawn for all of the batch, so that each process finds its own among them.
            random = np.random.default_rng([self._shuffle_seed, epoch, number])
            drawn = self._augmenting.draw(random, len(whole), *values.shape[1:3])
            values = self._augmenting.apply(values, [drawn[one] for one in chosen])
        return values, *(one[positions] for one in self._beside())

    def batches(self) -> Iterator[tuple[NDArray[Any], ...]]:
        """One epoch."""
        for number in range(self.first_batch, self.num_batches):
            yield self.batch(self.epoch, number)

    def dataset(self) -> tf.data.Dataset:
        """The batches as a dataset; each iteration over it reads `epoch` anew.

        Several batches are made at once, in threads, and come in their order.
        """
        import tensorflow as tf

        numbers = tf.data.Dataset.from_generator(
            lambda: ((self.epoch, batch) for batch in range(self.first_batch, self.num_batches)),
            output_signature=(tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.int64)),
        )
        arrays = [self._values, *self._beside()]
        dtypes = [tf.as_dtype(one.dtype) for one in arrays]

        def make(epoch: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, ...]:
            batch = tf.numpy_function(self._batch_or_failure, (epoch, number), dtypes)
            for tensor, array in zip(batch, arrays, strict=True):
                tensor.set_shape((None, *array.shape[1:]))
            return tuple(batch)

        dataset = numbers.map(make, num_parallel_calls=os.cpu_count()).prefetch(2)
        # In TensorFlow 2.21 the thread that tunes misses now and then that an epoch is over, and
        # the next one waits idly until the thread wakes: as long as half an epoch or a whole one.
        options = tf.data.Options()
        options.autotune.enabled = False
        dataset = dataset.with_options(options)
        # Keras must be told the length, or it warns after the first epoch and draws no bar. Not
        # by assert_cardinality: the first epoch of a resumed training is rightly shorter.
        dataset.cardinality = lambda: tf.constant(self.num_batches, tf.int64)
        return dataset

    def _beside(self) -> list[NDArray[Any]]:
        """What there is of each example beside its values."""
        return [self._labels] if self._weights is None else [self._labels, self._weights]

    def _batch_or_failure(self, epoch: np.int64, number: np.int64) -> tuple[NDArray[Any], ...]:
        try:
            return self.batch(int(epoch), int(number))
        except Exception as error:
            self.failure = error  # TensorFlow raises another one, in its own words
            raise


def evenly_drawn(classes: NDArray[np.int64]) -> int:
    """How many are drawn if each of these classes is drawn as often as the largest."""
    counts = np.bincount(classes)
    return int(counts.max() * np.count_nonzero(counts))


def _evenly(classes: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Positions, those of each class as often as the largest has: each example about as often."""
    largest, drawn = np.bincount(classes).max(), []
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        times, rest = divmod(largest, len(members))
        drawn += [np.tile(members, times), random.choice(members, rest, replace=False)]
    return np.concatenate(drawn)
