"""From a config to a compiled Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgclf.backend import keras
from imgclf.config.choices import Precision
from imgclf.config.keras_names import MIXING
from imgclf.config.keras_private import run_through
from imgclf.config.network import Network
from imgclf.config.spec import Spec
from imgclf.data.augmenting import Augmenting
from imgclf.model.chain import chained, keyed
from imgclf.model.keras_objects import make
from imgclf.model.layer_names import FEATURES, STANDARDIZATION
from imgclf.model.probabilities import Activation, activation_of


def augmentation_layers(network: Network) -> list[Any]:
    """The layers under `augmentation` that a model can have, in none yet.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    return [make("layers", spec, key, network.file) for key, spec in _in_model(network)]


def mixing_layers(network: Network) -> list[Any]:
    """Those that need the labels, too, and so have no place in a model.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    return [
        make("layers", spec, key, network.file)
        for key, spec in keyed("augmentation", network.augmentation)
        if spec.name in MIXING
    ]


def _in_model(network: Network) -> list[tuple[str, Spec]]:
    declared = keyed("augmentation", network.augmentation)
    return [(key, spec) for key, spec in declared if spec.name not in MIXING]


def build_model(
    network: Network,
    augmenting: Augmenting | None = None,
    precision: Precision = "float32",
    backbone: keras.Model | None = None,
) -> keras.Model:
    """One flat, compiled graph: augmentation, the backbone, the declared layers, the output layer.

    It takes RGB pictures of shape (batch, height, width, 3) with values 0 to 255. Keras leaves
    the augmentation out when it predicts.

    Args:
        network: What to build.
        augmenting: What the source does; the layers that it stands for are left out.
        precision: What the declared layers compute in; augmentation and output stay with float32,
            as all weights do.
        backbone: The pretrained network that the declared layers stand on, whose own layers become
            part of the graph; None for a network from scratch.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    pictures = keras.Input((*network.image_size, 3))
    done = len(augmenting.layers) if augmenting else 0
    augmentation = _in_model(network)[done:]
    values = chained(pictures, augmentation, "float32", network.file)
    if backbone is None:
        values = _declared_layers(values, network, precision)
    else:
        _, features = _features_of(backbone, values)
        values = _standardized(features)
        values = _declared_layers(values, network, "float32")
    model = keras.Model(pictures, values)
    compile_model(model, network)
    return model


def build_head(network: Network, features: int) -> keras.Model:
    """What stands on a pretrained network, compiled: takes its features, shape (batch, features).

    Its weights are those of the last layers of `build_model`, in the same order.

    Args:
        network: What to build.
        features: How many there are.

    Raises:
        ConfigError: Something that Keras refuses, naming its line.
    """
    given = keras.Input((features,))
    model = keras.Model(given, _declared_layers(_standardized(given), network, "float32"))
    compile_model(model, network)
    return model


def build_features(backbone: keras.Model) -> keras.Model:
    """A pretrained network from pictures to its last feature map and its features."""
    pictures = keras.Input(backbone.input_shape[1:])
    feature_map, features = _features_of(backbone, pictures)
    return keras.Model(pictures, [feature_map, features])


def set_head_weights(model: keras.Model, weights: Sequence[Any]) -> None:
    """Gives the head in a model that `build_model` made on a backbone the weights of another.

    Args:
        model: With a backbone.
        weights: As from `get_weights()` of what `build_head` made.
    """
    names = [layer.name for layer in model.layers]
    head = model.layers[names.index(STANDARDIZATION) :]
    variables = [variable for layer in head for variable in layer.weights]
    for variable, value in zip(variables, weights, strict=True):
        variable.assign(value)


def _features_of(backbone: keras.Model, pictures: Any) -> tuple[Any, Any]:
    """The last feature map and the features."""
    feature_map = run_through(backbone, pictures)
    layers, pooled = keras.layers, len(feature_map.shape) == 4
    kind = layers.GlobalAveragePooling2D if pooled else layers.Identity
    return feature_map, kind(name=FEATURES)(feature_map)


def _standardized(features: Any) -> Any:
    """Batch normalization that is never trained: a mean and a variance for each feature.

    Keras's Normalization would forget them where weights are set and not adapted.
    """
    layer = keras.layers.BatchNormalization(
        center=False, scale=False, trainable=False, name=STANDARDIZATION
    )
    return layer(features)


def _declared_layers(values: Any, network: Network, precision: Precision) -> Any:
    """The declared layers and the output layer, on what comes before them."""
    file = network.file
    values = chained(values, keyed("model.layers", network.layers), precision, file)
    values = chained(values, [("model.output", network.head.output)], "float32", file)
    if len(values.shape) != 2:
        raise file.refusal(
            "model.layers",
            "they must end in one row of numbers for each picture",
            received=f"an output of shape {values.shape}",
            allowed="a last layer such as Flatten or GlobalAveragePooling2D",
        )
    return values


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
        make("metrics", spec, key, file) for key, spec in keyed("training.metrics", network.metrics)
    ]
    model.compile(
        optimizer=make("optimizers", network.optimizer, "training.optimizer", file),
        loss=make("losses", network.head.loss, "training.loss", file),
        metrics=metrics,
    )


def compile_again(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Gives a model another optimizer; loss and metrics stay."""
    compiled = keras.saving.deserialize_keras_object(
        {**model.get_compile_config(), "optimizer": None}
    )
    model.compile(**{**compiled, "optimizer": optimizer})


def compile_as(model: keras.Model, config: dict[str, Any]) -> None:
    """Compiles a model as another one was.

    Keras's `compile_from_config` makes the optimizer's moments at once, which would be saved with
    the model, and are twice as large as it.

    Args:
        model: What to compile.
        config: From the other's `get_compile_config`.
    """
    model.compile(**keras.saving.deserialize_keras_object(config))
