"""Exporting: every format is really written, and run by its own runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from imgclf.backend import keras
from imgclf.commands import export_check
from imgclf.commands import export_target as command
from imgclf.commands.adopt import adopt
from imgclf.commands.export import export
from imgclf.commands.export_target import Format, companions, export_target
from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import read_inputs
from imgclf.corrections.replay_memory import ReplayMemory, load_memory
from imgclf.data.decoder import decode
from imgclf.errors import DataError, UsageError
from imgclf.model.engine import LiteRTEngine
from imgclf.model_file.archive import FEATURES, HEAD, ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.converters import run_onnx, run_saved_model
from tests.support.command_line import imgclf, imported_by
from tests.support.pretrained import on_backbone, written
from tests.support.trainings import published_in_one_piece

OWN_RUNTIME = {
    "litert": lambda path, pixels: LiteRTEngine(path.read_bytes()).run(pixels),
    "onnx": lambda path, pixels: run_onnx(path.read_bytes(), pixels),
    "saved_model": run_saved_model,
}


def memory_of(trained: Trained) -> ReplayMemory:
    memory = load_memory(trained.model)
    assert memory is not None
    return memory


def outputs_of(trained: Trained) -> NDArray[np.float32]:
    """What Keras itself makes of the held-out pictures."""
    pixels = memory_of(trained).judge.pixels.astype(np.float32)
    outputs: NDArray[np.float32] = keras.models.load_model(trained.model).predict(pixels, verbose=0)
    return outputs


def bicubic() -> Any:
    """A model that LiteRT can't express without TensorFlow's own operations."""
    return keras.Sequential(
        [
            keras.Input((12, 8, 3)),
            keras.layers.Resizing(6, 6, interpolation="bicubic"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize(
    ("form", "name"),
    [("litert", "pets.tflite"), ("onnx", "pets.onnx"), ("saved_model", "pets_saved_model")],
)
def test_what_is_written_says_what_keras_says(trained: Trained, form: Format, name: str) -> None:
    """The model has augmentation in it, which Keras's own export leaves at work."""
    done = export(trained.model, form)
    assert done.path == Path(name)
    assert done.compared == "12 held-out pictures"
    assert 0 <= done.difference < 1e-5
    files = [path for path in [done.path, *done.path.rglob("*")] if path.is_file()]
    assert done.size == sum(path.stat().st_size for path in files) > 1000
    found = OWN_RUNTIME[form](done.path, memory_of(trained).judge.pixels)
    np.testing.assert_allclose(found, outputs_of(trained), atol=1e-5)
    assert not list(Path().glob(".*.tmp*"))

    labels, readme = done.companions
    assert labels.name == ("labels.txt" if form == "saved_model" else f"{name}.labels.txt")
    assert labels.read_text() == "cat\ndog\n"
    words = " ".join(readme.read_text().split())
    assert f"{name} says which of 2 things a picture shows" in words
    assert f"Above 0.5 the picture shows dog, the second line of {labels.name}; else cat" in words
    if form == "onnx":
        import onnxruntime

        said = onnxruntime.InferenceSession(done.path).get_modelmeta()
        assert json.loads(said.custom_metadata_map["labels"]) == ["cat", "dog"]
        assert said.custom_metadata_map["temperature"] == str(done.manifest.temperature)
        assert said.description.startswith("pets.onnx says which of 2 things")


