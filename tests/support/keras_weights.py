"""Weights of Keras's networks in the files that Keras would download, without a network."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import h5py
import pytest

from imgclf.backend import keras


def use_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a folder Keras's cache, and returns where its weights go."""
    from keras.src.backend import config

    monkeypatch.setenv("KERAS_HOME", str(folder))
    monkeypatch.setattr(config, "_KERAS_DIR", str(folder))  # as if it were imported only now
    (folder / "models").mkdir(parents=True)
    return folder / "models"


def cut_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no network."""
    from keras.src.utils import file_utils

    def fail(*arguments: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", fail)


def save_as_published(model: Any, path: Path) -> None:
    """Writes weights in the form in which those of Keras's networks are published."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def randomized(model: Any, seed: int = 0) -> Any:
    """The same model with weights none of which are what a layer begins with."""
    import numpy as np

    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization | keras.layers.Normalization):
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, one.shape).astype(one.dtype)
                    for one in layer.get_weights()
                ]
            )
    return model
