"""Correcting a model on a pretrained network: its last layer is solved again, without Keras."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgclf.commands.evaluate import evaluate
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import Options, Retrained, retrain
from imgclf.commands.train import train
from imgclf.corrections.corrected_pictures import kept_file, load_picture
from imgclf.corrections.head_problem import HeadProblem
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.replay_memory import load_memory
from imgclf.data.class_balance import Balance
from imgclf.data.decoder import decode
from imgclf.errors import ModelFileError
from imgclf.model.head import NumpyHead
from imgclf.model.logistic_regression import LinearHead
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
from tests.support.held_out import assert_its_own
from tests.support.pictures import striped
from tests.support.trainings import trained_on_drawn

MODEL = Path("models/pets.keras")
_CONFIG = """\
data: {directory: dataset, image_size: 64, batch_size: 16, seed: 5}
model: {backbone: EfficientNetLite0}
training: {epochs: 1, optimizer: {Adam: 0.0005}}
"""


@pytest.fixture(scope="module")
def made(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and a model that learned for too short a time."""
    return trained_on_drawn(drawn, tmp_path_factory.mktemp("last-layer"), _CONFIG)


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
    assert [one.outcome for one in done.pictures] == ["corrected"] * 3
    assert labels(*wrong) == {path: truth(path) for path in wrong}
    assert kinds() == ["last layer"] * 3
    after = members()
    changed = [name for name in before if before[name] != after[name]]
    assert [name for name in changed if name != HELD_OUT] == [WEIGHTS, MANIFEST, HEAD]
    assert list(before) == list(after)
    assert PICTURES_SEEN in after
    assert_its_own(MODEL, Path("dataset"), 5e-3)  # features are kept as float16
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
        "print([name for name in ('tensorflow', 'keras', 'pydantic') if name in sys.modules])"
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


def test_pictures_are_compared_pair_by_pair_overall_as_well(here: Path) -> None:
    judged = correct(mistakes("new")[0]).judged
    assert judged is not None
    # Four spoiled and none mended are chance, at 1 in 16; five are not, at 1 in 32.
    pictures = judged.tolerance["(all)"] * 12
    assert pictures == pytest.approx(round(pictures))
    assert pictures >= 4


def _judges(path: str) -> bool:
    from imgclf.corrections.feature_memory import load_features
    from imgclf.data.picture_files import file_digest

    memory = load_features(MODEL, read_manifest(MODEL))
    assert memory is not None
    digest = bytes.fromhex(file_digest(Path(path)))
    return any(row.tobytes() == digest for row in memory.judge.digests)


def test_what_neurons_learned_goes_into_the_last_layer_with_the_next_correction(
    here: Path, heard: Heard
) -> None:
    first, second = mistakes()[:2]
    correct(first)
    trained = head().trained
    [earlier] = read_manifest(MODEL).corrections
    seen = [
        Path("models/pets.history/corrected-features.npz"),
        kept_file(MODEL, earlier.digest) or Path("gone"),
    ]
    contents = [path.read_bytes() for path in seen]
    for path in seen:  # the last layer can't be solved without what it has learned before
        path.unlink()
    correct(second)
    assert kinds() == ["last layer", "neuron"]
    assert head().trained == trained
    for path, content in zip(seen, contents, strict=True):
        path.write_bytes(content)
    third = next(iter(mistakes()))
    correct(third)
    assert kinds() == ["last layer"] * 3
    assert labels(first, second, third) == {path: truth(path) for path in (first, second, third)}
    assert head().neurons is None
    assert head().trained == trained


def head() -> NumpyHead:
    return NumpyHead.from_bytes(members()[HEAD])


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


def test_without_features_beside_it_they_are_computed_of_the_pictures_there(here: Path) -> None:
    memory = Path("models/pets.history/features.npz")
    memory.unlink()
    pictures = load_memory(MODEL)
    assert pictures is not None
    settings = read_manifest(MODEL).decoder.settings()
    held_out = {one.tobytes() for one in pictures.judge.pixels}
    assert len(held_out) == 12
    wrong = [path for path in mistakes("dataset") if decode(path, settings).tobytes() in held_out]
    done = correct(wrong[0])
    assert kinds() == ["last layer"]
    assert memory.exists()
    # As where their files are known, a corrected picture is no evidence.
    assert done.judged is not None
    assert done.judged.pictures["(all)"] == 11


