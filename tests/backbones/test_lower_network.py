"""What the lower part of a network makes of pictures, as it is kept."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from imgclf.backbones.graphs import FeaturesNetwork
from imgclf.backbones.lower_network import LowerNetwork, lower_network
from imgclf.backend import keras
from imgclf.errors import UsageError
from imgclf.model.engine import KerasEngine
from imgclf.model_file.features_graph import store_graph, stored_graph


def test_numbers_that_half_precision_cannot_hold_are_refused() -> None:
    pictures = keras.Input((1, 1, 3))
    network = keras.Model(pictures, keras.layers.Flatten()(keras.layers.Rescaling(300)(pictures)))
    lower = LowerNetwork("the first layer of Large", "identity", 3, KerasEngine(network))
    pixels = np.array([[[[1, 2, 218]]]], np.uint8)
    assert lower.run(pixels).tolist() == [[300, 600, 65_400]]
    with pytest.raises(UsageError, match="the first layer of Large makes numbers"):
        lower.run(pixels + 1)  # 65,700; 65,504 is the largest


def test_a_kept_graph_that_is_not_run_is_made_anew() -> None:
    pictures = keras.Input((2, 2, 3))
    network = keras.Model(pictures, keras.layers.Flatten()(keras.layers.Rescaling(2)(pictures)))
    whole = FeaturesNetwork("Whole", "of a test", 12, None, KerasEngine(network))
    key = hashlib.sha256(b"of a test up to 3").hexdigest()
    store_graph(key, b"anybody's")
    lower = lower_network(whole, 3, lambda: network)
    assert lower.run(np.full((1, 2, 2, 3), 5, np.uint8)).tolist() == [[10.0] * 12]
    assert stored_graph(key) not in (None, b"anybody's")
    again = lower_network(whole, 3, lambda: pytest.fail("it is kept"))
    assert again.run(np.full((1, 2, 2, 3), 5, np.uint8)).tolist() == [[10.0] * 12]
