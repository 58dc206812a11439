"""The stream of batches that `fit` reads."""

from __future__ import annotations

import numpy as np

from tests.support.tiny_training import sources


def test_a_dataset_gives_the_batches_of_its_epoch_in_their_order() -> None:
    training, _ = sources()
    dataset = training.dataset()
    for training.epoch in (0, 1):
        expected = list(training.batches())
        found = list(dataset.as_numpy_iterator())
        for (pictures, labels), (these, those) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(pictures, these)
            np.testing.assert_array_equal(labels, those)


def test_an_epoch_never_waits_for_a_thread_that_tunes() -> None:
    # Seen with TensorFlow 2.21: every third epoch began some seconds late, the machine idle.
    for source in sources():
        assert source.dataset().options().autotune.enabled is False
