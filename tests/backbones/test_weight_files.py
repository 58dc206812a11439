"""Where weights lie: told without Keras, and as Keras has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import imgclf
from imgclf.backbones.applications import construct
from imgclf.backbones.weight_files import keras_file
from imgclf.backend import keras
from imgclf.config.keras_private import no_variable_left_to_initialize
from imgclf.config.keras_signatures import applications


class AskedFor(Exception):  # noqa: N818
    """Ends Keras's building of a network when it asks for its weights."""


def asked_for(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of weights that Keras would download for a network."""
    from keras.src.utils import file_utils

    def get_file(file: str, *arguments: object, **options: object) -> str:
        assert options["cache_subdir"] == "models"
        raise AskedFor(file)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with (
        no_variable_left_to_initialize(),
        keras.StatelessScope(initialize_variables=False),
        pytest.raises(AskedFor) as raised,
    ):
        construct(name, size, "imagenet")
    return str(raised.value)


def test_every_network_of_keras_has_a_file() -> None:
    for name in applications():
        assert keras_file(name, (224, 224)).suffix == ".h5"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ConvNeXtTiny",
        "DenseNet121",
        "EfficientNetB3",
        "EfficientNetV2B1",
        "EfficientNetV2S",
        "InceptionResNetV2",
        "InceptionV3",
        "MobileNetV3Large",
        "MobileNetV3Small",
        "NASNetMobile",
        "ResNet50",
        "ResNet50V2",
        "VGG16",
        "VGG19",
        "Xception",
    ],
)
def test_the_file_is_the_one_that_keras_asks_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked_for(name, (96, 96), monkeypatch) == keras_file(name, (96, 96)).name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
@pytest.mark.parametrize(
    "size", [(96, 96), (128, 128), (160, 160), (192, 192), (200, 200), (224, 224), (128, 192)]
)
def test_the_file_for_pictures_of_a_size_is_the_one_that_keras_asks_for(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked_for(name, size, monkeypatch) == keras_file(name, size).name


FOLDER_AS_KERAS_HAS_IT = """\
import sys
from unittest.mock import patch
from imgclf.backbones.weight_files import keras_file
ours = keras_file("VGG16", (224, 224))
assert "keras" not in sys.modules
from imgclf.backend import keras
from keras.src.utils import file_utils
def urlretrieve(origin, target, bar):
    print(target)
    raise SystemExit(0 if target == str(ours) else 1)
file_utils.urlretrieve = urlretrieve
keras.utils.get_file(ours.name, "https://example.org/a.h5", cache_subdir="models")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "{here}/home"},
        {"HOME": "{here}/home", "KERAS_HOME": "{here}/new/cache"},
        {"HOME": "{here}/home", "KERAS_HOME": "~/cache"},
        {"HOME": "{here}/home", "KERAS_HOME": "{here}/file/cache"},
    ],
)
def test_the_folder_is_the_one_that_keras_takes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "file").touch()
    given = {name: value.format(here=tmp_path) for name, value in environment.items()}
    rest = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    command = [sys.executable, "-c", FOLDER_AS_KERAS_HAS_IT]
    rest["PYTHONPATH"] = str(Path(imgclf.__file__).parents[1])
    done = subprocess.run(
        command, env=rest | given, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_network_without_a_square_of_its_own_has_the_usual_weights() -> None:
    assert keras_file("MobileNetV2", (97, 97)).name.endswith("_1.0_224_no_top.h5")
    assert keras_file("MobileNetV2", (96, 128)).name.endswith("_1.0_224_no_top.h5")


def test_it_takes_no_keras() -> None:
    code = (
        "import sys\n"
        "from imgclf.backbones.identity import weights_identity\n"
        "from imgclf.config.backbone import Backbone\n"
        "for name in ('EfficientNetLite0', 'VGG16'):\n"
        "    weights_identity(Backbone(name=name), (224, 224))\n"
        "sys.exit(1 if {'keras', 'tensorflow', 'torch'} & set(sys.modules) else 0)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
