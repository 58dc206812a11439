"""From a declared backbone to a Keras model that gives its last feature map."""

from __future__ import annotations

from pathlib import Path

from imgclf.backbones.application_weights import imagenet_network, load_weights_file
from imgclf.backbones.applications import SMALLEST, SMALLEST_OF_OTHERS, as_backbone, construct
from imgclf.backbones.efficientnet_lite import build_efficientnet_lite, load_torch_weights
from imgclf.backbones.model_files import build_from_model_file
from imgclf.backbones.weight_files import pip_weights
from imgclf.backend import keras
from imgclf.config.backbone import IMAGENET, LITE, NO_WEIGHTS, Backbone
from imgclf.config.loaded import ConfigFile
from imgclf.errors import ModelFileError

_KEY, _SIZE_KEY = "model.backbone", "data.image_size"


def build_backbone(
    declared: Backbone, image_size: tuple[int, int], file: ConfigFile
) -> keras.Model:
    """A pretrained network with its weights, up to its last feature map, as one flat graph.

    It takes float32 RGB pictures of shape (batch, height, width, 3) with values 0 to 255, and
    brings them itself to the values that it was trained on. It gives a map of shape (batch, rows,
    columns, channels); some model files give features of shape (batch, features).

    Args:
        declared: Which one, with which weights.
        image_size: (height, width) in pixels.
        file: Names the line of what can't be had.

    Raises:
        ConfigError: The network, its weights, or pictures of this size for it can't be had.
        WriteError: There is no room for its weights, or for temporary files.
        BusyError: Another process has been downloading its weights for an hour.
    """
    if not declared.is_file:
        _refuse_small(declared.name, image_size, file)
    if declared.weights == NO_WEIGHTS:
        # The same ones each time: what is published has to be what features were computed with.
        keras.utils.set_random_seed(0)
    try:
        network = _built(declared, image_size)
    except ModelFileError as error:
        key = _KEY if declared.weights_file is None else f"{_KEY}.weights"
        received = declared.weights_file or declared.name
        problem = file.problem(key, error.message, received=received)
        raise file.error(problem, hint=error.hint) from error
    height, width = network.input_shape[1:3]
    if (height, width) != image_size:
        raise file.refusal(
            _SIZE_KEY,
            f"the model {declared.name} takes pictures of another size",
            received=str(list(image_size)),
            allowed=f"data.image_size: [{height}, {width}]",
        )
    return network


def _built(declared: Backbone, image_size: tuple[int, int]) -> keras.Model:
    name, given = declared.name, declared.weights_file
    weights = None if given is None else Path(given).expanduser()
    if declared.is_file:
        return build_from_model_file(Path(name).expanduser())
    if name in LITE:
        network = build_efficientnet_lite(name, image_size)
        if declared.weights == IMAGENET:
            load_torch_weights(network, name, pip_weights(name))
        elif weights is not None and weights.suffix == ".h5":
            load_weights_file(network, name, weights)
        elif weights is not None:
            load_torch_weights(network, name, weights)
        return network
    if declared.weights == IMAGENET:
        return as_backbone(imagenet_network(name, image_size), name, IMAGENET)
    network = construct(name, image_size, None)
    if weights is not None:
        load_weights_file(network, name, weights)
    return as_backbone(network, name, None)


def _refuse_small(name: str, image_size: tuple[int, int], file: ConfigFile) -> None:
    smallest = SMALLEST.get(name, SMALLEST_OF_OTHERS)
    if min(image_size) < smallest:
        raise file.refusal(
            _SIZE_KEY,
            f"pictures of this size are too small for {name}",
            received=str(list(image_size)),
            allowed=f"[{smallest}, {smallest}] or more",
        )