def test_other_pictures_can_be_named_to_remember_and_to_judge_by(here: Path) -> None:
    before = Path("models/pets.history/features.npz").read_bytes()
    wrong = mistakes("dataset")[0]
    done = correct(wrong, data=Path("new"))
    assert kinds() == ["last layer"]
    assert done.judged is not None
    assert done.judged.pictures["(all)"] == len(labels("new")) // 2
    assert Path("models/pets.history/features.npz").read_bytes() != before
    following = correct(mistakes("dataset")[0])
    assert following.judged is not None
    assert following.judged.pictures == done.judged.pictures


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
    kept = kept_file(MODEL, digest)
    assert kept is not None
    kept.unlink()
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


def test_a_new_class_is_one_more_unit(here: Path, heard: Heard) -> None:
    fish = striped(20)
    correct(*mistakes("new")[:1])
    before = evaluate(MODEL, None, [])
    done = correct(*fish[:12], new_class=True)
    assert done.outcome == "corrected"
    assert labels(*fish[:12]) == dict.fromkeys(fish[:12], "fish")
    assert "of 12 pictures are recognised when they are not learned from" in heard.text
    assert_its_own(MODEL, Path("dataset"), 5e-3)
    manifest = read_manifest(MODEL)
    assert (manifest.class_names, manifest.new_classes) == (("cat", "dog", "fish"), 1)
    assert manifest.head == "softmax"
    assert kinds() == ["last layer"] * 13
    assert head().units == 3
    assert not head().classes
    unseen = list(labels(*fish[12:]).values())
    assert unseen.count("fish") >= 6
    # The table says what `evaluate` says of the same pictures, before and after.
    assert done.judged is not None
    after = evaluate(MODEL, None, [])
    assert before.pictures == after.pictures == done.judged.pictures["(all)"] == 12
    assert done.judged.before["(all)"] == pytest.approx(before.accuracy)
    assert done.judged.after["(all)"] == pytest.approx(after.accuracy)


def test_a_model_with_a_new_class_is_corrected_on_and_opened_by_keras(here: Path) -> None:
    from imgclf.backend import keras

    original, fish = MODEL.read_bytes(), striped(12)
    correct(*fish, new_class=True)
    wrong = mistakes("new", "fish")[:2]
    assert wrong
    correct(*wrong)
    assert kinds() == ["last layer"] * (12 + len(wrong))
    assert labels(*wrong, *fish) == {path: truth(path) for path in (*wrong, *fish)}
    settings = read_manifest(MODEL).decoder.settings()
    pixels = np.stack([decode(path, settings) for path in fish])
    plain = keras.models.load_model(MODEL)
    assert plain.loss == "sparse_categorical_crossentropy"
    np.testing.assert_allclose(outputs(fish), plain.predict(pixels, verbose=0), atol=1e-5)
    roll_back(MODEL, 1)
    assert MODEL.read_bytes() == original
    assert correct(wrong[0]).outcome == "corrected"


@pytest.mark.parametrize(("key", "value"), [("training_labels", 2), ("judge_labels", -1)])
def test_features_of_a_class_that_there_is_not_are_damage(here: Path, key: str, value: int) -> None:
    with np.load("models/pets.history/features.npz") as arrays:
        contents = dict(arrays)
    contents[key] = np.full_like(contents[key], value)
    np.savez("models/pets.history/features.npz", **contents)  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match=r"features\.npz is damaged: its .* don't fit"):
        correct(mistakes()[0])


@pytest.mark.slow
def test_training_pictures_count_as_they_did_in_the_training(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, asked, configs = HeadProblem.solved, [], []

    def solved(problem: HeadProblem, pull: float) -> LinearHead | None:
        asked.append(problem)
        return solve(problem, pull)

    def balance_of(config: Mapping[str, Any]) -> Balance:
        configs.append(config)
        return Balance({"cat": 3.0})

    wrong = mistakes()[0]
    monkeypatch.setattr(HeadProblem, "solved", solved)
    assert correct(wrong).outcome == "corrected"
    assert set(asked.pop().remembered_weights) == {1.0}
    monkeypatch.setattr("imgclf.corrections.refit.balance_of", balance_of)
    correct(mistakes()[0])
    assert configs[0] == read_manifest(MODEL).config
    weights, cats = asked[0].remembered_weights, asked[0].remembered_labels == 0
    assert weights.mean() == pytest.approx(1)
    assert set(weights[cats] / weights[~cats][0]) == {3.0}
