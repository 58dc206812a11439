"""Files that are no `.keras` archive of Keras 3: the message says what they are and the way on."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.train import Trained
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, FEATURES, METADATA, WEIGHTS, ModelArchive


def network() -> Any:
    dense = keras.layers.Dense(2, activation="softmax")
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), dense])


@pytest.fixture(scope="module")
def plain() -> Any:
    return network()


def refusal(path: str) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        ModelArchive(Path(path))
    return caught.value


FROM_H5 = (
    "with Keras 3, if you trust it: keras.models.load_model('mine.h5', compile=False)"
    ".save('{made}'); then: imgclf adopt {made} --classes FIRST,SECOND"
)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_an_hdf5_model_is_not_opened_whatever_its_name(in_folder: Path, plain: Any) -> None:
    plain.save("mine.h5")
    what = f"is an HDF5 model of Keras {keras.__version__}; opening one can run code, so imgclf"
    error = refusal("mine.h5")
    assert error.message == f"mine.h5 {what} doesn't"
    assert error.hint == FROM_H5.format(made="mine.keras")
    Path("mine.h5").rename("mine.keras")
    error = refusal("mine.keras")
    assert error.message == f"mine.keras {what} doesn't"
    assert error.hint == "mv mine.keras mine.h5; " + FROM_H5.format(made="mine-3.keras")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_the_way_on_from_an_hdf5_model_is_one(in_folder: Path) -> None:
    model = network()
    model.compile("adam", keras.losses.categorical_crossentropy)
    model.save("mine.h5")
    keras.models.load_model("mine.h5", compile=False).save("mine.keras")
    assert adopt(Path("mine.keras"), ["a", "b"]).manifest.class_names == ("a", "b")


@pytest.mark.parametrize("name", ["mine.weights.h5", "epoch-3.keras"])
def test_weights_alone_are_told_from_a_model(in_folder: Path, plain: Any, name: str) -> None:
    plain.save_weights("mine.weights.h5")
    Path("mine.weights.h5").rename(name)
    error = refusal(name)
    assert error.message == f"{name} holds weights alone, without the layers that they belong to"
    assert f"build the same layers; model.load_weights('{name}')" in str(error.hint)


def saved_model(folder: Path) -> None:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")


def saved_model_of_keras_2(folder: Path) -> None:
    saved_model(folder)
    (folder / "keras_metadata.pb").write_bytes(b"\n\x00")


def unpacked(folder: Path) -> None:
    folder.mkdir()
    for name in (CONFIG, METADATA, WEIGHTS):
        (folder / name).touch()


def torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine/data.pkl", b"\x80\x02")
        archive.writestr("mine/data/0", b"")


def packed(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("keras_model.h5", b"")
        archive.writestr("labels.txt", b"")


def holding(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


OTHERS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "mine": (saved_model, "is a graph for TensorFlow", "adopt the .keras file that it was made"),
    "two": (
        saved_model_of_keras_2,
        "is a SavedModel folder that Keras 2 wrote",
        "keras.models.load_model('two', compile=False).save('two.h5'); with Keras 3",
    ),
    "open.keras": (unpacked, "is a folder with what was in a .keras file", "zip -0 -r ../open-3"),
    "runs": (Path.mkdir, "is a folder, and a model is one file", ""),
    "mine.tflite": (holding(b"\x1c\0\0\0TFL3"), "is a graph for LiteRT, without", "adopt the .ker"),
    "mine.onnx": (holding(b"\x08\x08"), "is a graph for ONNX, without the layers", "adopt the .k"),
    "mine.pb": (holding(b"\n\x08"), "is a graph for TensorFlow, without the layers", "adopt the"),
    "mine.pt": (torch, "is a file of PyTorch; opening one runs code", "models of Keras"),
    "old.pth": (holding(b"\x80\x02\x8a\n"), "is a pickle", "models of Keras"),
    "mine.safetensors": (holding(b"\x40" + bytes(7) + b'{"a":'), "weights alone", "models of Ker"),
    "mine.json": (holding(b'{"class_name": "Sequential"}'), "is JSON, and holds no weights", ""),
    "converted.zip": (packed, "is an archive with a model in it", "unzip converted.zip"),
    "big.keras": (
        holding(b"version https://git-lfs.github.com/spec/v1\noid sha256:0"),
        "is what Git LFS puts in a file's place",
        "git lfs pull",
    ),
    "gone.keras": (holding(b"<!DOCTYPE html><title>404"), "is a web page", "download it again"),
    "empty.keras": (holding(b""), "is empty", ""),
    "broken.h5": (holding(b"\x89HDF\r\n\x1a\n" + bytes(40)), "is damaged HDF5", ""),
    "noise.keras": (holding(bytes(range(90, 120))), "is not a .keras model file: File is not", ""),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_called_what_it_is(in_folder: Path, name: str) -> None:
    write, says, hint = OTHERS[name]
    write(Path(name))
    error = refusal(name)
    assert error.message.startswith(f"{name} ")
    assert says in error.message
    assert hint in str(error.hint)


def test_a_pipe_is_not_waited_for(in_folder: Path) -> None:
    os.mkfifo("pets.keras")
    with pytest.raises(ModelFileError, match=r"pets\.keras is no regular file\nname a model"):
        ModelArchive(Path("pets.keras"))


def test_a_checkpoint_goes_by_a_name_that_is_no_file(in_folder: Path) -> None:
    Path("cp.ckpt.index").touch()
    assert "cp.ckpt holds weights alone" in refusal("cp.ckpt").message
    assert refusal("cp2.ckpt").message == "no model file cp2.ckpt"


def test_the_graph_in_a_model_of_ours_is_one_for_litert(trained: Trained) -> None:
    with zipfile.ZipFile(trained.model) as archive:
        Path("graph.bin").write_bytes(archive.read(FEATURES))
    assert "graph.bin is a graph for LiteRT" in refusal("graph.bin").message


def keras_2(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """A functional model as Keras 2.15 writes it."""
    first = {"batch_input_shape": [None, 8, 8, 3], "dtype": "float32", "name": "input_1"}
    inputs = {"module": "keras.layers", "class_name": "InputLayer", "config": first}
    return {
        "module": "keras.src.engine.functional",
        "class_name": "Functional",
        "config": {"name": "model", "trainable": True, "layers": [inputs, *layers]},
        "registered_name": "Functional",
        "build_config": {"input_shape": [None, 8, 8, 3]},
    }


def rewritten(plain: Any, config: Any, version: str) -> Path:
    plain.save("plain.keras")
    with zipfile.ZipFile("plain.keras") as archive, zipfile.ZipFile("mine.keras", "w") as made:
        made.writestr(CONFIG, json.dumps(config or json.loads(archive.read(CONFIG))))
        made.writestr(METADATA, json.dumps({"keras_version": version}))
        made.writestr(WEIGHTS, archive.read(WEIGHTS))
    return Path("mine.keras")


def test_a_file_of_keras_2_says_so(in_folder: Path, plain: Any) -> None:
    path = rewritten(plain, keras_2([]), "2.15.0")
    with pytest.raises(ModelFileError) as caught:
        adopt(path, ["a", "b"])
    assert caught.value.message == (
        f"mine.keras was written by Keras 2.15.0, and the one here, {keras.__version__}, can't "
        "build it: it asks for 'Functional' of 'keras.src.engine.functional', which is not "
        "Keras's own"
    )
    assert caught.value.hint == (
        "with Keras 2, as it was made: keras.models.load_model('mine.keras', compile=False)"
        ".save('mine.h5'); " + FROM_H5.format(made="mine-3.keras")
    )


def test_a_file_of_keras_2_that_keras_3_can_build_is_adopted(in_folder: Path, plain: Any) -> None:
    flatten = {"module": "keras.layers", "class_name": "Flatten", "config": {"name": "flatten"}}
    units = {"name": "dense", "units": 2, "activation": "softmax"}
    dense = {"module": "keras.layers", "class_name": "Dense", "config": units}
    model = keras_2([flatten, dense]) | {"module": "keras", "class_name": "Sequential"}
    model["registered_name"] = None
    done = adopt(rewritten(plain, model, "2.15.0"), ["a", "b"])
    again = keras.models.load_model(done.model)
    for ours, others in zip(again.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, others)


def test_code_in_a_file_of_keras_2_is_code(in_folder: Path, plain: Any) -> None:
    code = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
    model = keras_2([code]) | {"module": "keras", "registered_name": None}
    with pytest.raises(ModelFileError, match="is not to be trusted: its Lambda layer holds code"):
        adopt(rewritten(plain, model, "2.15.0"), ["a", "b"])


def test_what_keras_stumbles_over_in_a_file_of_keras_2_says_so_too(
    in_folder: Path, plain: Any
) -> None:
    odd = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2, "old": 1}}
    model = keras_2([odd]) | {"module": "keras", "class_name": "Sequential"}
    model["registered_name"] = None
    with pytest.raises(ModelFileError, match=r"was written by Keras 2\.13\.1, and the one here"):
        adopt(rewritten(plain, model, "2.13.1"), ["a", "b"])


def test_a_layer_of_a_newer_keras_asks_for_it(in_folder: Path, plain: Any) -> None:
    new = {"module": "keras.layers", "class_name": "Convolved", "config": {}}
    model = keras_2([new]) | {"module": "keras", "registered_name": None}
    with pytest.raises(ModelFileError, match=r"was written by Keras 3\.99\.0") as caught:
        adopt(rewritten(plain, model, "3.99.0"), ["a", "b"])
    assert caught.value.hint == "pip install --upgrade keras"
    with pytest.raises(ModelFileError, match="is not to be trusted"):
        adopt(rewritten(plain, model, "\x1b[2J3.99"), ["a", "b"])


def test_a_model_of_a_class_of_ones_own_is_no_damage(in_folder: Path, plain: Any) -> None:
    own = {"module": None, "class_name": "Pets", "config": {}, "registered_name": "Pets"}
    with pytest.raises(ModelFileError, match=r"mine\.keras is a 'Pets', a class of somebody's own"):
        adopt(rewritten(plain, own, keras.__version__), ["a", "b"])
