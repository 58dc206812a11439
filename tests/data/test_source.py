"""The stream of batches that `fit` reads."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import pytest

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


@pytest.mark.slow
def test_no_epoch_waits_for_a_thread_that_tunes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen with TensorFlow 2.21: one epoch in six ended late, the machine idle.

    The tuning thread wakes 0.63 s after an epoch has begun, and then at 1.27 s. Of epochs of 0.7 s,
    those whose end it misses take until then.
    """
    training, _ = sources(batches=1)
    make = training.batch

    def slowly(epoch: int, number: int) -> Any:
        time.sleep(0.68)
        return make(epoch, number)

    monkeypatch.setattr(training, "batch", slowly)
    dataset = training.dataset()

    def latest() -> float:
        """By how much the slowest of 24 epochs took longer than the usual one."""
        seconds = []
        for _ in range(24):
            began = time.perf_counter()
            assert len(list(dataset)) == 1
            seconds.append(time.perf_counter() - began)
        return max(seconds) - statistics.median(seconds)

    # A busy machine makes epochs late too, but hardly three times in a row.
    assert any(latest() < 0.4 for _ in range(3))
