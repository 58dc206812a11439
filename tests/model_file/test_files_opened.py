"""Hostile models that name a file of somebody's: no command opens it, nor any other."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.evaluate import evaluate
from imgclf.commands.export import export
from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import Labelled
from imgclf.errors import ImgclfError
from imgclf.model_file.archive import CONFIG, MANIFEST, WEIGHTS, read_manifest
from imgclf.suspects.find import find_suspects
from tests.support.graphs import with_custom_operation
from tests.support.model_files import rewritten, with_graph
from tests.support.opened_files import nobody_opens, opened_files

BAIT = Path("private/secret.txt")


def in_layers(name: str, **arguments: Any) -> Callable[[bytes], bytes]:
    """Keras's config with one more layer."""

    def edit(content: bytes) -> bytes:
        config = json.loads(content)
        layer = {"class_name": name, "module": "keras.layers", "config": arguments}
        config["config"]["layers"].insert(1, layer | {"name": "theirs", "inbound_nodes": []})
        return json.dumps(config).encode()

    return edit


def in_weights(put: Callable[[h5py.File, str], object]) -> Callable[[bytes], bytes]:
    """Keras's weights with something more in them."""

    def edit(content: bytes) -> bytes:
        stream = io.BytesIO(content)
        with h5py.File(stream, "r+") as file:
            put(file, str(BAIT.absolute()))
        return stream.getvalue()

    return edit


def link(file: h5py.File, bait: str) -> None:
    file["layers/theirs"] = h5py.ExternalLink(bait, "/")


def elsewhere(file: h5py.File, bait: str) -> None:
    file.create_dataset("theirs", (4,), "f4", external=[(bait, 0, 16)])


def virtual(file: h5py.File, bait: str) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(bait, "secret", (4,))
    file.create_virtual_dataset("theirs", layout)


def hostile_members() -> dict[str, tuple[str, Callable[[bytes], bytes]]]:
    """What in Keras's part names the file, and in which member."""
    bait = str(BAIT.absolute())
    return {
        "lookup": (CONFIG, in_layers("StringLookup", vocabulary=bait)),
        "text": (CONFIG, in_layers("TextVectorization", vocabulary=bait)),
        "saved model": (CONFIG, in_layers("TFSMLayer", filepath=str(BAIT.parent.absolute()))),
        "link": (WEIGHTS, in_weights(link)),
        "elsewhere": (WEIGHTS, in_weights(elsewhere)),
        "virtual": (WEIGHTS, in_weights(virtual)),
    }


@pytest.fixture
def hostile(trained: Trained) -> Iterator[dict[str, Path]]:
    """Models of ours that name it, with all hashes set right, whose graphs leave Keras to answer.

    And one whose config of the training does, which answers without Keras.
    """
    BAIT.parent.mkdir()
    BAIT.write_text("secret")
    made = {
        "trained so": rewritten(trained.model, MANIFEST, _with_lookup).rename("models/so.keras")
    }
    unknown = with_graph(trained.model, with_custom_operation).rename("models/unknown.keras")
    for name, (member, edit) in hostile_members().items():
        path = rewritten(unknown, member, edit)
        with zipfile.ZipFile(path) as archive:
            digest = hashlib.sha256(archive.read(WEIGHTS)).hexdigest()
        path = rewritten(path, MANIFEST, _with_digest(digest))
        made[name] = path.rename(f"models/{name.replace(' ', '-')}.keras")
    with nobody_opens(BAIT):
        yield made


def _with_lookup(content: bytes) -> bytes:
    manifest = json.loads(content)
    lookup = {"IntegerLookup": {"vocabulary": str(BAIT.absolute())}}
    manifest["config"]["model"]["layers"].insert(0, lookup)
    return json.dumps(manifest).encode()


def _with_digest(digest: str) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | {"weights_sha256": digest}).encode()


def outcomes(models: dict[str, Path], do: Callable[[Path], object], *named: str) -> set[str]:
    """Does something with each model, and says which could not be refused."""
    answered = set()
    for name, model in models.items():
        beside = model.with_suffix(".history"), model.with_name(f".{model.name}.lock")
        with opened_files(model, *beside, *map(Path, named)) as foreign:
            try:
                do(model)
                answered.add(name)
            except ImgclfError as error:
                assert error.exit_status == 2, error.message
        assert foreign == set(), name
    return answered


def data_set(models: dict[str, Path]) -> str:
    """The one that a model says it was trained on."""
    data = read_manifest(models["trained so"]).data
    assert data is not None
    return data.directory


def test_predict(hostile: dict[str, Path]) -> None:
    def do(model: Path) -> None:
        assert list(predict(load(model, []), find_inputs(["new"], [])))

    assert outcomes(hostile, do, "new") == {"trained so"}


def test_evaluate(hostile: dict[str, Path]) -> None:
    here = "new", ".imgclf-cache"
    assert outcomes(hostile, lambda model: evaluate(model, Path("new"), []), *here) == {
        "trained so"
    }


def test_suspects(hostile: dict[str, Path]) -> None:
    here = "new", ".imgclf-cache"
    answered = outcomes(hostile, lambda model: find_suspects(model, Path("new")), *here)
    assert answered == {"trained so"}
    # And on the pictures that the manifest says it was trained on.
    here = data_set(hostile), ".imgclf-cache"
    answered = outcomes(hostile, lambda model: find_suspects(model, None, folds=0), *here)
    assert answered == {"trained so"}


def test_retrain(hostile: dict[str, Path]) -> None:
    def do(model: Path) -> None:
        retrain(model, [Labelled(next(Path("new/cat").iterdir()), "dog")])

    here = "new", data_set(hostile), ".imgclf-cache"
    assert outcomes(hostile, do, *here) == {"trained so"}


def test_export(hostile: dict[str, Path]) -> None:
    def do(model: Path) -> None:
        export(model, "litert", output=Path("out") / f"{model.stem}.tflite")

    assert outcomes(hostile, do, "out") == {"trained so"}


def test_adopt(in_folder: Path) -> None:
    BAIT.parent.mkdir()
    BAIT.write_text("secret")
    plain = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    )
    plain.save("plain.keras")
    made = {}
    for name, (member, edit) in hostile_members().items():
        made[name] = rewritten(Path("plain.keras"), member, edit).rename(f"{name}.keras")
    with nobody_opens(BAIT):
        assert outcomes(made, lambda model: adopt(model, ["a", "b"]), "models") == set()


def test_what_opens_a_file_is_seen(in_folder: Path) -> None:
    (bait := Path("bait")).write_bytes(np.zeros(4, "f4").tobytes())
    with h5py.File("data.h5", "w") as file:
        data = file.create_dataset("theirs", (4,), "f4", external=[(str(bait), 0, 16)])
        with opened_files(Path("named")) as foreign, pytest.raises(AssertionError, match="bait"):
            Path("other").touch()
            with nobody_opens(bait):
                assert data[0] == 0
    assert foreign == {Path("other").absolute()}
