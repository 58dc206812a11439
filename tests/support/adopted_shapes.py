"""Small networks in the shapes in which people save theirs, for two classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgclf.backend import keras

SIZE = (24, 32)
Layers = keras.layers


def base(size: tuple[int | None, int | None] = SIZE) -> Any:
    """A pretrained network made small: normalization, a branch, layers with names of their own."""
    pictures = keras.Input((*size, 3))
    values = Layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv1")(pictures)
    values = Layers.ReLU()(Layers.BatchNormalization(name="norm")(values))
    values = Layers.Add()([values, Layers.DepthwiseConv2D(3, padding="same")(values)])
    values = Layers.Conv2D(10, 3, strides=4, padding="same", activation="relu")(values)
    network = keras.Model(pictures, values, name="base")
    random = np.random.default_rng(1)
    norm = network.get_layer("norm")
    norm.set_weights([random.uniform(0.5, 2, one.shape) for one in norm.get_weights()])
    return network


def as_in_the_guide() -> Any:
    """Keras's own guide to transfer learning: augmentation, preprocessing, a base called so."""
    pictures = keras.Input((*SIZE, 3))
    augmentation = keras.Sequential(
        [Layers.RandomFlip("horizontal"), Layers.RandomRotation(0.1)], name="augmentation"
    )
    values = keras.applications.mobilenet_v2.preprocess_input(augmentation(pictures))
    network = base()
    network.trainable = False
    values = Layers.GlobalAveragePooling2D()(network(values, training=False))
    return keras.Model(pictures, Layers.Dense(2, "softmax")(Layers.Dropout(0.2)(values)))


def _chain(*layers: Any, size: tuple[int | None, int | None] = SIZE, scaled: bool = True) -> Any:
    scaling = [Layers.Rescaling(1 / 255)] if scaled else []
    return keras.Sequential([keras.Input((*size, 3)), *scaling, *layers])


def chain_on_a_base() -> Any:
    return _chain(base(), Layers.GlobalAveragePooling2D(), Layers.Dense(1, "sigmoid"))


def chain_of_chains() -> Any:
    """Three levels, with two layers of one name."""
    inner = keras.Sequential([base(), Layers.Conv2D(4, 1, name="conv1")], name="inner")
    outer = keras.Sequential([Layers.Rescaling(1 / 255), inner], name="outer")
    return _chain(outer, Layers.Flatten(), Layers.Dense(2, "softmax"), scaled=False)


def for_any_size() -> Any:
    """Trained on 0 to 1."""
    head = [Layers.GlobalAveragePooling2D(), Layers.Dense(2, "softmax")]
    return _chain(base((None, None)), *head, size=(None, None), scaled=False)


def softmax_apart() -> Any:
    """As mixed precision is ended."""
    softmax = Layers.Activation("softmax", dtype="float32")
    return _chain(base(), Layers.Flatten(), Layers.Dense(2), Layers.Dropout(0.1), softmax)


def softmax_by_operation() -> Any:
    """And its last map as well."""
    pictures = keras.Input((*SIZE, 3))
    values = Layers.GlobalAveragePooling2D()(keras.ops.sqrt(base()(pictures / 255.0) + 1.0))
    return keras.Model(pictures, keras.ops.softmax(Layers.Dense(2)(values)))


def base_called_twice() -> Any:
    pictures, network = keras.Input((*SIZE, 3)), base()
    values, pooled = pictures / 127.5 - 1.0, Layers.GlobalAveragePooling2D()
    both = [pooled(network(values)), pooled(network(keras.ops.flip(values, axis=2)))]
    return keras.Model(pictures, Layers.Dense(2, "softmax")(Layers.Concatenate()(both)))


def several_inputs_and_outputs_inside() -> Any:
    pictures, one, other = (keras.Input((*SIZE, size), name=f"in{size}") for size in (3, 4, 5))
    parts = keras.Model(
        pictures, {"four": Layers.Conv2D(4, 1)(pictures), "five": Layers.Conv2D(5, 1)(pictures)}
    )
    joined = Layers.Concatenate()([one, Layers.ReLU()(other)])
    join = keras.Model({"in5": other, "in4": one}, joined)
    given = keras.Input((*SIZE, 3))
    found = parts(Layers.Rescaling(1 / 255)(given))
    values = join({"in4": found["four"], "in5": found["five"]})
    values = Layers.GlobalAveragePooling2D()(values)
    return keras.Model(given, Layers.Dense(2, "softmax")(values))


def whole_numbers() -> Any:
    pictures = keras.Input((*SIZE, 3), dtype="uint8")
    values = Layers.GlobalAveragePooling2D()(base()(Layers.Rescaling(1 / 255)(pictures)))
    return keras.Model(pictures, Layers.Dense(2, "softmax")(values))


def as_mobilenet_ends() -> Any:
    pooled = Layers.GlobalAveragePooling2D(keepdims=True)
    last = [Layers.Dropout(0.1), Layers.Conv2D(2, 1), Layers.Reshape((2,))]
    return _chain(base(), pooled, *last, Layers.Activation("softmax"))


def averaged_convolution() -> Any:
    last = [Layers.Conv2D(2, 1), Layers.GlobalAveragePooling2D(), Layers.Softmax()]
    return _chain(base(), *last)


SHAPES = {
    as_in_the_guide: {},
    chain_on_a_base: {},
    chain_of_chains: {},
    for_any_size: {"image_size": SIZE, "scale": 1 / 255},
    softmax_apart: {},
    softmax_by_operation: {},
    base_called_twice: {},
    several_inputs_and_outputs_inside: {},
    whole_numbers: {},
    as_mobilenet_ends: {},
    averaged_convolution: {},
}
"""With what `adopt` has to be told of each."""
