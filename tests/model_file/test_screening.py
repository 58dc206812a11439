"""Model files from strangers: each really written, each refused before Keras is imported."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.config.keras_private import no_variable_left_to_initialize
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, METADATA, WEIGHTS, ModelArchive
from imgclf.model_file.keras_io import load_checked
from imgclf.model_file.screening import (
    _OPERATIONS,
    _OWN_LAYERS,
    _classes,
    _functions,
    refuse_foreign,
    screen,
    screen_graph,
)
from tests.support.command_line import NAMES_WHAT_IT_IMPORTED

Config = dict[str, Any]


@pytest.fixture(scope="session")
def plain_members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model that Keras saved, member by member."""
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    dense = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, dense])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def edited(members: dict[str, bytes], edit: Callable[[Config], None]) -> dict[str, bytes]:
    config = json.loads(members[CONFIG])
    edit(config)
    return members | {CONFIG: json.dumps(config).encode()}


def look_at(path: Path) -> None:
    with ModelArchive(path) as archive:
        screen(archive)


def layer(**node: Any) -> Callable[[Config], None]:
    return lambda config: config["config"]["layers"].insert(1, node)


def function(module: str, name: str) -> Callable[[Config], None]:
    node = {"class_name": "function", "module": module, "config": name, "registered_name": name}

    def edit(config: Config) -> None:
        config["config"]["layers"][-1]["config"]["activation"] = node

    return edit


def loss(node: Any) -> Callable[[Config], None]:
    return lambda config: config["compile_config"].update(loss=node)


HOSTILE_CONFIGS: dict[str, tuple[Callable[[Config], None], str]] = {
    "a layer that holds code": (
        layer(class_name="Lambda", module="keras.layers", config={"function": "x"}),
        "its Lambda layer holds code",
    ),
    "a layer that holds code, in the old format without a module": (
        layer(class_name="Lambda", config={"function": ["4wEAAAA=", None, None]}),
        "its Lambda layer holds code",
    ),
    "a SavedModel of theirs": (
        layer(class_name="TFSMLayer", module="keras.layers", config={"filepath": "gs://x"}),
        "its TFSMLayer layer holds code",
    ),
    "a pickled module": (
        layer(class_name="TorchModuleWrapper", module="keras.layers", config={"module": ""}),
        "its TorchModuleWrapper layer holds code",
    ),
    "code hidden in a wrapper": (
        layer(
            class_name="TimeDistributed",
            module="keras.layers",
            config={"layer": {"class_name": "JaxLayer", "module": "keras.layers", "config": {}}},
        ),
        "its JaxLayer layer holds code",
    ),
    "a marshalled lambda as an activation": (
        layer(
            class_name="Activation",
            module="keras.layers",
            config={"activation": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}},
        ),
        "holds code",
    ),
    "a vocabulary file": (
        layer(
            class_name="StringLookup",
            module="keras.layers",
            config={"vocabulary": "/etc/passwd"},
        ),
        "its StringLookup layer reads files",
    ),
    "a text file": (
        layer(
            class_name="TextVectorization",
            module="keras.layers",
            config={"vocabulary": "/etc/passwd"},
        ),
        "its TextVectorization layer reads files",
    ),
    "a module outside of Keras": (
        layer(class_name="Evil", module="evil.layers", config={}),
        "'Evil' of 'evil.layers'",
    ),
    "a module that only sounds like Keras": (
        layer(class_name="Evil", module="keras_hub.layers", config={}),
        "'Evil' of 'keras_hub.layers'",
    ),
    "a class of Keras's insides": (
        layer(class_name="IndexLookup", module="keras.src.layers.preprocessing", config={}),
        "'IndexLookup'",
    ),
    "an operation that runs functions": (
        layer(class_name="Map", module="keras.src.ops.core", config={}),
        "'Map' of 'keras.src.ops.core'",
    ),
    "a function of the module of one of Keras's networks": (
        layer(class_name="ConvNeXt", module="keras.src.applications.convnext", config={}),
        "'ConvNeXt' of 'keras.src.applications.convnext'",
    ),
    "a type of TensorFlow's": (
        layer(class_name="__typespec__", module="builtins", spec_name="eval", config=[]),
        "'__typespec__' of 'builtins'",
    ),
    "a layer in the old format, without a module": (
        layer(class_name="Dense", config={"units": 1}),
        "'Dense' of None",
    ),
    "a name that is no name": (layer(class_name=["Dense"], module="keras.layers"), "not Keras's"),
    "a module that is no name": (layer(class_name="Dense", module=["keras.layers"]), "not Keras's"),
    "a custom object under one of Keras's names": (
        layer(
            class_name="Flatten",
            module="keras.layers",
            config={},
            registered_name="evil>Flatten",
        ),
        "'evil>Flatten'",
    ),
    "a function of Python's": (function("builtins", "eval"), "'eval' of 'builtins'"),
    "a function of the system's": (function("os", "system"), "'system' of 'os'"),
    "a download": (function("keras.utils", "get_file"), "'get_file' of 'keras.utils'"),
    "a model inside of a function": (
        function("keras.saving", "load_model"),
        "'load_model' of 'keras.saving'",
    ),
    "a deserializer as an activation": (
        function("builtins", "deserialize"),
        "'deserialize' of 'builtins'",
    ),
    "a function in the loss": (
        loss({"class_name": "function", "module": "subprocess", "config": "run"}),
        "'run' of 'subprocess'",
    ),
    "a class in the loss": (
        loss({"class_name": "Popen", "module": "subprocess", "config": {"args": "id"}}),
        "'Popen' of 'subprocess'",
    ),
    "a metric that wraps a function": (
        loss(
            {
                "class_name": "MeanMetricWrapper",
                "module": "keras.metrics",
                "config": {"fn": {"class_name": "function", "module": "os", "config": "system"}},
            }
        ),
        "'system' of 'os'",
    ),
    "no model at all": (lambda config: config.update(class_name="Dense"), "is that of no model"),
}


