"""Correcting a model on a pretrained network: its last layer is solved again, without Keras."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, Retrained, retrain
from imgclf.commands.train import train
from imgclf.corrections.corrected_pictures import load_picture
from imgclf.corrections.inputs import Labelled
from imgclf.data.decoder import decode
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import (
    CONFIG,
    FEATURES,
    HEAD,
    HELD_OUT,
    MANIFEST,
    PICTURES_SEEN,
    WEIGHTS,
    read_manifest,
)
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.versions import roll_back
from tests.support.dying_disk import Died, dying_disk
from tests.support.heard import Heard

MODEL = Path("models/pets.keras")
_CONFIG = """\
data: {directory: dataset, image_size: 64, batch_size: 16, seed: 5}
model: {backbone: EfficientNetLite0}
training: {epochs: 1, optimizer: {Adam: 0.0005}}
"""


@pytest.fixture(scope="module")
def made(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and a model that learned for too short a time."""
    folder = tmp_path_factory.mktemp("last-layer")
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("pets.yaml").write_text(_CONFIG)
        train(Path("pets.yaml"))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def labels(*inputs: str) -> dict[str, str | None]:
    rows = predict(open_classifier(MODEL), find_inputs(inputs or ("new", "dataset"), []))
    return {row.path: row.label for row in rows}


def mistakes(*inputs: str) -> list[str]:
    return [path for path, label in labels(*inputs).items() if label != truth(path)]


def truth(path: str) -> str:
    return Path(path).parent.name


def correct(*paths: str, **options: Any) -> Retrained:
    return retrain(MODEL, [Labelled(Path(one), truth(one)) for one in paths], Options(**options))


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(MODEL) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def kinds() -> list[str]:
    return [one.by for one in read_manifest(MODEL).corrections]


def outputs(paths: Sequence[str]) -> np.ndarray:
    classifier = open_classifier(MODEL)
    settings = classifier.manifest.decoder.settings()
    return classifier.engine.run(np.stack([decode(path, settings) for path in paths]))


def test_mistakes_are_mended_and_only_the_last_layer_has_changed(here: Path) -> None:
    original, before = MODEL.read_bytes(), members()
    wrong = mistakes()[:3]
    assert len(wrong) == 3
    done = correct(*wrong)
    assert (done.outcome, done.version) == ("corrected", 2)
    assert [one.fate for one in done.pictures] == ["corrected"] * 3
    assert labels(*wrong) == {path: truth(path) for path in wrong}
    assert kinds() == ["last layer"] * 3
    after = members()
    changed = [name for name in before if before[name] != after[name]]
    assert [name for name in changed if name != HELD_OUT] == [WEIGHTS, MANIFEST, HEAD]
    assert list(before) == list(after)
    assert PICTURES_SEEN in after
    roll_back(MODEL, 1)
    assert MODEL.read_bytes() == original


def test_what_is_said_of_a_correction_is_what_predict_says(here: Path) -> None:
    wrong = mistakes()[0]
    said = correct(wrong).pictures[0].after
    [now] = predict(open_classifier(MODEL), [wrong])
    assert said.label == now.label
    assert said.confidence == pytest.approx(
        now.confidence, abs=2e-3
    )  # features are kept as float16


def test_keras_opens_it_and_gives_the_same_outputs(here: Path) -> None:
    from imgclf.backend import keras

    wrong = mistakes()[:2]
    correct(*wrong)
    settings = read_manifest(MODEL).decoder.settings()
    paths = sorted(labels())
    pixels = np.stack([decode(path, settings) for path in paths])
    plain = keras.models.load_model(MODEL).predict(pixels, verbose=0)
    np.testing.assert_allclose(outputs(paths), plain, atol=1e-5)


