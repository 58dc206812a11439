"""Where units begin that answer one label each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.output_head import Head
from imgclf.config.spec import Spec
from imgclf.training.label_shares import begin_at_label_shares

LABELS = np.array([[1, 0], [1, 0], [0, 0], [1, 0]])


def begun(label_mode: Any, **declared: Any) -> Any:
    output = Spec(name="Dense", arguments={"units": 2, "activation": "sigmoid", **declared})
    layer = keras.layers.Dense(2, "sigmoid", use_bias=declared.get("use_bias", True))
    model = keras.Sequential([keras.Input((3,)), layer])
    before = model.get_weights()
    begin_at_label_shares(model, LABELS, Head(output, Spec(name="BinaryCrossentropy"), label_mode))
    assert model.get_weights()[0].tobytes() == before[0].tobytes()
    return model.layers[-1].bias


def test_a_network_that_knows_nothing_says_how_many_pictures_have_each_label() -> None:
    bias = np.asarray(begun("multi_label"))
    assert 1 / (1 + np.exp(-bias)) == pytest.approx([3.5 / 5, 0.5 / 5])


def test_a_bias_that_is_declared_stays() -> None:
    assert not np.asarray(begun("multi_label", bias_initializer=Spec(name="Zeros"))).any()
    assert begun("multi_label", use_bias=False) is None


def test_units_that_answer_together_begin_as_they_did() -> None:
    assert not np.asarray(begun("categorical")).any()
