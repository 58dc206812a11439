"""The networks of `keras.applications`, for pictures as they are.

Some of them scale their input themselves, others leave that to `preprocess_input`; here all do it
inside. Names, and what Keras nests, come out as `own_names` and `flat_graph` make them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from imgclf.backbones.own_names import PREFIX, OwnNames
from imgclf.backend import keras
from imgclf.config.backbone import IMAGENET
from imgclf.model.flat_graph import flat_copy

SMALLEST: Mapping[str, int] = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
"""The side of the smallest pictures that a network can be given, where it is an unusual one."""

SMALLEST_OF_OTHERS = 32

# What `preprocess_input` of a network does, in Keras's own words; it does nothing for the others,
# which begin with layers that do.
_MODES: Mapping[str, str] = {
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), "torch"),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"), "caffe"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), "tf"),
    **dict.fromkeys(("InceptionV3", "InceptionResNetV2", "Xception"), "tf"),
    **dict.fromkeys(("MobileNet", "MobileNetV2", "NASNetLarge", "NASNetMobile"), "tf"),
}

# Of ImageNet's photos: red, green and blue, from 0 to 1, and what Caffe took from 0 to 255.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def construct(name: str, image_size: tuple[int, int], weights: str | None) -> keras.Model:
    """A network as Keras builds it, without its head, and what it wants done to pictures before it.

    Args:
        name: Of `keras.applications`.
        image_size: (height, width) in pixels.
        weights: "imagenet", which Keras downloads if they are not in its cache; None for random
            ones.
    """
    pictures = keras.Input((*image_size, 3))
    given: dict[str, Any] = {"input_shape": (*image_size, 3)}
    if name in _MODES:
        given["input_tensor"] = preprocessed(pictures, name)
    with warnings.catch_warnings():
        # Which weights MobileNet has for pictures of another size than it was trained on.
        warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
        return getattr(keras.applications, name)(include_top=False, weights=weights, **given)


def as_backbone(network: keras.Model, name: str, weights: str | None) -> keras.Model:
    """The same as one flat graph, whatever it was constructed with.

    Args:
        network: From `construct`, perhaps with other weights by now.
        name: Which one it is.
        weights: What it was constructed with.
    """
    names = OwnNames()

    def added(operation: keras.Operation) -> keras.Layer | None:
        first_efficientnet = name.startswith("EfficientNetB") and weights != IMAGENET
        if not first_efficientnet or not isinstance(operation, keras.layers.Normalization):
            return None
        # Keras leaves it out unless it loads the weights itself; they need it in any case.
        scale = [1 / math.sqrt(deviation) for deviation in _DEVIATION]
        return keras.layers.Rescaling(scale, name=names.numbered("rescaling"))

    return flat_copy(network, names, added=added)


def preprocessed(pictures: Any, name: str) -> Any:
    """What a network gets to see of pictures, as its `preprocess_input` gives it.

    Args:
        pictures: RGB, 0 to 255, shape (batch, height, width, 3).
        name: Of `keras.applications`.
    """
    options: dict[str, Any] = {"dtype": "float32", "name": f"{PREFIX}preprocessing"}
    match _MODES.get(name):
        case "tf":
            return keras.layers.Rescaling(1 / 127.5, -1, **options)(pictures)
        case "torch":
            scale = [1 / (255 * deviation) for deviation in _DEVIATION]
            offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
            return keras.layers.Rescaling(scale, offset, **options)(pictures)
        case "caffe":
            offset = [-mean for mean in _CAFFE_MEAN]
            centred = keras.layers.Rescaling([1.0] * 3, offset, **options)(pictures)
            return keras.ops.flip(centred, axis=-1)  # red, green, blue the other way round
    return pictures
