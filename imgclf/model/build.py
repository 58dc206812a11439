"""From a config to a compiled Keras model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imgclf.backend import keras
from imgclf.config import Head, LoadedConfig, Spec
from imgclf.data.resampling import Resampling
from imgclf.errors import ModelFileError
from imgclf.model.head import Activation
from imgclf.model.keras_objects import make
from imgclf.run_folder import Precision


def augmentation_layers(loaded: LoadedConfig) -> list[Any]:
    """The layers under `augmentation`, in no network yet.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    return [
        make(loaded, "layers", spec, key)
        for key, spec in _keyed("augmentation", loaded.config.augmentation)
    ]


def build_model(
    loaded: LoadedConfig,
    head: Head,
    resampling: Resampling | None = None,
    precision: Precision = "float32",
) -> keras.Sequential:
    """One flat, compiled network: augmentation, the declared layers, the output layer.

    It takes RGB pictures of shape (batch, height, width, 3) with values 0 to 255. Keras leaves
    the augmentation out when it predicts.

    Args:
        loaded: The config.
        head: The output layer and the loss; see `resolve_head`.
        resampling: What the feed does; the layers that it stands for are left out.
        precision: What the declared layers compute in; augmentation and output stay with float32,
            as all weights do.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    config = loaded.config
    height, width = config.data.image_size
    model = keras.Sequential([keras.Input((height, width, 3))])
    resampled = len(resampling.layers) if resampling else 0
    specs = [
        *_keyed("augmentation", config.augmentation)[resampled:],
        *_keyed("model.layers", config.model.layers),
        ("model.output", head.output),
    ]
    for key, spec in specs:
        with _computing_in(precision if key.startswith("model.layers") else "float32"):
            layer = make(loaded, "layers", spec, key)
        try:
            model.add(layer)
        except Exception as error:  # whatever the layer raises when it sees its input's shape
            reason = str(error).strip().splitlines()[0]
            raise loaded.error(
                loaded.problem(
                    key,
                    f"{spec.name} can't follow the layers before it: {reason}",
                    received=f"the output of the layers before it, of shape {model.output_shape}",
                )
            ) from error
    if len(model.output_shape) != 2:
        raise loaded.error(
            loaded.problem(
                "model.layers",
                "they must end in one row of numbers for each picture",
                received=f"an output of shape {model.output_shape}",
                allowed="a last layer such as Flatten or GlobalAveragePooling2D",
            )
        )
    compile_model(model, loaded, head)
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
    name = getattr(activation, "__name__", None)
    units = model.output_shape[-1]
    if units == 1 and name in ("sigmoid", "linear"):
        return "sigmoid" if name == "sigmoid" else "sigmoid_logits"
    if units > 1 and name in ("softmax", "linear"):
        return "softmax" if name == "softmax" else "softmax_logits"
    raise ModelFileError(
        f"a classifier ends in 1 sigmoid unit or several softmax units; this model ends in "
        f"{units} units with activation {name}"
    )


def compile_model(model: keras.Model, loaded: LoadedConfig, head: Head) -> None:
    """Gives a model the declared optimizer, loss and metrics."""
    training = loaded.config.training
    metrics = [
        make(loaded, "metrics", spec, key)
        for key, spec in _keyed("training.metrics", training.metrics)
    ]
    model.compile(
        optimizer=make(loaded, "optimizers", training.optimizer, "training.optimizer"),
        loss=make(loaded, "losses", head.loss, "training.loss"),
        metrics=metrics,
    )


def _keyed(key: str, specs: Sequence[Spec]) -> list[tuple[str, Spec]]:
    return [(f"{key}.{index}", spec) for index, spec in enumerate(specs)]
