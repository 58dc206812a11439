"""Correcting: the mistake is mended, other answers stay, and no harm is ever published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.corrections.guard import Judge
from imgclf.corrections.memory import Samples, choose_memory, load_memory
from imgclf.corrections.neurons import Neurons, Responses, lead
from imgclf.data.dataset import Part
from imgclf.errors import BusyError, DataError, UsageError
from imgclf.lock import lock
from imgclf.model.archive import read_manifest
from imgclf.model.engine import open_classifier
from imgclf.model.prediction import Prediction
from imgclf.model.versions import roll_back, versions
from imgclf.predict import find_inputs, predict
from imgclf.retrain import retrain
from imgclf.talk import Talk
from imgclf.train import Trained


def answers(model: Path, *inputs: str) -> list[Prediction]:
    return list(predict(open_classifier(model, str), find_inputs(inputs or ("new",), [])))


def mistakes(model: Path) -> list[Prediction]:
    return [row for row in answers(model) if row.label != Path(row.path).parent.name]


def truth(row: Prediction) -> str:
    return Path(row.path).parent.name


@pytest.fixture
def mistake(trained: Trained) -> Iterator[Prediction]:
    yield mistakes(trained.model)[0]


def test_a_mistake_is_mended_and_other_answers_stay(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    before = {row.path: row.label for row in answers(trained.model)}
    done = retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    after = {row.path: row.label for row in answers(trained.model)}
    assert done.outcome == "corrected"
    assert done.version == 2
    assert after.pop(mistake.path) == truth(mistake)
    del before[mistake.path]
    assert sum(before[path] != after[path] for path in before) <= 1


def test_what_retrain_says_is_what_predict_then_says(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    done = retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    [now] = answers(trained.model, mistake.path)
    assert done.pictures[0].before.label == mistake.label
    assert done.pictures[0].after.label == now.label
    assert done.pictures[0].after.confidence == pytest.approx(now.confidence, abs=1e-5)


def test_plain_keras_opens_the_corrected_model(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    classifier = open_classifier(trained.model, str)
    pixels = load_memory(trained.model).judge.pixels  # type: ignore[union-attr]
    expected = keras.models.load_model(trained.model).predict(pixels, verbose=0)
    found = classifier.probabilities(pixels)
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-5)


def test_the_version_before_is_kept_byte_for_byte_and_can_come_back(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    old = trained.model.read_bytes()
    retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    assert [manifest.version for _, manifest in versions(trained.model)] == [1, 2]
    assert roll_back(trained.model, None).version == 1
    assert trained.model.read_bytes() == old


def test_the_manifest_records_who_was_what(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    manifest = read_manifest(trained.model)
    [correction] = manifest.corrections
    assert manifest.parent == 1
    assert (correction.was, correction.label) == (mistake.label, truth(mistake))
    assert correction.path == str(Path(mistake.path).absolute())
    assert correction.version == 2


def test_a_picture_that_is_right_already_leaves_the_model_alone(
    trained: Trained, talk: Talk
) -> None:
    right = next(row for row in answers(trained.model) if row.label == truth(row))
    before = trained.model.read_bytes()
    done = retrain(trained.model, [Path(right.path)], truth(right), talk)
    assert done.outcome == "right already"
    assert trained.model.read_bytes() == before


def test_the_same_command_again_changes_nothing(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    before = trained.model.read_bytes()
    again = retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    assert again.outcome == "right already"
    assert trained.model.read_bytes() == before


def test_corrections_one_after_another_all_hold(trained: Trained, talk: Talk) -> None:
    wrong = mistakes(trained.model)[:3]
    assert len(wrong) == 3
    for row in wrong:
        assert retrain(trained.model, [Path(row.path)], truth(row), talk).outcome in (
            "corrected",
            "right already",
        )
    now = {row.path: row.label for row in answers(trained.model)}
    assert [now[row.path] for row in wrong] == [truth(row) for row in wrong]


def test_several_pictures_in_one_command(trained: Trained, talk: Talk) -> None:
    wrong = [row for row in mistakes(trained.model) if truth(row) == "cat"]
    wrong = wrong or mistakes(trained.model)
    label = truth(wrong[0])
    paths = [Path(row.path) for row in wrong if truth(row) == label]
    done = retrain(trained.model, [*paths, paths[0]], label, talk)
    assert done.version == 2
    assert [picture.fate for picture in done.pictures] == ["corrected"] * len(paths)


def test_a_dry_run_says_what_would_come_of_it_and_changes_nothing(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    before = {path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()}
    done = retrain(trained.model, [Path(mistake.path)], truth(mistake), talk, dry_run=True)
    assert done.outcome == "dry run"
    assert done.pictures[0].after.label == truth(mistake)
    now = {path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()}
    now.pop(Path("models/.pets.keras.lock"), None)
    assert now == {p: c for p, c in before.items() if p.name != ".pets.keras.lock"}


def test_a_correction_needs_no_data_set(trained: Trained, mistake: Prediction, talk: Talk) -> None:
    shutil.rmtree("dataset")
    shutil.rmtree(".imgclf-cache")
    done = retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    assert done.outcome == "corrected"


def test_without_a_replay_memory_it_refuses(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    Path("models/pets.history/memory.npz").unlink()
    before = trained.model.read_bytes()
    with pytest.raises(DataError, match="no replay memory"):
        retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    assert trained.model.read_bytes() == before


def test_an_unknown_class_names_the_nearest(trained: Trained, talk: Talk) -> None:
    with pytest.raises(UsageError, match=r"did you mean cat\?"):
        retrain(trained.model, [Path("new/cat/cat-001.jpg")], "cats", talk)


def test_one_unreadable_picture_stops_all_before_anything_is_learned(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    Path("cut.jpg").write_bytes(b"\xff\xd8\xff")
    before = trained.model.read_bytes()
    with pytest.raises(DataError, match=r"cut\.jpg: "):
        retrain(trained.model, [Path(mistake.path), Path("cut.jpg")], "cat", talk)
    assert trained.model.read_bytes() == before


def test_a_picture_is_not_corrected_to_two_labels(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)
    with pytest.raises(UsageError, match="was corrected to"):
        retrain(trained.model, [Path(mistake.path)], str(mistake.label), talk)


def test_a_model_that_another_process_corrects_is_left_to_it(
    trained: Trained, mistake: Prediction, talk: Talk
) -> None:
    with lock(trained.model), pytest.raises(BusyError):
        retrain(trained.model, [Path(mistake.path)], truth(mistake), talk)


def one_hot(*rows: int, features: int = 4) -> np.ndarray:
    return np.eye(features, dtype=np.float32)[list(rows)]


def test_the_guard_leaves_out_the_neuron_that_does_harm() -> None:
    """The first neuron fires on its own picture only, the second on every held-out cat too."""
    judge = Judge(
        responses=Responses(one_hot(*[2] * 50), np.full((50, 1), -1, np.float32)),
        labels=np.zeros(50, np.int64),
        class_names=("cat", "dog"),
        earlier=Responses(one_hot(3), np.array([[1.0]], np.float32)),
        earlier_labels=np.array([1]),
    )
    own = Responses(one_hot(0, 1), np.array([[-1.0], [-1.0]], np.float32))
    keys = one_hot(0, 1).T.copy()
    keys[2, 1] = 1
    new = Neurons(keys, np.array([[5.0], [5.0]], np.float32))
    none = Neurons(np.zeros((4, 0), np.float32), np.zeros((0, 1), np.float32))
    accepted, judged = judge.choose(own, np.array([1, 1]), none, new)
    assert accepted.tolist() == [True, False]
    assert judged.after == judged.trained == {"(all)": 1.0, "cat": 1.0}


def test_the_guard_leaves_out_a_neuron_that_undoes_an_earlier_correction() -> None:
    judge = Judge(
        responses=Responses(one_hot(2), np.array([[-1.0]], np.float32)),
        labels=np.array([0]),
        class_names=("cat", "dog"),
        earlier=Responses(one_hot(3), np.array([[1.0]], np.float32)),
        earlier_labels=np.array([1]),
    )
    new = Neurons(one_hot(0).T + one_hot(3).T, np.array([[-5.0]], np.float32))
    none = Neurons(np.zeros((4, 0), np.float32), np.zeros((0, 1), np.float32))
    own = Responses(one_hot(0), np.array([[1.0]], np.float32))
    accepted, _ = judge.choose(own, np.array([0]), none, new)
    assert accepted.tolist() == [False]


def test_the_guard_measures_from_the_trained_model_so_that_drops_do_not_add_up() -> None:
    """Each of two neurons costs one picture in fifty, and one standard error is 1.98 of them."""
    features = np.concatenate([one_hot(0), one_hot(1), one_hot(*[2] * 46), one_hot(3, 3)])
    logits = np.full((50, 1), -1, np.float32)
    logits[48:] = 1  # two that the trained model has wrong
    judge = Judge(
        responses=Responses(features, logits),
        labels=np.zeros(50, np.int64),
        class_names=("cat", "dog"),
        earlier=Responses(features[:0], logits[:0]),
        earlier_labels=np.zeros(0, np.int64),
    )
    none = Neurons(np.zeros((4, 0), np.float32), np.zeros((0, 1), np.float32))

    def neuron(feature: int) -> Neurons:
        return Neurons(one_hot(feature).T, np.array([[5.0]], np.float32))

    def own(feature: int) -> Responses:
        return Responses(one_hot(feature), np.array([[-1.0]], np.float32))

    first, _ = judge.choose(own(0), np.array([1]), none, neuron(0))
    second, judged = judge.choose(own(1), np.array([1]), neuron(0), neuron(1))
    assert first.tolist() == [True]
    assert second.tolist() == [False]
    assert judged.trained["(all)"] == pytest.approx(0.96)


def test_lead_is_positive_where_the_right_class_comes_first() -> None:
    assert lead(np.array([[2.0], [2.0]], np.float32), np.array([1, 0])).tolist() == [2.0, -2.0]
    rows = np.array([[1, 3, 0], [1, 3, 0]], np.float32)
    assert lead(rows, np.array([1, 0])).tolist() == [2.0, -2.0]


def part(labels: list[int]) -> Part:
    pixels = np.arange(len(labels) * 12, dtype=np.uint8).reshape(-1, 2, 2, 3)
    return Part((), pixels, np.arange(len(labels)), np.array(labels))


def test_the_replay_memory_stays_below_its_size_and_keeps_rare_classes_whole() -> None:
    memory = choose_memory(part([0] * 40 + [1] * 4), part([0] * 20 + [1] * 2), 1, size=12 * 30)
    assert len(memory.replay) + len(memory.judge) == 30
    assert len(memory.judge) == 10
    assert np.bincount(memory.replay.labels).tolist() == [16, 4]
    assert np.bincount(memory.judge.labels).tolist() == [8, 2]


def test_the_replay_memory_takes_all_there_is_if_there_is_room() -> None:
    memory = choose_memory(part([0, 1, 0]), part([1, 0]), 1)
    assert (len(memory.replay), len(memory.judge)) == (3, 2)
    np.testing.assert_array_equal(memory.replay.pixels, part([0, 1, 0]).pixels)


def test_samples_can_leave_out_pictures_by_their_pixels() -> None:
    samples = Samples(part([0, 1, 0]).pixels, np.array([0, 1, 0]))
    assert samples.without(samples.pixels[1:2]).labels.tolist() == [0, 0]
