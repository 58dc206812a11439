"""Model files: what is read from them, and what is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from imgclf.commands.train import Trained
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import (
    CONFIG,
    FEATURES,
    MANIFEST,
    WEIGHTS,
    ModelArchive,
    read_manifest,
)
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.keras_io import load_keras_model
from imgclf.model_file.lookup import find_model
from imgclf.model_file.manifest import Correction, Decoder
from tests.support.model_files import rewritten


def with_layer(class_name: str, module: str) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        config = json.loads(content)
        layer = {"class_name": class_name, "module": module, "config": {"name": "evil"}}
        config["config"]["layers"].append(layer)
        return json.dumps(config).encode()

    return edit


@pytest.mark.parametrize(
    ("class_name", "module"),
    [
        ("Lambda", "keras.layers"),
        ("TFSMLayer", "keras.layers"),
        ("TorchModuleWrapper", "keras.layers"),
        ("system", "os"),
        ("get_file", "keras.utils"),
        ("Evil", "keras_evil.layers"),
        ("function", "keras.src.utils.file_utils"),
    ],
)
def test_a_model_that_could_run_code_is_not_opened(
    trained: Trained, class_name: str, module: str
) -> None:
    model = rewritten(trained.model, CONFIG, with_layer(class_name, module))
    with pytest.raises(ModelFileError, match="not to be trusted"):
        load_keras_model(model)


def test_a_network_that_keras_loads_and_can_not_run_is_an_error(trained: Trained) -> None:
    def edit(content: bytes) -> bytes:
        config = json.loads(content)
        (rescaling,) = (
            one for one in config["config"]["layers"] if one["class_name"] == "Rescaling"
        )
        rescaling["config"]["scale"] = [1.0, 2.0]
        return json.dumps(config).encode()

    model = rewritten(trained.model, CONFIG, edit)
    with pytest.raises(ModelFileError, match=r"other\.keras: Keras can't run it: "):
        load_keras_model(model)


def test_weights_that_are_not_those_of_the_manifest_are_refused(trained: Trained) -> None:
    model = rewritten(trained.model, WEIGHTS, lambda content: content[:-1] + b"x")
    with pytest.raises(ModelFileError, match="weights are not what they should be"):
        load_keras_model(model)


def test_a_graph_that_is_not_that_of_the_manifest_is_refused(trained: Trained) -> None:
    model = rewritten(trained.model, FEATURES, lambda content: content[:-1] + b"x")
    with ModelArchive(model) as archive:
        manifest = archive.manifest()
        with pytest.raises(ModelFileError, match="is not the graph it should be"):
            archive.features_graph(manifest)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"class_names": ("cat", "dog", "wolf"), "head": "softmax"},
            "its graph gives 1 numbers, its manifest says 3",
        ),
        (
            {"decoder": Decoder(height=16, width=32)},
            r"it takes pictures of \(32, 32, 3\) and not \(16, 32, 3\)",
        ),
    ],
)
def test_a_graph_that_does_not_fit_the_manifest_is_refused(
    trained: Trained, change: dict[str, object], reason: str
) -> None:
    other = msgspec.structs.replace(read_manifest(trained.model), **change)
    model = rewritten(trained.model, MANIFEST, lambda _: msgspec.json.encode(other))
    with pytest.raises(ModelFileError, match=reason):
        open_classifier(model)


def test_a_correction_to_a_label_that_is_no_class_is_damage(trained: Trained) -> None:
    said = Correction(path="a.jpg", digest="0" * 64, label="bird", was="cat", version=1)
    other = msgspec.structs.replace(read_manifest(trained.model), corrections=(said,))
    model = rewritten(trained.model, MANIFEST, lambda _: msgspec.json.encode(other))
    with pytest.raises(ModelFileError, match="a correction to 'bird', which is no class of it"):
        read_manifest(model)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b"null", b"{}", b'{"format_version": 1}', b"\xff", b"[" * 100_000],
)
def test_a_damaged_manifest_is_an_error(trained: Trained, manifest: bytes) -> None:
    model = rewritten(trained.model, MANIFEST, lambda _: manifest)
    with pytest.raises(ModelFileError, match="is damaged"):
        open_classifier(model)


def test_a_newer_format_says_so(trained: Trained) -> None:
    newer = json.dumps({"format_version": 99}).encode()
    model = rewritten(trained.model, MANIFEST, lambda _: newer)
    with pytest.raises(ModelFileError, match="newer imgclf"):
        open_classifier(model)


def test_a_plain_keras_model_is_told_how_to_be_adopted(trained: Trained) -> None:
    plain = trained.run.path / "checkpoints" / "best.keras"
    with pytest.raises(ModelFileError, match="doesn't say its classes") as caught:
        open_classifier(plain)
    assert f"imgclf adopt {plain}" in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(trained: Trained) -> None:
    with zipfile.ZipFile(trained.model, "a") as archive:
        archive.writestr(MANIFEST, b"{}")
    with pytest.raises(ModelFileError, match="two members"):
        ModelArchive(trained.model)


def test_a_member_that_would_fill_the_memory_is_refused(trained: Trained) -> None:
    target = trained.model.with_name("bomb.keras")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, b" " * (17 << 20))
    with pytest.raises(ModelFileError, match="not to be trusted"):
        open_classifier(target)


@pytest.mark.parametrize("keep", [0, 1, 100, 4000, -1000, -30, -1])
def test_a_cut_file_is_refused(trained: Trained, keep: int) -> None:
    whole = trained.model.read_bytes()
    trained.model.write_bytes(whole[:keep])
    with pytest.raises(ModelFileError):
        open_classifier(trained.model)


def test_the_only_model_is_found_and_several_are_listed(trained: Trained) -> None:
    Path("models/.pets.abcdefgh.tmp.keras").write_text("left by a process that was killed")
    assert find_model(None, None) == Path("models/pets.keras")
    shutil.copy("models/pets.keras", "models/other.keras")
    with pytest.raises(ModelFileError, match=r"several models: models/other.keras, models/pets"):
        find_model(None, None)
    assert find_model(Path("pets"), None) == Path("models/pets.keras")
    assert find_model(None, "models/other.keras") == Path("models/other.keras")
    assert find_model(Path("pets"), "models/other.keras") == Path("models/pets.keras")


def test_where_there_are_no_models_the_working_directory_is_asked_about(in_folder: Path) -> None:
    with pytest.raises(ModelFileError, match="no model in models/") as caught:
        find_model(None, None)
    assert caught.value.hint is not None and caught.value.hint.endswith("imgclf -C FOLDER")
    with pytest.raises(ModelFileError, match=r"no model file models/pets\.keras") as caught:
        ModelArchive(Path("models/pets.keras"))
    assert caught.value.hint is not None and caught.value.hint.endswith("imgclf -C FOLDER")


def test_a_misspelt_model_names_the_nearest(trained: Trained) -> None:
    with pytest.raises(ModelFileError, match=r"did you mean models/pets.keras"):
        ModelArchive(Path("models/pet.keras"))
    with pytest.raises(ModelFileError, match="no model file pet") as caught:
        ModelArchive(find_model(Path("pet"), None))
    assert "did you mean models/pets.keras?" in str(caught.value)
