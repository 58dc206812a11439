"""Corrections that a picture's features speak against are named, and learned all the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.predict import find_inputs, predict
from imgclf.corrections.assess import assess
from imgclf.corrections.doubtful import contradicts_model, find_doubtful
from imgclf.corrections.feature_memory import LabelledFeatures, load_features
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.journal import read_journal
from imgclf.model.engine import SplitEngine
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from tests.support.trainings import trained_on_drawn

MODEL = Path("models/pets.keras")
_CONFIG = """\
data: {directory: dataset, image_size: 64, batch_size: 16, seed: 5}
model: {backbone: EfficientNetLite0}
training: {epochs: 60, optimizer: {Adam: 0.01}}
"""
_OTHER = {"cat": "dog", "dog": "cat"}


@pytest.fixture(scope="module")
def made(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and a model that is sure of what it says."""
    return trained_on_drawn(drawn, tmp_path_factory.mktemp("doubtful"), _CONFIG)


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def surest() -> Prediction:
    """Of the new pictures, the one that the model is surest of; it has it right."""
    rows = predict(open_classifier(MODEL), find_inputs(["new"], []))
    found = max(rows, key=lambda row: row.confidence or 0)
    assert found.label == Path(found.path).parent.name
    return found


def retrain(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["retrain", *arguments])
    assert done.exit_code in (0, 3), done.output
    return done.stdout, done.stderr


def test_a_wrong_correction_is_named_and_how_to_take_it_back(here: Path) -> None:
    row = surest()
    assert row.label is not None
    wrong = _OTHER[row.label]
    out, err = retrain(row.path, "--label", wrong, "--max-drop", "1")
    assert out.splitlines()[0].endswith("(corrected, doubtful)")
    assert (
        f"1 of these may be mistakes (doubtful): the features of {row.path} speak for "
        f"{row.label}, and not for {wrong}"
    ) in err
    back = f"imgclf retrain --forget {row.path} --model {MODEL}"
    assert f"to take one back: {back}" in err
    [entry] = read_journal(MODEL)
    assert (entry.outcome, entry.doubtful) == ("corrected", True)
    before = read_manifest(MODEL).version
    retrain(*back.split()[2:])
    assert read_manifest(MODEL).version == before + 1
    assert read_manifest(MODEL).corrections == ()
    out, _ = retrain(row.path, "--label", row.label, "--json")
    [picture] = json.loads(out)["pictures"]
    assert (picture["outcome"], picture["doubtful"]) == ("right already", False)


def test_the_model_and_the_nearest_pictures_both_speak_against_it(here: Path) -> None:
    row = surest()
    assert row.label is not None
    classifier = open_classifier(MODEL)
    memory, engine = load_features(MODEL, classifier.manifest), classifier.engine
    assert memory is not None
    assert isinstance(engine, SplitEngine)
    cases, _ = assess(classifier, [Labelled(Path(row.path), _OTHER[row.label])])
    [case] = cases
    assert contradicts_model(case)
    assert find_doubtful(cases, memory, engine.features) == {case.picture.digest}

    # The same features under the other label: the nearest pictures speak for it then.
    training = memory.training
    turned = LabelledFeatures(training.values, 1 - training.labels, training.digests)
    memory = type(memory)(turned, memory.judge, memory.graph, memory.class_names)
    assert find_doubtful(cases, memory, engine.features) == set()

    # What the model says itself can't contradict it.
    [right], _ = assess(classifier, [Labelled(Path(row.path), row.label)])
    assert not contradicts_model(right)


def test_few_remembered_pictures_are_no_witness(here: Path) -> None:
    row = surest()
    assert row.label is not None
    classifier = open_classifier(MODEL)
    memory, engine = load_features(MODEL, classifier.manifest), classifier.engine
    assert memory is not None
    assert isinstance(engine, SplitEngine)
    cases, _ = assess(classifier, [Labelled(Path(row.path), _OTHER[row.label])])
    few = np.arange(9)
    training = memory.training
    small = LabelledFeatures(training.values[few], training.labels[few], training.digests[few])
    memory = type(memory)(small, memory.judge, memory.graph, memory.class_names)
    assert find_doubtful(cases, memory, engine.features) == set()
