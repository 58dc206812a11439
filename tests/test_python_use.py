"""`from imgclf import ...`: what programs in Python call, and the command line as well."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgclf
from imgclf import Classifier, RetrainOptions, Trained, evaluate, load, predict, retrain, train
from imgclf.corrections.inputs import read_inputs
from imgclf.errors import ConfigError, ImgclfError, ModelFileError, PictureError, UsageError
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.system import signals
from tests.support.command_line import imgclf as command
from tests.support.trainings import assert_equal

CAT, DOG = "new/cat/cat-001.jpg", "new/dog/dog-001.jpg"


@pytest.fixture
def of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals, as they are in a program that only imports imgclf."""
    monkeypatch.setattr(signals, "_taken_over", False)


def test_every_public_name_is_there_and_no_other() -> None:
    assert [name for name in imgclf.__all__ if not hasattr(imgclf, name)] == []
    assert set(imgclf.__all__) <= set(dir(imgclf))
    page = (Path(__file__).parent.parent / "docs" / "python.md").read_text()
    assert [name for name in imgclf.__all__ if f"`{name}" not in page] == []
    with pytest.raises(AttributeError, match="has no attribute 'fit'"):
        _ = imgclf.fit  # type: ignore[attr-defined]


def test_importing_it_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import imgclf; print(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"{'imgclf'}\n"


def test_a_loaded_model_answers_without_tensorflow_and_prints_nothing(trained: Trained) -> None:
    program = (
        "import sys; from imgclf import load; said = load('models/pets.keras').predict"
        f"(['{CAT}', 'gone.jpg']); assert said[1].error == 'no such file'; "
        "assert not {'tensorflow', 'keras', 'pydantic', 'typer', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def as_command(*pictures: str) -> list[dict[str, object]]:
    done = command("predict", *pictures, "--format", "jsonl")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_answers_are_those_of_the_command_whatever_form_a_picture_has(trained: Trained) -> None:
    """The drawn pictures are not larger than twice the model's, so all of their pixels count."""
    classifier = load(trained.model)
    assert isinstance(classifier, Classifier)
    [row] = as_command(CAT)
    [of_path] = classifier.predict(CAT)
    assert (of_path.path, of_path.label) == (CAT, row["label"])
    assert of_path.confidence == pytest.approx(row["confidence"], abs=1e-6)
    image = Image.open(CAT)
    pixels = np.asarray(image.convert("RGB"))
    transparent = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    for picture in (Path(CAT), Path(CAT).read_bytes(), image, pixels, transparent):
        [answer] = classifier.predict([picture])
        assert answer.probabilities == of_path.probabilities
        assert answer.path == (CAT if isinstance(picture, Path) else "")
    batch = np.stack([pixels, pixels[:, ::-1]])
    assert classifier.predict(batch)[0].probabilities == of_path.probabilities
    assert classifier.predict_proba(batch).shape == (2, 2)
    assert classifier.predict_proba([]).shape == (0, 2)
    assert classifier.class_names == ("cat", "dog")


def test_grey_pictures_are_taken_with_and_without_a_channel(trained: Trained) -> None:
    grey = np.asarray(Image.open(CAT).convert("L"))
    classifier = load(trained.model)
    expected = classifier.predict_proba(np.dstack([grey] * 3))
    np.testing.assert_array_equal(classifier.predict_proba(grey), expected)
    np.testing.assert_array_equal(classifier.predict_proba(grey[:, :, None]), expected)


def test_a_picture_that_cant_be_read_has_its_answer_and_no_probabilities(trained: Trained) -> None:
    classifier = load("pets")
    floats = np.zeros((8, 8, 3), np.float32)
    rows = classifier.predict([CAT, floats, b"", "gone.jpg", np.zeros((0, 8, 3), np.uint8), None])  # type: ignore[list-item]
    assert [row.error for row in rows] == [
        None,
        "an array of float32 and shape (8, 8, 3); wanted is uint8 of shape (height, width), or "
        "with 1, 3 or 4 channels behind",
        "empty file",
        "no such file",
        "no pixels: 8 x 0",
        "NoneType is no picture; wanted is a path, bytes, an array or Pillow's",
    ]
    view = np.broadcast_to(np.uint8(0), (300_000, 300_000, 3))  # 270 GB, if somebody copied it
    assert classifier.predict(view[None])[0].error == "too many pixels (more than 178,956,970)"
    with pytest.raises(PictureError, match=r"pictures\[1\]: an array of float32"):
        classifier.predict_proba([CAT, floats])
    with pytest.raises(PictureError, match=r"gone\.jpg: no such file"):
        classifier.predict_proba("gone.jpg")


def test_a_folder_is_its_pictures_and_a_stream_comes_as_it_is_read(trained: Trained) -> None:
    rows = predict(trained.model, "new")
    assert [row.path for row in rows] == [str(row["path"]) for row in as_command("new")]
    assert predict("pets", [row.path for row in rows]) == rows
    taken = []

    def paths() -> Iterator[str]:
        for _ in range(40):
            yield from taken.append(None) or [CAT]  # type: ignore[func-returns-value]

    first: Prediction = next(load("pets").stream(paths()))
    assert first.label == rows[0].label


def test_the_least_confidence_is_a_number_or_one_for_each_class(trained: Trained) -> None:
    classifier = load(trained.model)
    assert {row.label for row in classifier.predict([CAT, DOG], 1.0)} == {"unsure"}
    labels = {row.label for row in predict(classifier, "new", {"cat": 1.0})}
    assert labels == {"unsure", "dog"}
    with pytest.raises(UsageError, match=r"no class 'dgo'.*did you mean dog"):
        classifier.predict([], {"dgo": 0.5})
    with pytest.raises(UsageError, match="between 0 and 1 is wanted; received: 80"):
        classifier.stream([CAT], 80)


def test_a_model_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(ModelFileError) as caught:
        load("gone.keras")
    assert isinstance(caught.value, ImgclfError)


@pytest.mark.slow
def test_a_training_from_python_is_that_of_the_command(
    trained: Trained, of_their_own: None, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    shutil.rmtree("models")
    Path("prints.py").write_text(
        "from imgclf.backend import keras\n"
        "import signal\n"
        "class Prints(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        print('epoch', epoch, signal.getsignal(signal.SIGINT).__name__)\n"
    )
    done = train("pets.yaml", {"callbacks": ["prints.py:Prints"], "training.epochs": 4}, fresh=True)
    printed = "".join(f"epoch {epoch} {handlers[0].__name__}\n" for epoch in range(4))  # type: ignore[union-attr]
    assert capfd.readouterr() == (printed, "")
    assert_equal(done, trained)  # which pytest's process trained with signals taken over
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        train("pets.yaml", ["training.epochs=none"])
    assert capfd.readouterr() == ("", "")


STOPS = """\
from imgclf.backend import keras
class Stops(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_ctrl_c_is_pythons_own_and_loses_nothing(trained: Trained, of_their_own: None) -> None:
    Path("stops.py").write_text(STOPS)
    before = trained.model.read_bytes()
    with pytest.raises(KeyboardInterrupt) as caught:
        train("pets.yaml", {"callbacks": ["stops.py:Stops"]}, fresh=True)
    assert not isinstance(caught.value, ImgclfError)
    assert trained.model.read_bytes() == before


def wrong_ones() -> dict[str, str]:
    rows = predict("pets", "new")
    return {row.path: Path(row.path).parent.name for row in rows if row.label not in row.path}


def test_a_correction_from_python_is_that_of_the_command(
    trained: Trained, capfd: pytest.CaptureFixture[str]
) -> None:
    path, label = next(iter(wrong_ones().items()))
    assert retrain("pets", {path: label}, RetrainOptions(dry_run=True)).outcome == "dry run"
    shutil.copytree(".", "../copy")
    done = retrain("pets", {path: label})
    assert (done.outcome, done.version, done.model) == ("corrected", 2, trained.model)
    assert capfd.readouterr() == ("", "")
    os.chdir("../copy")
    assert command("retrain", path, "--label", label).returncode == 0
    ours, theirs = (ModelArchive(Path(f"../{one}/models/pets.keras")) for one in ("work", "copy"))
    with ours, theirs:
        for member in ("model.weights.h5", "imgclf/head.msgpack"):
            assert ours.read(member) == theirs.read(member)
    assert predict("pets", path)[0].label == label


def test_corrections_come_by_mapping_table_or_folder(trained: Trained) -> None:
    path, label = next(iter(wrong_ones().items()))
    dry = RetrainOptions(dry_run=True)
    Path("said.csv").write_text(f"path,label\n{path},{label}\n")
    of_table = retrain(trained.model, "said.csv", dry)
    assert of_table == retrain(trained.model, {Path(path): label}, dry)
    assert of_table == retrain(trained.model, read_inputs([path], label, ()), dry)
    assert len(retrain(trained.model, "new", dry).pictures) == 20
    with pytest.raises(UsageError, match=f"{path}: dgo; did you mean dog"):
        retrain(trained.model, {path: "dgo"})


def test_scores_come_from_python_as_from_the_command(trained: Trained) -> None:
    scores = evaluate("pets")
    assert scores.accuracy == json.loads(command("evaluate", "--json").stdout)["accuracy"]
    assert evaluate(str(trained.model), "new").part == "test"


def test_what_would_be_said_goes_to_pythons_logging(
    trained: Trained, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("new/notes.txt").write_text("hello")
    with caplog.at_level(logging.INFO, logger="imgclf"):
        predict("pets", "new")
        evaluate("pets", "dataset")
    assert [(one.name, one.levelname) for one in caplog.records] == [
        ("imgclf", "INFO"),
        ("imgclf", "WARNING"),
    ]
    assert capfd.readouterr() == ("", "")


def test_keras_on_another_backend_is_refused_before_it_confuses_anything() -> None:
    program = (
        "import sys, types; keras = types.ModuleType('keras'); sys.modules['keras'] = keras\n"
        "keras.backend = types.SimpleNamespace(backend=lambda: 'jax')\n"
        "from imgclf.backend import keras"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "UsageError: Keras runs on jax in this process, and imgclf needs it on" in done.stderr


def test_the_example_in_the_documentation_runs(trained: Trained) -> None:
    """Each block of docs/python.md after the other, in one program, on the drawn pictures."""
    page = (Path(__file__).parent.parent / "docs" / "python.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    assert len(blocks) > 3
    exec("\n".join(blocks), {})
    # The training knows the corrections, which makes it another one.
    assert read_manifest(Path("models/pets.keras")).version == 3
