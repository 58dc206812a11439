"""From a config to a compiled Keras model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imgclf.backend import keras
from imgclf.config.choices import Precision
from imgclf.config.network import Network
from imgclf.config.spec import Spec
from imgclf.data.resampling import Resampling
from imgclf.errors import first_line
from imgclf.model.keras_objects import make
from imgclf.model.probabilities import Activation, activation_of


def augmentation_layers(network: Network) -> list[Any]:
    """The layers under `augmentation`, in no model yet.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    return [
        make("layers", spec, key, network.file)
        for key, spec in _keyed("augmentation", network.augmentation)
    ]


def build_model(
    network: Network,
    resampling: Resampling | None = None,
    precision: Precision = "float32",
) -> keras.Model:
    """One flat, compiled graph: augmentation, the declared layers, the output layer.

    It takes RGB pictures of shape (batch, height, width, 3) with values 0 to 255. Keras leaves
    the augmentation out when it predicts.

    Args:
        network: What to build.
        resampling: What the source does; the layers that it stands for are left out.
        precision: What the declared layers compute in; augmentation and output stay with float32,
            as all weights do.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    file = network.file
    pictures = keras.Input((*network.image_size, 3))
    resampled = len(resampling.layers) if resampling else 0
    specs = [
        *_keyed("augmentation", network.augmentation)[resampled:],
        *_keyed("model.layers", network.layers),
        ("model.output", network.head.output),
    ]
    values = pictures
    for key, spec in specs:
        with _computing_in(precision if key.startswith("model.layers") else "float32"):
            layer = make("layers", spec, key, file)
        try:
            values = layer(values)
        except Exception as error:  # whatever the layer raises when it sees its input's shape
            raise file.refusal(
                key,
                f"{spec.name} can't follow the layers before it: {first_line(error)}",
                received=f"the output of the layers before it, of shape {values.shape}",
            ) from error
    if len(values.shape) != 2:
        raise file.refusal(
            "model.layers",
            "they must end in one row of numbers for each picture",
            received=f"an output of shape {values.shape}",
            allowed="a last layer such as Flatten or GlobalAveragePooling2D",
        )
    model = keras.Model(pictures, values)
    compile_model(model, network)
    return model


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    """Layers made meanwhile have this policy, unless their config gives another."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def output_activation(model: keras.Model) -> Activation:
    """How to read the model's outputs as probabilities.

    Raises:
        ModelFileError: The last layer is none that a classifier ends with.
    """
    activation = getattr(model.layers[-1], "activation", None)
    return activation_of(getattr(activation, "__name__", None), model.output_shape[-1])


def compile_model(model: keras.Model, network: Network) -> None:
    """Gives a model the declared optimizer, loss and metrics."""
    file = network.file
    metrics = [
        make("metrics", spec, key, file)
        for key, spec in _keyed("training.metrics", network.metrics)
    ]
    model.compile(
        optimizer=make("optimizers", network.optimizer, "training.optimizer", file),
        loss=make("losses", network.head.loss, "training.loss", file),
        metrics=metrics,
    )


def _keyed(key: str, specs: Sequence[Spec]) -> list[tuple[str, Spec]]:
    return [(f"{key}.{index}", spec) for index, spec in enumerate(specs)]