@pytest.mark.slow
def test_tensorflow_is_not_imported(here: Path) -> None:
    wrong = mistakes()[0]
    code = (
        "import sys; from pathlib import Path; from imgclf.commands.retrain import retrain;"
        "from imgclf.corrections.inputs import Labelled;"
        f"retrain(Path('{MODEL}'), [Labelled(Path({wrong!r}), {truth(wrong)!r})]);"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert labels(wrong) == {wrong: truth(wrong)}


def test_the_answer_follows_from_the_corrections_whether_they_came_at_once_or_not(
    here: Path,
) -> None:
    original, wrong = MODEL.read_bytes(), mistakes()
    for _ in range(3):
        correct(next(path for path in mistakes() if path in wrong))
    learned = [one.path for one in read_manifest(MODEL).corrections]
    assert len(learned) == 3
    one_by_one = outputs(sorted(labels()))
    MODEL.write_bytes(original)
    correct(*reversed(learned))
    np.testing.assert_allclose(outputs(sorted(labels())), one_by_one, atol=5e-3)


def test_a_label_that_was_wrong_is_taken_back_by_the_right_one(here: Path) -> None:
    wrong = mistakes()[0]
    other = {"cat": "dog", "dog": "cat"}[truth(wrong)]
    correct(wrong)
    again = retrain(MODEL, [Labelled(Path(wrong), other)], Options(relabel=True, max_drop=1.0))
    assert again.outcome == "corrected"
    assert labels(wrong) == {wrong: other}
    assert [(one.label, one.by) for one in read_manifest(MODEL).corrections] == [
        (other, "last layer")
    ]


def test_a_corrected_picture_is_no_evidence(here: Path) -> None:
    manifest = read_manifest(MODEL)
    held_out = manifest.scores
    assert held_out is not None
    first = correct(mistakes("new")[0])
    assert first.judged is not None
    assert first.judged.pictures["(all)"] == held_out.pictures == 12
    judging = [path for path in labels("dataset") if _judges(path)]
    assert len(judging) == 12
    wrong = [path for path in mistakes("dataset") if path in judging][:1]
    assert wrong
    second = correct(*wrong)
    assert second.judged is not None
    assert second.judged.pictures["(all)"] == 11


def _judges(path: str) -> bool:
    from imgclf.corrections.feature_memory import load_features
    from imgclf.data.picture_files import file_digest

    memory = load_features(MODEL, read_manifest(MODEL))
    assert memory is not None
    digest = bytes.fromhex(file_digest(Path(path)))
    return any(row.tobytes() == digest for row in memory.judge.digests)


def test_what_the_last_layer_can_not_take_gets_a_neuron(here: Path, heard: Heard) -> None:
    learned = mistakes()[:2]
    correct(learned[0])
    correct(
        learned[1], data=Path("dataset")
    )  # other pictures to judge by, whose features nobody has
    assert kinds() == ["last layer", "neuron"]
    third = next(iter(mistakes()))
    correct(third)  # beside a neuron it is a neuron again
    assert kinds() == ["last layer", "neuron", "neuron"]
    assert labels(*learned, third) == {path: truth(path) for path in (*learned, third)}


def test_wrong_corrections_do_no_harm(here: Path) -> None:
    right = [path for path, label in labels("dataset").items() if label == truth(path)][:20]
    swapped = {"cat": "dog", "dog": "cat"}
    done = retrain(MODEL, [Labelled(Path(one), swapped[truth(one)]) for one in right])
    assert done.judged is not None
    least = done.judged.trained["(all)"] - done.judged.tolerance["(all)"]
    assert done.judged.after["(all)"] >= least


def test_what_can_not_be_learned_is_left_to_neurons_and_that_is_said(
    here: Path, heard: Heard
) -> None:
    wrong = mistakes()[0]
    assert correct(wrong).version == 2
    Image.open(wrong).save("again.bmp")  # the same pixels in another file
    before = MODEL.read_bytes()
    other = {"cat": "dog", "dog": "cat"}[truth(wrong)]
    assert retrain(MODEL, [Labelled(Path("again.bmp"), other)]).outcome == "refused"
    assert "the last layer alone can't take this without harm: each gets a neuron" in heard.text
    assert MODEL.read_bytes() == before


def test_without_features_beside_it_there_are_neurons(here: Path) -> None:
    Path("models/pets.history/features.npz").unlink()
    correct(mistakes()[0])
    assert kinds() == ["neuron"]


def test_damaged_features_are_said(here: Path) -> None:
    Path("models/pets.history/features.npz").write_bytes(b"nothing")
    with pytest.raises(ModelFileError) as caught:
        correct(mistakes()[0])
    assert caught.value.message.startswith("models/pets.history/features.npz is damaged: ")
    assert caught.value.hint == "train the model again"


def test_features_of_corrections_can_be_deleted_but_not_their_pictures(here: Path) -> None:
    correct(mistakes()[0])
    Path("models/pets.history/corrected-features.npz").unlink()
    correct(mistakes()[0])
    assert kinds() == ["last layer"] * 2
    Path("models/pets.history/corrected-features.npz").unlink()
    digest = read_manifest(MODEL).corrections[0].digest
    Path(f"models/pets.history/corrected/{digest}.png").unlink()
    assert load_picture(MODEL, digest, read_manifest(MODEL).decoder.settings()) is None
    correct(mistakes()[0])
    assert kinds() == ["last layer", "last layer", "neuron"]


def test_a_dry_run_changes_nothing(here: Path) -> None:
    before = {path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()}
    assert correct(mistakes()[0], dry_run=True).outcome == "dry run"
    assert {
        path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()
    } == before


def test_killed_at_any_step_the_old_file_or_the_new_one_is_there(here: Path) -> None:
    wrong = mistakes()[0]
    old, deaths = members(), 0
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            correct(wrong)
        now = members()
        assert now[HEAD] == old[HEAD] or read_manifest(MODEL).version == 2
        assert now[FEATURES] == old[FEATURES]
        assert now[CONFIG] == old[CONFIG]
        labels(wrong)  # it answers
        if not disk.dead:
            break
        deaths += 1
    assert deaths >= 10
    assert labels(wrong) == {wrong: truth(wrong)}
    assert read_manifest(MODEL).version == 2


def test_a_training_that_is_to_remember_nothing_forgets_the_features(here: Path) -> None:
    train(Path("pets.yaml"), ["training.epochs=2"], replay_memory=0)
    assert not Path("models/pets.history/features.npz").exists()