@pytest.mark.slow
def test_int8_computes_in_int8_and_says_what_it_cost(trained: Trained) -> None:
    done = export(trained.model, "litert", quantize="int8")
    assert done.path == Path("pets.int8.tflite")
    interpreter = Interpreter(model_path=str(done.path))
    types = {tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    assert np.int8 in types
    assert interpreter.get_input_details()[0]["dtype"] == np.float32
    assert interpreter.get_output_details()[0]["dtype"] == np.float32

    judge = memory_of(trained).judge
    second = export_check.WrittenGraph(done.path.read_bytes()).run(judge.pixels)[:, 0] > 0.5
    cost = done.quantised
    assert cost is not None
    assert cost.pictures == len(judge) == 12
    assert cost.after == (second == judge.labels).mean()
    assert cost.before == ((outputs_of(trained)[:, 0] > 0.5) == judge.labels).mean()
    assert abs(cost.before - cost.after) < 0.2
    assert done.size < cost.size_before
    assert 0 < done.difference < 0.1


@pytest.mark.slow
def test_corrections_survive_int8_although_only_their_pictures_make_their_neurons_speak(
    trained: Trained,
) -> None:
    rows = predict(load(trained.model, []), find_inputs(["new"], []))
    wrong = next(row for row in rows if row.label != Path(row.path).parent.name)
    truth = Path(wrong.path).parent.name
    assert retrain(trained.model, read_inputs([wrong.path], truth, [])).version == 2

    done = export(trained.model, "litert", quantize="int8")
    assert done.compared == "12 held-out and 1 corrected pictures"
    cost = done.quantised
    assert cost is not None
    assert (cost.hold, cost.corrected) == (1, 1)
    manifest = read_manifest(trained.model)
    pixels = decode(Path(wrong.path), manifest.decoder.settings())[np.newaxis]
    second = export_check.WrittenGraph(done.path.read_bytes()).run(pixels)[0, 0] > 0.5
    assert manifest.class_names[int(second)] == truth


@pytest.mark.slow
@pytest.mark.parametrize("form", ["litert", "onnx", "saved_model"])
def test_a_model_in_two_parts_is_written_in_one(trained: Trained, form: Format) -> None:
    written(on_backbone(keras.layers.Dense(1, activation="sigmoid"), size=(32, 32)), trained.model)
    done = export(trained.model, form)
    assert done.compared == "12 held-out pictures"
    assert 0 <= done.difference < 1e-5
    pixels = memory_of(trained).judge.pixels
    found = OWN_RUNTIME[form](done.path, pixels)
    np.testing.assert_allclose(found, outputs_of(trained), atol=1e-5)
    np.testing.assert_allclose(found, open_classifier(trained.model).engine.run(pixels), atol=1e-5)


@pytest.mark.slow
def test_a_model_in_two_parts_is_quantised_in_one(trained: Trained) -> None:
    written(on_backbone(keras.layers.Dense(1, activation="sigmoid"), size=(32, 32)), trained.model)
    done = export(trained.model, "litert", quantize="int8")
    interpreter = Interpreter(model_path=str(done.path))
    assert np.int8 in {tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    assert 0 < done.difference < 0.1
    assert done.quantised is not None
    with ModelArchive(trained.model) as archive:
        assert done.quantised.size_before == archive.size(FEATURES) + archive.size(HEAD) > 4000


@pytest.mark.slow
def test_a_graph_of_all_in_the_model_file_is_written_without_tensorflow(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_in_one_piece(monkeypatch)
    assert not imported_by("export", "--format", "litert") & {"tensorflow", "keras"}
    assert Path("pets.tflite").exists()


def test_without_a_memory_noise_is_compared_and_int8_is_refused(trained: Trained) -> None:
    Path("models/pets.history/memory.npz").unlink()
    assert export(trained.model, "litert").compared == "4 noise pictures"
    with pytest.raises(DataError, match="has no replay memory"):
        export(trained.model, "litert", quantize="int8")
    assert not Path("pets.int8.tflite").exists()


def test_what_an_export_wrote_is_replaced_and_nothing_else(trained: Trained) -> None:
    out = Path("out.tflite")
    for there in (out, Path("out.tflite.labels.txt"), Path("out.tflite.README.txt")):
        there.write_text("mine")
        with pytest.raises(UsageError, match=f"{there.name} is there already, and is nothing"):
            export(trained.model, "litert", output=out)
        assert there.read_text() == "mine"
        there.unlink()
    done = export(trained.model, "litert", output=out)
    out.write_bytes(b"of an earlier version of the model")
    export(trained.model, "litert", output=out)
    assert out.stat().st_size == done.size


def test_two_formats_of_one_name_have_labels_of_their_own(trained: Trained) -> None:
    done = export(trained.model, "litert", output=Path("out.tflite"))
    other = companions(export_target(trained.model, "onnx", Path("out.onnx"), None))
    assert not {*done.companions} & {*other}


def test_nothing_is_exported_among_models_or_pictures(trained: Trained) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    for place in (Path("models/p.tflite"), Path(data.directory, "cat/p.tflite")):
        with pytest.raises(UsageError, match=r"^--output .*: this lies "):
            export(trained.model, "litert", output=place)
        assert not place.exists()


@pytest.mark.slow
def test_a_folder_is_replaced_only_if_nothing_but_a_saved_model_is_lost(trained: Trained) -> None:
    served = Path("served")
    (served / "variables").mkdir(parents=True)
    (served / "saved_model.pb").write_bytes(b"old")
    (served / "notes.txt").write_text("mine")
    Path("link").symlink_to(served)
    Path("empty").mkdir()
    for name in ("served", "link", "empty"):
        with pytest.raises(UsageError, match=f"{name} is there already"):
            export(trained.model, "saved_model", output=Path(name))
    assert sorted(path.name for path in served.iterdir()) == [
        "notes.txt",
        "saved_model.pb",
        "variables",
    ]
    (served / "notes.txt").rename(served / "variables" / "notes.txt")
    with pytest.raises(UsageError, match="served is there already"):
        export(trained.model, "saved_model", output=served)
    (served / "variables" / "notes.txt").unlink()
    export(trained.model, "saved_model", output=served)
    pixels = memory_of(trained).judge.pixels
    np.testing.assert_allclose(run_saved_model(served, pixels), outputs_of(trained), atol=1e-5)
    assert not list(Path().glob(".*.tmp*"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["litert", "onnx", "saved_model"])
def test_if_the_outputs_differ_nothing_is_left_behind(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    monkeypatch.setattr(export_check, "TOLERANCE", -1.0)
    before = sorted(path.name for path in Path().iterdir())
    with pytest.raises(UsageError, match="would differ from the model's by"):
        export(trained.model, form)
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.slow
def test_what_a_runtime_lacks_is_said_and_nothing_is_left_behind(in_folder: Path) -> None:
    bicubic().save("odd.keras")
    model = adopt(Path("odd.keras"), ["a", "b"]).model
    with pytest.raises(UsageError, match="LiteRT can't run what was written: Select TensorFlow"):
        export(model, "litert")
    assert sorted(path.name for path in in_folder.iterdir()) == ["models", "odd.keras"]
    assert export(model, "saved_model").path.is_dir()


def test_missing_packages_are_named_with_what_installs_them(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_ONNX_PACKAGES", ("tf2onnx", "onnx_that_is_not_there"))
    with pytest.raises(UsageError, match="needs onnx_that_is_not_there") as caught:
        export(trained.model, "onnx")
    assert caught.value.hint == "pip install 'imgclf[onnx]'"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "onxx"], "did you mean onnx?"),
        (["--format", "onnx", "--quantize", "int8"], "goes with --format litert only"),
        (["--format", "litert", "--quantize", "int4"], "did you mean int8?"),
        (["--format", "litert", "--output", "models/pets.keras"], "ends in .tflite"),
        (["--format", "saved_model", "--output", "new"], "new is there already"),
        (["--format", "litert", "--model", "pet"], "did you mean models/pets.keras?"),
    ],
)
def test_a_mistake_is_a_message_and_status_2(
    trained: Trained, arguments: list[str], says: str
) -> None:
    before = trained.model.read_bytes()
    done = imgclf("export", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
    assert trained.model.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "lines"),
    [(["onnx"], 3), (["saved_model"], 3), (["litert", "--quantize", "int8"], 5)],
)
def test_nothing_that_the_libraries_print_gets_through(
    trained: Trained, arguments: list[str], lines: int
) -> None:
    done = imgclf("export", "--format", *arguments)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == lines
    *rest, last = done.stderr.splitlines()
    assert last.startswith(
        "it takes float32 RGB pictures, shape (pictures, 32, 32, 3), values 0 to 255, and puts "
        "out the probability of dog"
    )
    assert all(line.startswith("exporting models/pets.keras in ") for line in rest)
