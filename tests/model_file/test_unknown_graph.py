"""Models with a LiteRT graph that can't be checked: Keras answers, and `adopt` makes it anew."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.export import export
from imgclf.commands.train import Trained
from imgclf.errors import ModelFileError, UsageError
from imgclf.model.engine import KerasEngine, LiteRTEngine, SplitEngine
from imgclf.model_file.archive import CONFIG, MANIFEST, WEIGHTS, read_manifest
from imgclf.model_file.classifier import open_classifier
from tests.support.fuzz_keras import members_of
from tests.support.graphs import with_custom_operation
from tests.support.heard import listen
from tests.support.model_files import rewritten, with_graph

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)


def test_keras_answers_for_a_graph_that_is_not_run(trained: Trained) -> None:
    expected = open_classifier(trained.model)
    assert isinstance(expected.engine, SplitEngine)
    model = with_graph(trained.model, with_custom_operation)
    heard = listen()
    classifier = open_classifier(model)
    assert isinstance(classifier.engine, KerasEngine)
    (line,) = heard.text.splitlines()
    assert (
        "its LiteRT graph is not run, since it can't be checked: it has a custom operation" in line
    )
    assert line.endswith(f"imgclf adopt {model} --classes cat,dog makes one here")
    np.testing.assert_allclose(
        classifier.probabilities(PIXELS), expected.probabilities(PIXELS), atol=1e-5
    )


def test_keras_answers_with_one_row_of_numbers_or_not_at_all(
    trained: Trained, tmp_path: Path
) -> None:
    layers = keras.layers
    maps = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(2, 3, activation="softmax")])
    maps.save(tmp_path / "maps.keras")
    members = members_of(tmp_path / "maps.keras")
    weights = hashlib.sha256(members[WEIGHTS]).hexdigest()
    model = with_graph(trained.model, with_custom_operation)
    for name in (CONFIG, WEIGHTS):
        model = rewritten(model, name, lambda _, name=name: members[name])
    model = rewritten(
        model,
        MANIFEST,
        lambda manifest: json.dumps(json.loads(manifest) | {"weights_sha256": weights}).encode(),
    )
    with pytest.raises(ModelFileError) as caught:
        open_classifier(model)
    assert caught.value.message == (
        f"{model} is damaged: its network gives (30, 30, 2) for a picture, where its manifest "
        "says (1,)"
    )


def test_a_graph_that_is_not_that_of_the_manifest_is_damage(trained: Trained) -> None:
    model = rewritten(trained.model, "imgclf/features.tflite", with_custom_operation)
    with pytest.raises(ModelFileError, match=r"features\.tflite is not the graph it should be"):
        open_classifier(model)


def test_adopting_it_makes_the_graph_anew_and_keeps_the_rest(trained: Trained) -> None:
    model = with_graph(trained.model, with_custom_operation)
    with pytest.raises(UsageError, match="has the classes cat,dog"):
        adopt(model, ["dog", "cat"])
    done = adopt(model, ["cat", "dog"])
    assert done.model == Path("models/other.keras")
    classifier = open_classifier(done.model)
    assert isinstance(classifier.engine, SplitEngine)
    np.testing.assert_allclose(
        classifier.probabilities(PIXELS),
        open_classifier(trained.model).probabilities(PIXELS),
        atol=1e-5,
    )
    before, after = read_manifest(trained.model), done.manifest
    assert (after.temperature, after.decoder) == (before.temperature, before.decoder)
    assert (after.version, after.parent) == (before.version + 1, before.version)


def test_an_export_has_a_graph_made_anew(trained: Trained) -> None:
    model = with_graph(trained.model, with_custom_operation)
    done = export(model, "litert")
    found = LiteRTEngine(done.path.read_bytes()).run(PIXELS)
    expected = open_classifier(trained.model).engine.run(PIXELS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
