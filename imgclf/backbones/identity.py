"""What a backbone is made of, as one key: what was computed with it is known again by that."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from imgclf.backbones.weight_files import PIP_WEIGHTS, keras_file, sha256_of
from imgclf.config.backbone import IMAGENET, NO_WEIGHTS, Backbone
from imgclf.errors import ModelFileError

# To be raised with every change of what `build_backbone` makes of the same weights.
_BUILDER_VERSION = 1


def weights_identity(declared: Backbone, image_size: tuple[int, int]) -> str | None:
    """A key that is another one whenever `build_backbone` makes something else.

    It takes no Keras, and reads the weights once where they are a file of the user's or Keras's.

    Args:
        declared: Which network, with which weights.
        image_size: (height, width) in pixels.

    Returns:
        Hexadecimal; None for random weights, and for weights that are not there (yet).
    """
    weights = _weights_digest(declared, image_size)
    if weights is None:
        return None
    facts = {
        "network": "model file" if declared.is_file else declared.name,
        "image_size": list(image_size),
        "weights": weights,
        "builder": _BUILDER_VERSION,
        "keras": version("keras"),
        "tensorflow": version("tensorflow"),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _weights_digest(declared: Backbone, image_size: tuple[int, int]) -> str | None:
    name = declared.name
    if declared.weights == NO_WEIGHTS:
        return None
    if name in PIP_WEIGHTS and declared.weights == IMAGENET:
        return PIP_WEIGHTS[name].sha256
    if declared.is_file:
        path = Path(name).expanduser()
    elif declared.weights_file is not None:
        path = Path(declared.weights_file).expanduser()
    else:
        path = keras_file(name, image_size)
    try:
        return sha256_of(path)
    except ModelFileError:
        return None  # whoever builds the network says what is missing
