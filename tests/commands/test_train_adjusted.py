"""`training.logit_adjustment`: the same training, whose answers are adjusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.commands.train import train
from imgclf.config.load import load_config
from imgclf.data.dataset import read_config_dataset
from imgclf.data.drawn_sample import draw_sample
from imgclf.model_file.keras_io import load_keras_model
from tests.support.trainings import CONFIG

_FROZEN = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model: {backbone: models/base.keras, layers: [{Dropout: 0.2}]}
training: {epochs: 2}
"""


def weights_of(config: str, amount: int) -> list[np.ndarray[Any, Any]]:
    """Of the model that a training publishes."""
    given = ["training.replace=always", f"training.logit_adjustment={amount}"]
    done = train(Path(config), given, fresh=True)
    weights: list[np.ndarray[Any, Any]] = load_keras_model(done.model).get_weights()
    return weights


@pytest.mark.slow
def test_the_published_bias_and_nothing_else_is_another_one(in_folder: Path) -> None:
    draw_sample(Path("dataset"), 12, seed=1)
    for picture in sorted(Path("dataset/dog").iterdir())[4:]:
        picture.unlink()
    Path("base.yaml").write_text(CONFIG.replace("epochs: 4", "epochs: 1"))
    Path("frozen.yaml").write_text(_FROZEN)
    for config in ("base.yaml", "frozen.yaml"):
        *plain, bias = weights_of(config, 0)
        *adjusted, moved = weights_of(config, 1)
        for one, other in zip(plain, adjusted, strict=True):
            np.testing.assert_array_equal(one, other)
        data = read_config_dataset(load_config(Path(config)).config.data)
        cats, dogs = np.bincount(data.training.labels)
        assert cats > dogs
        np.testing.assert_allclose(moved, bias - np.log(dogs / cats), rtol=1e-5)
