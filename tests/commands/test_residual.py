"""A small residual network: one flat graph, which all commands take as any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import retrain
from imgclf.corrections.inputs import Labelled
from imgclf.data.decoder import decode
from imgclf.model.engine import SplitEngine
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.screening import screen
from tests.support.trainings import is_whole, trained_on_drawn

MODEL = Path("models/pets.keras")
CONFIG = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
augmentation: [RandomFlip: horizontal]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 3, strides: 2, padding: same}
    - Residual:
      - Conv2D: {filters: 12, kernel_size: 3, strides: 2, padding: same, use_bias: false}
      - BatchNormalization: {momentum: 0.8}
    - ReLU
    - Residual:
      - Conv2D: {filters: 12, kernel_size: 3, padding: same}
    - ReLU
    - GlobalAveragePooling2D
    - Dropout: 0.1
training: {epochs: 2}
"""


@pytest.fixture(scope="module")
def trained_with_branches(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_on_drawn(drawn, tmp_path_factory.mktemp("branches"), CONFIG)


@pytest.fixture
def trained(
    trained_with_branches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    """The pictures beside a model of its own."""
    shutil.copytree(trained_with_branches, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return sorted(Path("new").rglob("*.jpg"))


def answers(model: Path, pictures: list[Path]) -> np.ndarray:
    """Of plain Keras and of LiteRT, which agree."""
    settings = read_manifest(model).decoder.settings()
    pixels = np.stack([decode(path, settings) for path in pictures])
    found = open_classifier(model)
    assert isinstance(found.engine, SplitEngine)  # no fallback
    ours = found.engine.run(pixels)
    plain = keras.models.load_model(model).predict(pixels, verbose=0)
    np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)
    return ours


def test_plain_keras_opens_it_and_a_correction_needs_no_keras(
    trained: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(MODEL, trained)
    plain = keras.models.load_model(MODEL)
    assert not any(isinstance(one, keras.Model) for one in plain.layers)
    assert {type(one).__module__.split(".")[0] for one in plain.layers} == {"keras"}
    with ModelArchive(MODEL) as archive:
        screen(archive)

    [wrong, *_] = [
        row
        for row in predict(open_classifier(MODEL), find_inputs(list(map(str, trained)), []))
        if row.label != Path(row.path).parent.name
    ]
    monkeypatch.setattr("imgclf.corrections.learners.open_in_keras", None)
    label = Path(wrong.path).parent.name
    assert retrain(MODEL, [Labelled(Path(wrong.path), label)]).outcome == "corrected"
    answers(MODEL, trained)
    assert is_whole(MODEL)
    [now] = predict(open_classifier(MODEL), find_inputs([wrong.path], []))
    assert now.label == label


@pytest.mark.slow
def test_it_is_adopted_from_plain_keras(trained: list[Path]) -> None:
    before = answers(MODEL, trained)
    keras.models.load_model(MODEL).save("mine.keras")
    adopt(Path("mine.keras"), ["cat", "dog"], name="mine")
    np.testing.assert_allclose(
        answers(Path("models/mine.keras"), trained), before, rtol=1e-4, atol=1e-5
    )