@pytest.mark.parametrize("what", HOSTILE_CONFIGS)
def test_a_config_that_asks_for_more_than_keras_has_is_refused(
    plain_members: dict[str, bytes], tmp_path: Path, what: str
) -> None:
    edit, says = HOSTILE_CONFIGS[what]
    path = write(tmp_path / "evil.keras", edited(plain_members, edit))
    with pytest.raises(ModelFileError) as caught:
        look_at(path)
    assert says in str(caught.value)


def compiled(loss: Any) -> Config:
    return {"optimizer": "adam", "loss": loss, "metrics": ["accuracy"]}


def test_of_a_graph_what_it_was_compiled_with_is_read_only_if_it_is_keras_own(
    plain_members: dict[str, bytes], tmp_path: Path
) -> None:
    """Wherever in the file it stands; Keras would load it for a model inside of the model."""
    hostile = {"class_name": "Popen", "module": "subprocess", "config": {"args": "id"}}

    def edit(config: Config) -> None:
        config["compile_config"] = compiled(hostile)
        inside = {**config, "config": {"name": "inside", "layers": config["config"]["layers"][:2]}}
        config["config"]["layers"][1] = inside

    path = write(tmp_path / "evil.keras", edited(plain_members, edit))
    with pytest.raises(ModelFileError, match="'Popen' of 'subprocess'"):
        look_at(path)
    with ModelArchive(path) as archive:
        contents = screen_graph(archive)
    assert contents.compiled_with == {"optimizer": "adam", "metrics": ["accuracy"]}
    assert contents.unread == "it asks for 'Popen' of 'subprocess', which is not Keras's own"
    assert "Popen" not in json.dumps(contents.config)
    model = load_checked(path, contents, compiled=False)
    assert not model.compiled
    assert not model.layers[0].compiled


@pytest.mark.parametrize("odd", [[], 1, "x", {}, {"class_name": "Popen"}, [{"module": "os"}]])
def test_odd_words_about_compiling_are_left_unread(
    plain_members: dict[str, bytes], tmp_path: Path, odd: Any
) -> None:
    members = edited(plain_members, lambda config: config.update(compile_config=odd))
    with ModelArchive(write(tmp_path / "odd.keras", members)) as archive:
        contents = screen_graph(archive)
    assert not contents.compiled_with
    assert "compile_config" not in contents.config


