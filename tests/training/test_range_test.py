"""The learning rate range test."""

from __future__ import annotations

import math

import pytest

from imgclf.backend import keras
from imgclf.training.range_test import HIGHEST, LOWEST, propose, range_test
from tests.support.tiny_training import small_model, sources


def test_the_rate_grows_from_step_to_step_until_the_loss_is_thrown_back() -> None:
    training, _ = sources()
    model = small_model(keras.optimizers.SGD())
    found = range_test(model, training, 60)
    assert len(found.rates) == len(found.losses) < 60  # pictures are not scaled: it soon is
    assert found.rates[0] == LOWEST
    growth = (HIGHEST / LOWEST) ** (1 / 59)
    ratios = [later / one for one, later in zip(found.rates, found.rates[1:], strict=False)]
    assert ratios == pytest.approx([growth] * len(ratios))
    assert found.losses[-1] > 2 * min(found.losses)
    assert all(map(math.isfinite, found.losses))


def test_a_tenth_of_the_rate_of_the_lowest_loss_is_proposed() -> None:
    rates = [1.2345 * 10 ** (place / 10 - 5) for place in range(40)]
    losses = [abs(place - 29) + 0.5 for place in range(40)]
    # Averages are the lowest nine steps after the loss itself: at 10 ** -3, of which a tenth.
    assert propose(rates, losses) == 1.2e-4
    assert propose([1e-6, 1e-5], [1.0, 2.0]) == LOWEST  # it never fell
    assert propose([], []) == LOWEST  # no loss was a number
