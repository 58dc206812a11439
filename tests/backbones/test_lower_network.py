"""What the lower part of a network makes of pictures, as it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.backbones.lower_network import LowerNetwork
from imgclf.backend import keras
from imgclf.errors import UsageError
from imgclf.model.engine import KerasEngine


def test_numbers_that_half_precision_cannot_hold_are_refused() -> None:
    pictures = keras.Input((1, 1, 3))
    network = keras.Model(pictures, keras.layers.Flatten()(keras.layers.Rescaling(300)(pictures)))
    lower = LowerNetwork("the first layer of Large", "identity", 3, KerasEngine(network))
    pixels = np.array([[[[1, 2, 218]]]], np.uint8)
    assert lower.run(pixels).tolist() == [[300, 600, 65_400]]
    with pytest.raises(UsageError, match="the first layer of Large makes numbers"):
        lower.run(pixels + 1)  # 65,700; 65,504 is the largest