@pytest.mark.parametrize("name", ["softmax", "relu", "categorical_crossentropy"])
def test_a_function_of_keras_own_may_be_named_as_keras_names_functions(
    plain_members: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    node = {"class_name": "function", "config": name, "module": "builtins"}

    def edit(config: Config) -> None:
        config["config"]["layers"][-1]["config"]["activation"] = node | {
            "registered_name": "function"
        }

    look_at(write(tmp_path / "plain.keras", edited(plain_members, edit)))


@pytest.mark.parametrize("config", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b"1"])
def test_a_config_that_is_none_is_refused(
    plain_members: dict[str, bytes], tmp_path: Path, config: bytes
) -> None:
    path = write(tmp_path / "evil.keras", plain_members | {CONFIG: config})
    with pytest.raises(ModelFileError, match="is damaged: its config"):
        look_at(path)


@pytest.mark.parametrize(
    "name", ["../evil.py", "/tmp/evil.py", "..\\evil.py", "assets/x.txt", "model.weights.npz"]
)
def test_a_member_that_does_not_belong_is_refused(
    plain_members: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / "evil.keras", plain_members | {name: b"x"})
    with pytest.raises(ModelFileError, match="which doesn't belong"):
        look_at(path)


@pytest.mark.parametrize("member", [CONFIG, METADATA, WEIGHTS])
def test_a_bomb_is_refused_before_it_goes_off(
    plain_members: dict[str, bytes], tmp_path: Path, member: str
) -> None:
    bomb = plain_members | {member: bytes(15 << 20)}
    path = write(tmp_path / "evil.keras", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 16
    with pytest.raises(ModelFileError, match=f"{member} would take 15728640 bytes"):
        look_at(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_config_that_is_there_twice_is_refused(
    plain_members: dict[str, bytes], tmp_path: Path
) -> None:
    path = write(tmp_path / "evil.keras", plain_members)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CONFIG, b"{}")
    with pytest.raises(ModelFileError, match="two members"):
        look_at(path)


def external_link(file: h5py.File, outside: Path) -> None:
    file["layers/dense/vars/0"] = h5py.ExternalLink(str(outside), "secret")


def soft_link(file: h5py.File, outside: Path) -> None:
    file["layers/dense/vars/0"] = h5py.SoftLink("/elsewhere")


def external_data(file: h5py.File, outside: Path) -> None:
    file.create_dataset("weights", (4,), "f4", external=[(str(outside), 0, 16)])


def virtual_data(file: h5py.File, outside: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(outside), "secret", (4,))
    file.create_virtual_dataset("weights", layout)


def shape_bomb(file: h5py.File, outside: Path) -> None:
    file.create_dataset("weights", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


def words(file: h5py.File, outside: Path) -> None:
    file["weights"] = ["not", "numbers"]


def plugin(file: h5py.File, outside: Path) -> None:
    file.create_dataset("weights", data=np.zeros(64, "f4"), compression="lzf")


def named_type(file: h5py.File, outside: Path) -> None:
    file["weights"] = np.dtype("f4")


HOSTILE_WEIGHTS = {
    external_link: "link to elsewhere (ExternalLink)",
    soft_link: "link to elsewhere (SoftLink)",
    external_data: "lie in another file",
    virtual_data: "lie in another file",
    shape_bomb: "would take 4398046511104 bytes",
    words: "are no numbers",
    plugin: "packed in an unusual way",
    named_type: "hold a Datatype",
}


@pytest.mark.parametrize("hostile", HOSTILE_WEIGHTS, ids=lambda hostile: hostile.__name__)
def test_weights_that_are_more_than_numbers_are_refused(
    plain_members: dict[str, bytes],
    tmp_path: Path,
    hostile: Callable[[h5py.File, Path], None],
) -> None:
    outside = tmp_path / "secret.h5"
    with h5py.File(outside, "w") as file:
        file["secret"] = np.ones(4, "f4")
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        hostile(file, outside)
    path = write(tmp_path / "evil.keras", plain_members | {WEIGHTS: weights.getvalue()})
    with pytest.raises(ModelFileError) as caught:
        look_at(path)
    assert HOSTILE_WEIGHTS[hostile] in str(caught.value)


@pytest.mark.parametrize("weights", [b"", b"no HDF5", None])
def test_weights_that_are_none_are_refused(
    plain_members: dict[str, bytes], tmp_path: Path, weights: bytes | None
) -> None:
    cut = plain_members[WEIGHTS][:-2000] if weights is None else weights
    path = write(tmp_path / "evil.keras", plain_members | {WEIGHTS: cut})
    with pytest.raises(ModelFileError, match="its weights can't be read"):
        look_at(path)


def test_groups_that_hold_each_other_are_walked_once(
    plain_members: dict[str, bytes], tmp_path: Path
) -> None:
    weights = io.BytesIO(plain_members[WEIGHTS])
    with h5py.File(weights, "a") as file:
        file["layers/again"] = file["layers"]
    path = write(tmp_path / "round.keras", plain_members | {WEIGHTS: weights.getvalue()})
    with ModelArchive(path) as archive:
        again = screen(archive)
    with ModelArchive(write(tmp_path / "plain.keras", plain_members)) as archive:
        assert screen(archive) == again


@pytest.mark.parametrize(
    ("before", "layers", "says"),
    [
        (3, {"Dense": {"units": 10**7}}, "its layers ask for 1940000001 weights"),
        (1, {"ZeroPadding2D": {"padding": 10**5}, "Cropping2D": {"cropping": 10**5}}, "of one pic"),
        (
            1,
            {
                "Resizing": {"height": 18_000, "width": 18_000},
                "AveragePooling2D": {"pool_size": 2250},
            },
            "makes 972000000 numbers of one picture",
        ),
        (
            1,
            {"UpSampling2D": {"size": 1000}, "AveragePooling2D": {"pool_size": 1000}},
            "makes 192000000 numbers of one picture",
        ),
    ],
)
def test_a_layer_that_would_fill_the_memory_is_refused_before_it_does(
    plain_members: dict[str, bytes],
    tmp_path: Path,
    before: int,
    layers: dict[str, Config],
    says: str,
) -> None:
    def edit(config: Config) -> None:
        there = config["config"]["layers"]
        there[-1].pop("build_config")  # where it says what it was built for
        there[before:before] = [
            {"class_name": name, "module": "keras.layers", "config": arguments}
            for name, arguments in layers.items()
        ]

    path = write(tmp_path / "giant.keras", edited(plain_members, edit))
    with ModelArchive(path) as archive:
        contents = screen(archive)
    with pytest.raises(ModelFileError, match=says):
        load_checked(path, contents)
    with keras.StatelessScope():  # at whose end Keras makes up for variables that it left out
        pass


def array(dtype: Any) -> Config:
    return {"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": dtype}}


def compiled_with(part: str, kind: str, /, **config: Any) -> Callable[[Config], None]:
    node = {"class_name": kind, "module": f"keras.{part}", "config": config}
    return lambda whole: whole["compile_config"].update({part: [node]})


def own_layer(kind: str, /, **config: Any) -> Callable[[Config], None]:
    return layer(class_name=kind, module="keras.layers", config=config)


EXCESSES: dict[str, tuple[Callable[[Config], None], str]] = {
    "a square of counts": (
        compiled_with("metrics", "MeanIoU", num_classes=30_000),
        "its num_classes is 30000, and 4096 is the most",
    ),
    "a billion thresholds": (
        compiled_with("metrics", "AUC", num_thresholds=10**9),
        "its num_thresholds is 1000000000, and 1048576 is the most",
    ),
    "texts of a gigabyte": (own_layer("Rescaling", scale=array("S1000000000")), "'S1000000000'"),
    "texts of four bytes a letter": (
        own_layer("Rescaling", scale=array("U250000000")),
        "it asks for numbers of the kind 'U250000000'",
    ),
    "objects": (own_layer("Rescaling", scale=array("O")), "it asks for numbers of the kind 'O'"),
    "records": (own_layer("Rescaling", scale=array([["a", "f4"]])), "of the kind [['a', 'f4']]"),
    "a layer of texts": (own_layer("Rescaling", dtype="S900000000"), "of the kind 'S900000000'"),
    "a policy of texts": (
        own_layer(
            "Rescaling",
            dtype={"class_name": "DTypePolicy", "module": "keras", "config": {"name": "S9"}},
        ),
        "of the kind 'S9'",
    ),
    "a billion bins": (
        own_layer("Discretization", num_bins=10**9),
        "its num_bins is 1000000000, and 1048576 is the most",
    ),
    "a billion tokens": (
        own_layer("CategoryEncoding", num_tokens=10**9),
        "its num_tokens is 1000000000, and 10000000 is the most",
    ),
    "a size in a list": (own_layer("Conv2D", kernel_size=[1, 10**9]), "its kernel_size is 10"),
    "a name with a NUL": (own_layer("Rescaling", name="a\0b"), r"is called 'a\x00b'"),
    "a name that colours": (own_layer("Rescaling", name="\x1b[31m"), r"is called '\x1b[31m'"),
    "a name of two lines": (own_layer("Rescaling", name="a\nb"), r"is called 'a\nb'"),
    "a name without end": (own_layer("Rescaling", name="a" * 1001), "a part of it is called 'aaa"),
}


@pytest.mark.parametrize("what", EXCESSES)
def test_what_is_out_of_proportion_is_refused_before_anything_is_made(
    plain_members: dict[str, bytes], tmp_path: Path, what: str
) -> None:
    edit, says = EXCESSES[what]
    path = write(tmp_path / "excess.keras", edited(plain_members, edit))
    with pytest.raises(ModelFileError, match=re.escape(says)) as raised:
        look_at(path)
    assert raised.value.message.startswith(f"{path} is not to be trusted: ")
    if edit.__qualname__.startswith("compiled_with"):  # which a graph does without
        with ModelArchive(path) as archive:
            assert "metrics" not in (screen_graph(archive).compiled_with or {})
    else:
        with ModelArchive(path) as archive, pytest.raises(ModelFileError):
            screen_graph(archive)


@pytest.mark.parametrize(
    "edit",
    [
        own_layer("Rescaling", scale=array("float32"), dtype="bfloat16"),
        own_layer("Dropout", rate=0.5, seed=2**60),
        own_layer("LeakyReLU", negative_slope=1e30),
        compiled_with("metrics", "AUC", num_thresholds=1000),
    ],
)
def test_what_networks_have_is_in_proportion(
    plain_members: dict[str, bytes], tmp_path: Path, edit: Callable[[Config], None]
) -> None:
    look_at(write(tmp_path / "usual.keras", edited(plain_members, edit)))


def nested(levels: int, calls: int = 1) -> Callable[[Config], None]:
    """Models inside of models, each called so many times by the next."""

    def edit(config: Config) -> None:
        given, first = config["config"]["layers"][:2]
        for level in range(levels):
            inside = {**config, "config": {"name": f"level_{level}", "layers": [given, first]}}
            first = inside | {"inbound_nodes": [{"args": [], "kwargs": {}}] * calls}
        config["config"]["layers"].insert(1, first)

    return edit


def one_by_number(config: Config) -> None:
    """Keras takes what has the number of an earlier model for that model, and builds no other."""
    given, first, *_ = config["config"]["layers"]
    large = {**config, "shared_object_id": 7, "config": {"name": "x", "layers": [given, first]}}
    config["config"]["layers"][1:1] = [large, large | {"config": {"name": "x", "layers": []}}]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (nested(300), "models inside of models, 30 and more levels deep"),
        (nested(29, 2), "it calls its layers more than 10000 times"),
        (nested(2, 5000), "it calls its layers more than 10000 times"),
        (one_by_number, "it says of two models that they are one"),
    ],
)
@pytest.mark.parametrize("look", [screen, screen_graph])
def test_models_inside_of_models_come_to_an_end(
    plain_members: dict[str, bytes],
    tmp_path: Path,
    edit: Callable[[Config], None],
    says: str,
    look: Callable[[ModelArchive], object],
) -> None:
    path = write(tmp_path / "evil.keras", edited(plain_members, edit))
    with ModelArchive(path) as archive, pytest.raises(ModelFileError, match=says):
        look(archive)


