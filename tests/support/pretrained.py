"""Small models on what passes for a pretrained network, built as `model.build` builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.model.probabilities import activation_of
from imgclf.model_file.keras_io import write_model_file
from imgclf.model_file.manifest import Decoder, Manifest

SIZE = (24, 32)
PIXELS = np.random.default_rng(3).integers(0, 256, (12, *SIZE, 3)).astype(np.uint8)


def backbone(size: tuple[int, int], flat: bool) -> keras.Model:
    """Gives a feature map of 10 channels, or what a last layer takes that isn't there."""
    layers = keras.layers
    values = [
        keras.Input((*size, 3)),
        layers.Rescaling(1 / 127.5, -1),
        layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(epsilon=1e-3),
        layers.ReLU(6),
        layers.DepthwiseConv2D(3, strides=2, padding="same"),
        layers.Conv2D(10, 1, activation="relu6"),
    ]
    if flat:
        values += [layers.Flatten(), layers.Dense(14, activation="relu")]
    return keras.Sequential(values)


def on_backbone(
    *head: Any,
    flat: bool = False,
    augmented: bool = False,
    seed: int = 0,
    size: tuple[int, int] = SIZE,
) -> Any:
    """A compiled classifier that ends in the layers given, its weights all random."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    pictures = keras.Input((*size, 3))
    values = layers.RandomFlip()(pictures) if augmented else pictures
    for layer in backbone(size, flat).layers:  # each of which is in two models then
        values = layer(values)
    features = layers.Identity if flat else layers.GlobalAveragePooling2D
    values = features(name="features")(values)
    values = layers.BatchNormalization(
        center=False, scale=False, trainable=False, name="standardization"
    )(values)
    for layer in head:
        values = layer(values)
    model = keras.Model(pictures, values)
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            weights = [random.uniform(0.5, 2, one.shape) for one in layer.get_weights()]
            layer.set_weights(weights)
    sigmoid = model.output_shape[-1] == 1
    model.compile(loss="binary_crossentropy" if sigmoid else "sparse_categorical_crossentropy")
    return model


def as_loaded(model: Any) -> Any:
    """The same model, built from its config alone as one from a file is."""
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    again.compile_from_config(model.get_compile_config())
    return again


def fitted(pixels: np.ndarray, labels: np.ndarray) -> Any:
    """One for two classes, fine-tuned on some square pictures."""
    size = pixels.shape[1:3]
    model = on_backbone(keras.layers.Dense(1, activation="sigmoid"), size=size)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.01
    model.fit(pixels, labels, batch_size=8, epochs=20, verbose=0)
    return model


def manifest_of(model: Any, **changes: Any) -> Manifest:
    """What a file of this model says of itself."""
    units = model.output_shape[-1]
    softmax = isinstance(model.layers[-1], keras.layers.Softmax)
    activation = keras.activations.softmax if softmax else model.layers[-1].activation
    return Manifest(
        name="pets",
        created="2026-01-01T00:00:00+00:00",
        class_names=("cat", "dog", *"efghijk")[: max(units, 2)],
        decoder=Decoder(height=model.input_shape[1], width=model.input_shape[2]),
        head=activation_of(activation.__name__, units),
        **changes,
    )


def written(model: Any, path: Path = Path("models/pets.keras"), **options: Any) -> Manifest:
    """The manifest of a file of this model that was written."""
    samples = np.random.default_rng(3).integers(0, 256, (4, *model.input_shape[1:]))
    return write_model_file(model, manifest_of(model), path, samples.astype(np.uint8), **options)
