"""Models and trainings that are changed by fuzz_keras.py and fuzz_beside.py.

    python -m tests.support.fuzzed_folder FOLDER

A process of its own, for what forks afterwards must not have computed anything.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import chdir, suppress
from pathlib import Path

from imgclf.backend import keras
from imgclf.commands.retrain import retrain
from imgclf.commands.train import train
from imgclf.corrections.inputs import Labelled
from imgclf.data.drawn_sample import draw_sample
from imgclf.errors import Interrupted
from tests.support.trainings import CONFIG, STOPPER
from tests.support.version_files import write_version

_BASE = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 16, kernel_size: 3, strides: 2, activation: relu}
    - BatchNormalization
    - GlobalAveragePooling2D
training: {epochs: 4, optimizer: {Adam: 0.01}}
"""
_FROZEN = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model: {backbone: models/base.keras, layers: [{Dropout: 0.2}]}
training: {epochs: 4, optimizer: {Adam: 0.05}}
"""


def prepare(folder: Path) -> None:
    """Draws, trains and corrects; fuzzed/ has the models whose insides are changed."""
    os.environ["XDG_CACHE_HOME"] = str(folder.absolute() / "xdg")
    with chdir(folder):
        draw_sample(Path("dataset"), 12, seed=1)
        draw_sample(Path("new"), 4, seed=2)
        for name, config in (("pets", CONFIG), ("base", _BASE), ("frozen", _FROZEN)):
            Path(f"{name}.yaml").write_text(config)
            train(Path(f"{name}.yaml"))
        Path("stopper.py").write_text(STOPPER)
        Path("stop").write_text("epoch 1 batch 1")
        Path("stopped.yaml").write_text(CONFIG + "callbacks: ['stopper.py:Stop']\n")
        with suppress(Interrupted):
            train(Path("stopped.yaml"))
        for name in ("pets", "frozen"):
            for number, label in ((1, "cat"), (2, "cat"), (1, "dog")):
                picture = Path(f"new/{label}/{label}-{number:03d}.jpg")
                retrain(Path(f"models/{name}.keras"), [Labelled(picture, label)])
        Path("parts").mkdir()
        with chdir("parts"):
            for number in (1, 2, 3):
                write_version(number, number - 1 or None, neurons=2 * number - 2)
        Path("fuzzed").mkdir()
        for name in ("pets", "frozen"):
            shutil.copy(f"models/{name}.keras", "fuzzed")
        for number, model in enumerate((_chain(), _graph(), _nested())):
            model.save(f"fuzzed/plain_{number}.keras")


def _chain() -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1)),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(6, 3, activation="gelu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _graph() -> keras.Model:
    layers = keras.layers
    pictures = keras.Input((None, None, 3))
    values = layers.Resizing(32, 32)(pictures) / 255
    values = layers.Normalization(mean=[0.5, 0.4, 0.3], variance=[0.1, 0.2, 0.3])(values)
    one = layers.Conv2D(4, 3, padding="same", activation="relu")(values)
    other = layers.DepthwiseConv2D(3, padding="same")(one)
    values = layers.Concatenate()([layers.Add()([one, other]), keras.ops.sqrt(one)])
    values = layers.GlobalAveragePooling2D()(values)
    values = layers.Reshape((2, 4))(values)
    values = layers.LSTM(3)(values)
    model = keras.Model(pictures, layers.Dense(1)(values))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[keras.metrics.AUC(from_logits=True)])
    return model


def _nested() -> keras.Model:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(4, 3, strides=2), layers.PReLU()]
    )
    pictures = keras.Input((32, 32, 3))
    values = inner(layers.RandomFlip("horizontal")(pictures))
    values = layers.GlobalMaxPooling2D()(values)
    return keras.Model(pictures, layers.Dense(2, activation="softmax")(values))


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