def test_a_thousand_levels_are_refused(plain_members: dict[str, bytes], tmp_path: Path) -> None:
    """Deeper than JSON is read."""
    config = plain_members[CONFIG].decode()
    start, end = config.split('"layers": [', 1)
    deep = (start + '"layers": [') * 1000 + end + end[end.rindex("]") :] * 999
    path = write(tmp_path / "evil.keras", plain_members | {CONFIG: deep.encode()})
    with pytest.raises(ModelFileError, match=r"is damaged: its config can't be read|levels deep"):
        look_at(path)


def in_a_circle(config: Config) -> None:
    """Two layers, each of which is given what the other puts out."""
    layers = config["config"]["layers"]
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 8, 8, 3]}}

    def called_with(name: str) -> Config:
        history = {"keras_history": [name, 0, 0], "dtype": "float32"}
        return {"args": [tensor | {"config": tensor["config"] | history}], "kwargs": {}}

    first, second = ({**layers[1], "name": name} for name in ("one", "two"))
    given = {**layers[0], "name": "given", "inbound_nodes": []}
    config |= {"class_name": "Functional", "module": "keras.src.models.functional"}
    config["registered_name"] = "Functional"
    config["config"] = {
        "name": "round",
        "trainable": True,
        "layers": [
            given,
            first | {"inbound_nodes": [called_with("two")]},
            second | {"inbound_nodes": [called_with("one")]},
        ],
        "input_layers": [["given", 0, 0]],
        "output_layers": [["two", 0, 0]],
    }


