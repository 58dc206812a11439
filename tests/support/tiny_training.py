"""A training of a second: sixteen 8 x 8 pictures, and models that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.callbacks.stack import Stack, build_stack
from imgclf.config.load import load_config
from imgclf.config.loaded import LoadedConfig
from imgclf.data.source import Examples, Source
from imgclf.system import console
from tests.support.heard import Heard

EPOCHS = 4
BATCHES = 4


def declare(folder: Path, callbacks: str = "", training: str = "") -> LoadedConfig:
    """A config with these callbacks, one YAML list item a line."""
    listed = "".join(f"  {line}\n" for line in callbacks.strip().splitlines())
    text = (
        "data: {directory: pictures, image_size: 8, batch_size: 4}\n"
        "model:\n  layers: [Flatten]\n"
        f"training: {{epochs: {EPOCHS}{training}}}\n" + (f"callbacks:\n{listed}" if listed else "")
    )
    path = folder / "tiny.yaml"
    path.write_text(text)
    return load_config(path)


def said() -> str:
    """What the latest `run` has said."""
    heard = console.current()
    assert isinstance(heard, Heard)
    return heard.text


def declared(loaded: LoadedConfig, run_folder: Path) -> DeclaredCallbacks:
    """What a stack is built from whose files go to a folder."""
    return DeclaredCallbacks(loaded.config.callbacks, loaded.file, run_folder)


def sources(batches: int = BATCHES) -> tuple[Source, Source]:
    """For training, so many batches an epoch, and for validation."""
    random = np.random.default_rng(5)
    pixels = random.integers(0, 200, (24, 8, 8, 3)).astype(np.uint8)
    labels = random.integers(0, 2, 24).astype(np.float32)[:, np.newaxis]
    pixels[labels[:, 0] == 1] += 40
    rows = np.arange(24)
    return (
        Source(Examples(pixels, rows[: 4 * batches], labels[: 4 * batches]), 4, shuffle_seed=7),
        Source(Examples(pixels, rows[16:], labels[16:]), 8),
    )


def compiled(layers: list[Any], optimizer: Any, metrics: Sequence[Any], eager: bool) -> Any:
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    model.compile(
        optimizer or keras.optimizers.Adam(0.01),
        "binary_crossentropy",
        metrics=list(metrics),
        run_eagerly=eager,  # a step costs more, but the first one costs no second
    )
    return model


def forgetful_model(optimizer: Any = None, eager: bool = False) -> Any:
    """With whatever makes two trainings differ if anything is forgotten in between."""
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.1),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.25),
        keras.layers.Dense(1, activation="sigmoid", name="answer"),
    ]
    return compiled(layers, optimizer, ["accuracy"], eager)


def small_model(optimizer: Any = None, metrics: Sequence[Any] = ("accuracy",)) -> Any:
    """The least that can be trained."""
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    return compiled(layers, optimizer, metrics, eager=True)


class Script(keras.callbacks.Callback):
    """Says at the end of each epoch that it went as the script has it."""

    def __init__(self, **columns: Sequence[float]) -> None:
        super().__init__()
        self._columns = columns

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs.update({name: float(values[epoch]) for name, values in self._columns.items()})


class Weights(keras.callbacks.Callback):
    """Keeps the weights of each epoch's end."""

    def __init__(self) -> None:
        super().__init__()
        self.of_epoch: list[list[Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.of_epoch.append(self.model.get_weights())


def run(
    folder: Path,
    callbacks: str = "",
    *,
    first: Sequence[Any] = (),
    last: Sequence[Any] = (),
    model: Any = None,
    epochs: int = EPOCHS,
    heard: Heard | None = None,
    batches: int = 1,
    training_keys: str = "",
) -> tuple[Stack, Any]:
    """Trains with the stack that these callbacks make; its files go to `folder / "run"`.

    Args:
        first: Callbacks put before the stack's.
        last: Callbacks put after them.
    """
    model = model or small_model()
    training, validation = sources(batches)
    loaded = declare(folder, callbacks, training_keys)
    console.use(heard or Heard())
    stack = build_stack(declared(loaded, folder / "run"), training)
    with stack.running():
        model.fit(
            training.dataset(),
            validation_data=validation.dataset(),
            epochs=epochs,
            verbose=0,
            callbacks=[*first, *stack.callbacks, *last],
        )
    return stack, model


def same(weights: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(weights, others, strict=True))
