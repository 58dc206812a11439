"""A neuron is learned without Keras, and comes to what it came to in Keras."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgclf.backend import keras
from imgclf.commands.adopt import adopt
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, Retrained, retrain
from imgclf.commands.train import Trained, train
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.replay_memory import load_memory
from imgclf.data.decoder import Pixels, decode
from imgclf.model.engine import SplitEngine
from imgclf.model_file.archive import FEATURES, ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.screening import screen
from imgclf.model_file.versions import roll_back
from tests.support.command_line import imgclf, imported_by
from tests.support.heard import Heard
from tests.support.pretrained import fitted, written
from tests.support.trainings import is_whole, published_in_one_piece

MODEL = Path("models/pets.keras")


def pictures() -> list[Path]:
    return sorted([*Path("new").rglob("*.jpg"), *Path("dataset").rglob("*.jpg")])


def pixels_of_all() -> Pixels:
    settings = read_manifest(MODEL).decoder.settings()
    return np.stack([decode(path, settings) for path in pictures()])


def mistakes(count: int) -> list[Labelled]:
    """The first pictures that the model has wrong."""
    rows = predict(open_classifier(MODEL), find_inputs(list(map(str, pictures())), []))
    wrong = [row.path for row in rows if row.label != Path(row.path).parent.name]
    assert len(wrong) >= count
    return [Labelled(Path(path), Path(path).parent.name) for path in wrong[:count]]


def turned(folder: Path) -> None:
    """One more class: the cats of a folder, turned by a quarter."""
    (folder / "lynx").mkdir()
    for path in (folder / "cat").iterdir():
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(folder / "lynx" / path.name)


def from_scratch() -> None:
    """As it was trained: two classes, a sigmoid."""


def from_scratch_with_a_softmax() -> None:
    for part in ("dataset", "new"):
        turned(Path(part))
    train(Path("pets.yaml"))


def on_a_backbone() -> None:
    memory = load_memory(MODEL)
    assert memory is not None
    written(fitted(memory.replay.pixels, memory.replay.labels), MODEL)


def adopted_with_logits() -> None:
    """Somebody's chain of layers, which was trained on the same pictures."""
    original = keras.models.load_model(MODEL)
    inner = original.layers[2:-1]
    chain = keras.Sequential([keras.Input((32, 32, 3)), *inner, keras.layers.Dense(1)])
    chain.layers[-1].set_weights(original.layers[-1].get_weights())
    chain.save("mine.keras")
    adopt(Path("mine.keras"), ["cat", "dog"], name="pets")


def with_neurons() -> None:
    assert retrain(MODEL, mistakes(2)).outcome == "corrected"


def grown_by_a_class() -> None:
    turned(Path("new"))
    shutil.rmtree("new/dog")  # so that the mistakes are in dataset/
    fish = [Labelled(path, "lynx") for path in sorted(Path("new/lynx").iterdir())]
    assert retrain(MODEL, fish, Options(new_class=True, max_drop=1.0)).outcome == "corrected"


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind
    for kind in (
        from_scratch,
        from_scratch_with_a_softmax,
        on_a_backbone,
        adopted_with_logits,
        with_neurons,
        grown_by_a_class,
    )
}


def of(done: Retrained) -> list[tuple[str, str, str | None, str | None]]:
    """What came of each picture."""
    return [(one.before.path, one.outcome, one.reason, one.after.label) for one in done.pictures]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_to_the_same_as_in_keras(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    KINDS[kind]()
    adopted = KINDS[kind] is adopted_with_logits  # which has no pictures beside it
    options = Options(data=Path("dataset") if adopted else None)
    labelled, seen = mistakes(4), pixels_of_all()
    shutil.copytree("models", "models_before")
    with ModelArchive(MODEL) as archive:
        graph = archive.read(FEATURES)

    with monkeypatch.context() as without_keras:
        without_keras.setattr("imgclf.corrections.learners.open_in_keras", None)
        done = retrain(MODEL, labelled, options)
    found = open_classifier(MODEL)
    assert isinstance(found.engine, SplitEngine)
    ours = found.engine.run(seen)
    plain = keras.models.load_model(MODEL).predict(seen, verbose=0)
    np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-5)
    assert is_whole(MODEL)
    with ModelArchive(MODEL) as archive:
        screen(archive)
        assert archive.read(FEATURES) == graph

    shutil.rmtree("models")
    Path("models_before").rename("models")
    monkeypatch.setattr("imgclf.corrections.learners.split_learner", lambda *_: None)
    in_keras = retrain(MODEL, labelled, options)
    assert of(done) == of(in_keras)
    assert done.outcome == in_keras.outcome == "corrected"
    assert done.judged == in_keras.judged
    others = open_classifier(MODEL)
    np.testing.assert_allclose(ours, others.engine.run(seen), rtol=1e-5, atol=1e-5)
    one, other = found.manifest, others.manifest
    assert [(c.digest, c.label, c.version, c.by) for c in one.corrections] == [
        (c.digest, c.label, c.version, c.by) for c in other.corrections
    ]
    assert (one.scores, one.temperature, one.format_version) == (
        other.scores,
        other.temperature,
        other.format_version,
    )


@pytest.mark.slow
def test_no_correction_imports_tensorflow(trained: Trained) -> None:
    first, second, third = (str(one.path) for one in mistakes(3))
    for path in (first, second):
        label = Path(path).parent.name
        assert not imported_by("retrain", path, "--label", label) & {"tensorflow", "keras"}
    # Nor does it to take one back, and to learn another label in its place.
    other = {"cat": "dog", "dog": "cat"}[Path(first).parent.name]
    relabel = ["retrain", first, "--label", other, "--relabel"]
    assert not imported_by(*relabel) & {"tensorflow", "keras"}
    assert read_manifest(MODEL).version == 4
    neurons = keras.models.load_model(MODEL).get_layer("corrections").get_weights()[0]
    assert neurons.shape[1] == len(read_manifest(MODEL).corrections) == 2
    assert "TensorFlow" not in imgclf("retrain", third, "--label", Path(third).parent.name).stderr


@pytest.mark.slow
def test_a_rollback_takes_the_neurons_out_again(trained: Trained) -> None:
    original = MODEL.read_bytes()
    for one in mistakes(2):
        retrain(MODEL, [one])
    roll_back(MODEL, 1)
    assert MODEL.read_bytes() == original


@pytest.mark.slow
def test_a_model_in_one_piece_is_corrected_in_keras_which_splits_it(
    trained: Trained, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier versions wrote those from scratch."""
    published_in_one_piece(monkeypatch)
    assert read_manifest(MODEL).format_version == 1
    first, second = mistakes(2)
    assert retrain(MODEL, [first]).outcome == "corrected"
    assert "TensorFlow" in heard.text
    assert read_manifest(MODEL).format_version == 2
    monkeypatch.setattr("imgclf.corrections.learners.open_in_keras", None)
    assert retrain(MODEL, [second]).outcome == "corrected"


@pytest.mark.slow
def test_what_the_kept_pictures_come_to_is_known_from_the_training_on(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So they are not even read from the disk."""

    def refuse(*_: object) -> None:
        raise AssertionError("it takes milliseconds for each of them")

    monkeypatch.setattr("imgclf.corrections.replay_memory.Samples.pixels_at", refuse)
    [wrong] = mistakes(1)
    assert retrain(MODEL, [wrong]).outcome == "corrected"