def under_one_name(config: Config) -> None:
    in_a_circle(config)
    _, first, second = config["config"]["layers"]
    first["name"] = second["name"] = "one"
    config["config"]["output_layers"] = [["one", 0, 0]]


@pytest.mark.parametrize("edit", [in_a_circle, under_one_name])
def test_a_graph_that_is_none_is_an_error_and_no_endless_loop(
    plain_members: dict[str, bytes], tmp_path: Path, edit: Callable[[Config], None]
) -> None:
    path = write(tmp_path / "evil.keras", edited(plain_members, edit))
    with ModelArchive(path) as archive:
        contents = screen_graph(archive)
    with pytest.raises(ModelFileError, match="Keras can't load it: Invalid Functional model"):
        load_checked(path, contents, compiled=False)


def test_a_hostile_file_runs_nothing_and_imports_no_keras(tmp_path: Path) -> None:
    """A Lambda as Keras itself saves it, which would write a file when it is built."""
    wrote = tmp_path / "wrote"
    evil = keras.layers.Lambda(
        lambda x, name=str(wrote): (open(name, "w").close(), x)[1]  # noqa: PTH123
    )
    model = keras.Sequential([keras.Input((8, 8, 3)), evil, keras.layers.Flatten()])
    assert wrote.exists()
    model.save(tmp_path / "evil.keras")
    wrote.unlink()
    done = subprocess.run(
        [sys.executable, "-c", NAMES_WHAT_IT_IMPORTED, "adopt", "evil.keras", "--classes", "a,b"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "evil.keras is not to be trusted: its Lambda layer holds code" in done.stderr
    assert not set(done.stderr.splitlines()[-1].split()) & {"tensorflow", "keras", "h5py"}
    assert not wrote.exists()
    assert not (tmp_path / "models").exists()


def test_every_name_that_may_be_asked_for_is_a_class_or_function_of_keras() -> None:
    for module, names in [*_OPERATIONS.items(), *_OWN_LAYERS.items()]:
        there = vars(sys.modules[module])
        assert all(issubclass(there[name], keras.Operation) for name in names)
    assert {"Conv2D", "InputLayer", "RandomFlip", "Rescaling"} <= _classes("keras.layers")
    assert "Input" in vars(keras.layers)
    assert {"relu", "softmax", "binary_crossentropy", "accuracy"} - _functions() == {"accuracy"}
    assert not _functions() & {"get", "serialize", "deserialize", "eval"}


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "MobileNetV3Small"])
def test_networks_of_keras_are_trusted(name: str) -> None:
    """With layers and operations that Keras doesn't export."""
    with no_variable_left_to_initialize(), keras.StatelessScope(initialize_variables=False):
        network = getattr(keras.applications, name)(weights=None)
    refuse_foreign(json.loads(network.to_json()), Path(name))
