"""Scores of a model, and confidence that means what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from imgclf.callbacks.user_code import load_object
from imgclf.commands.evaluate import evaluate
from imgclf.commands.predict import predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.commands.versions import history
from imgclf.corrections.inputs import Labelled
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError
from imgclf.model.calibration import expected_calibration_error, fit_temperature
from imgclf.model.probabilities import to_probabilities
from imgclf.model.scoring import ClassScores, evaluate_probabilities
from imgclf.model_file.archive import MANIFEST, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.trained_on import training_data
from imgclf.report.evaluation_table import evaluation_table
from imgclf.suspects.find import find_suspects
from tests.support.heard import Heard
from tests.support.layouts import lay_out, nobody_may_read
from tests.support.model_files import rewritten, without_pictures_seen

# Six pictures: three cats, of which one is taken for a dog, two dogs, and a wolf taken for a dog.
LABELS = np.array([0, 0, 0, 1, 1, 2])
GIVEN = np.array([0, 0, 1, 1, 1, 1])
PROBABILITIES = np.eye(3)[GIVEN] * 0.7 + 0.1


def test_the_scores_are_those_of_their_definitions() -> None:
    found = evaluate_probabilities(PROBABILITIES, LABELS, ["cat", "dog", "wolf"], part="test")
    assert found.accuracy == 4 / 6
    assert found.confusion_matrix == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert found.classes == {
        "cat": ClassScores(precision=1.0, recall=2 / 3, f1_score=0.8, support=3),
        "dog": ClassScores(precision=0.5, recall=1.0, f1_score=2 / 3, support=2),
        "wolf": ClassScores(precision=0.0, recall=0.0, f1_score=0.0, support=1),
    }
    assert found.expected_calibration_error == pytest.approx(0.8 - 4 / 6)


def test_the_table_says_the_same() -> None:
    found = evaluate_probabilities(PROBABILITIES, LABELS, ["cat", "dog", "wolf"], part="test")
    assert evaluation_table(found) == (
        "test accuracy: 0.6667 (6 pictures)\n"
        "expected calibration error: 0.1333 (temperature 1.000)\n"
        "\n"
        "class  precision  recall  f1-score  support\n"
        "cat       1.0000  0.6667    0.8000        3\n"
        "dog       0.5000  1.0000    0.6667        2\n"
        "wolf      0.0000  0.0000    0.0000        1\n"
        "\n"
        "is \\ said  cat  dog  wolf\n"
        "cat          2    1     0\n"
        "dog          0    2     0\n"
        "wolf         0    1     0"
    )


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_temperature_that_distorted_the_confidence_is_found_again(temperature: float) -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(20_000, 3)) * 2
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (honest.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    distorted = to_probabilities(logits * temperature, "softmax_logits")
    assert fit_temperature(distorted, labels) == pytest.approx(temperature, rel=0.03)
    calibrated = to_probabilities(logits * temperature, "softmax_logits", temperature)
    assert expected_calibration_error(calibrated, labels) < 0.01


def test_a_temperature_never_changes_the_order_of_the_classes() -> None:
    outputs = np.random.default_rng(1).dirichlet([1, 1, 1], 100)
    before = to_probabilities(outputs, "softmax")
    after = to_probabilities(outputs, "softmax", 3.0)
    np.testing.assert_array_equal(before.argsort(axis=1), after.argsort(axis=1))
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert (after.max(axis=1) < before.max(axis=1)).all()


def test_a_model_that_is_always_right_is_not_made_certain() -> None:
    probabilities = np.tile([[0.9, 0.1]], (50, 1))
    assert fit_temperature(probabilities, np.zeros(50, np.int64)) == pytest.approx(0.5)


def test_a_handful_of_pictures_fits_no_temperature() -> None:
    assert fit_temperature(np.tile([[0.9, 0.1]], (10, 1)), np.zeros(10, np.int64)) == 1.0


@pytest.mark.parametrize(
    ("outputs", "head", "expected"),
    [
        ([[0.25]], "sigmoid", [[0.75, 0.25]]),
        ([[0.0]], "sigmoid_logits", [[0.5, 0.5]]),
        ([[-800.0]], "sigmoid_logits", [[1.0, 0.0]]),
        ([[0.2, 0.3, 0.5]], "softmax", [[0.2, 0.3, 0.5]]),
        ([[0.0, np.log(3)]], "softmax_logits", [[0.25, 0.75]]),
        ([[1000.0, 0.0]], "softmax_logits", [[1.0, 0.0]]),
    ],
)
def test_outputs_become_probabilities(outputs: list, head: str, expected: list) -> None:
    found = to_probabilities(np.array(outputs, np.float32), head)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_a_folder_the_held_out_pictures_are_used(trained: Trained) -> None:
    found = evaluate(trained.model, None, [])
    assert trained.record.scores is not None
    assert (found.part, found.pictures) == ("validation", 12)
    assert found.accuracy == pytest.approx(trained.record.scores.accuracy)


def test_the_data_set_s_labels_are_put_in_the_model_s_order(trained: Trained) -> None:
    for picture in sorted(Path("dataset/dog").iterdir())[:6]:
        picture.unlink()

    def with_names(*names: str) -> Path:
        def edit(content: bytes) -> bytes:
            manifest = json.loads(content)
            manifest["class_names"] = names
            manifest["data"]["directory"] = str(Path("dataset").resolve())
            return json.dumps(manifest).encode()

        return rewritten(trained.model, MANIFEST, edit)

    before = evaluate(with_names("cat", "dog"), None, [])
    after = evaluate(with_names("dog", "cat"), None, [])
    assert before.pictures == 11  # half of which can't be right, so that to swap makes a difference
    # What it takes for a cat now counts as a dog: it is right where it was wrong.
    assert after.accuracy == pytest.approx(1 - before.accuracy)
    assert after.classes["cat"].support == before.classes["cat"].support


def test_a_class_that_the_data_set_has_got_since_is_named(trained: Trained) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    shutil.copytree(data.directory, "grown")
    shutil.copytree("grown/cat", "grown/bird")
    moved = rewritten(
        trained.model,
        MANIFEST,
        lambda content: content.replace(data.directory.encode(), str(Path("grown")).encode()),
    )
    with pytest.raises(DataError, match="'bird' now, which pets doesn't know"):
        evaluate(moved, None, [])


def test_a_folder_of_class_folders_is_judged_and_unreadable_ones_are_counted(
    trained: Trained, heard: Heard
) -> None:
    Path("new/cat/cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Path("new/cat/notes.txt").write_text("hello")
    found = evaluate(trained.model, Path("new"), [])
    assert (found.part, found.pictures, found.unreadable) == ("test", 20, 1)
    assert [scores.support for scores in found.classes.values()] == [10, 10]
    assert "left out new/cat/cut.jpg: " in heard.text


def test_a_folder_that_is_no_class_names_the_nearest(trained: Trained) -> None:
    Path("new/dog").rename("new/dogs")
    with pytest.raises(DataError, match=r"did you mean dog\?"):
        evaluate(trained.model, Path("new"), [])


def test_pictures_that_were_trained_on_are_no_test(trained: Trained, heard: Heard) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    Path("again").mkdir()
    folder = shutil.copytree(data.directory, "again/pictures")
    found = evaluate(trained.model, Path(folder), [])
    assert (found.part, found.trained_on, found.pictures) == ("mixed", 48, 60)
    assert "pets was trained on 48 of these 60 pictures" in heard.text
    assert evaluation_table(found).startswith("accuracy on pictures of several parts: ")
    known = training_data(read_manifest(trained.model))
    assert known is not None
    held_out = {picture.digest for picture in known.read("these").folder.validation}
    for path in list(Path(folder).rglob("*.jpg")):
        if file_digest(path) in held_out:
            path.unlink()
    found = evaluate(trained.model, Path(folder), [])
    assert (found.part, found.trained_on, found.pictures) == ("training", 48, 48)
    assert "pets was trained on all of these 48 pictures" in heard.text
    assert evaluation_table(found).startswith("training accuracy: ")


def test_where_the_data_set_is_gone_the_folder_s_name_is_what_is_known(trained: Trained) -> None:
    moved = rewritten(
        without_pictures_seen(trained.model),
        MANIFEST,
        lambda content: content.replace(b"/dataset", b"/gone"),
    )
    Path("pets").mkdir()
    Path("new").rename("pets/train_set")
    found = evaluate(moved, Path("pets/train_set"), [])
    assert (found.part, found.trained_on) == ("training", None)


def test_a_model_s_file_knows_what_it_was_trained_on_where_the_data_set_is_gone(
    trained: Trained, heard: Heard
) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    shutil.copytree(data.directory, "again")
    moved = rewritten(
        trained.model, MANIFEST, lambda content: content.replace(b"/dataset", b"/gone")
    )
    found = evaluate(moved, Path("again"), [])
    assert (found.part, found.trained_on, found.pictures) == ("mixed", 48, 60)
    assert "pets was trained on 48 of these 60 pictures" in heard.text


def test_pictures_that_it_was_corrected_by_are_left_out_and_counted(
    trained: Trained, heard: Heard
) -> None:
    """Twenty corrected test pictures once raised test accuracy by exactly twenty."""
    pictures = sorted(Path("new").rglob("*.jpg"))
    answers = dict(zip(pictures, predict(open_classifier(trained.model), pictures), strict=True))
    wrong = [path for path in pictures if answers[path].label != path.parent.name]
    before = evaluate(trained.model, Path("new"), [])
    assert before.corrected == 0
    done = retrain(trained.model, [Labelled(path, path.parent.name) for path in wrong[:3]])
    paths = [Path(one.before.path) for one in done.pictures if one.outcome == "corrected"]
    learned = len(paths)
    assert learned > 1
    paths[0].rename(paths[0].with_name("renamed.jpg"))  # it is the same picture
    after = evaluate(trained.model, Path("new"), [])
    assert (after.corrected, after.pictures) == (learned, 20 - learned)
    assert f"{learned} pictures that pets was corrected by left out: " in heard.text
    said = f"({after.pictures} pictures; {learned} that it was corrected by left out)"
    assert said in evaluation_table(after)
    # The rest is as right as it was, or one answer apart.
    assert after.accuracy * after.pictures == pytest.approx(before.accuracy * 20, abs=1)


def test_a_corrected_picture_of_the_validation_part_is_left_out(trained: Trained) -> None:
    data = training_data(read_manifest(trained.model))
    assert data is not None
    held_out = data.read("these").validation.pictures
    answers = predict(open_classifier(trained.model), [one.path for one in held_out])
    wrong = [
        one.path
        for one, answer in zip(held_out, answers, strict=True)
        if answer.label != one.path.parent.name
    ]
    retrain(trained.model, [Labelled(path, path.parent.name) for path in wrong[:1]])
    found = evaluate(trained.model, None, [])
    assert (found.part, found.corrected, found.pictures) == ("validation", 1, 11)


def test_pictures_that_were_all_corrected_judge_nothing(trained: Trained) -> None:
    pictures = sorted(Path("new").rglob("*.jpg"))

    def corrected(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["corrections"] = [
            {"path": "", "digest": file_digest(path), "label": "cat", "was": "dog", "version": 1}
            for path in pictures
        ]
        return json.dumps(manifest).encode()

    model = rewritten(trained.model, MANIFEST, corrected)
    with pytest.raises(DataError) as caught:
        evaluate(model, Path("new"), [])
    assert caught.value.message == (
        "pets was corrected by each of these 20 pictures, so they don't say how it does on others"
    )


def test_of_a_set_that_comes_divided_the_test_part_is_judged(
    trained: Trained, heard: Heard
) -> None:
    data = read_manifest(trained.model).data
    assert data is not None
    Path("pets").mkdir()
    Path("new").rename("pets/Test Images")
    shutil.copytree(data.directory, "pets/Train Images")
    Path("pets/runs").mkdir()
    found = evaluate(trained.model, Path("pets"), [])
    assert (found.part, found.trained_on, found.pictures) == ("test", 0, 20)
    assert "pets comes divided: its test part is judged" in heard.text
    assert "left out pets/runs: no pictures" in heard.text


def test_a_folder_too_high_names_the_one_to_judge(trained: Trained) -> None:
    Path("data").mkdir()
    Path("new").rename("data/photos")
    with pytest.raises(DataError, match="data has no folders called cat, dog; data/photos has"):
        evaluate(trained.model, Path("data"), [])


def test_a_table_of_labels_is_judged(trained: Trained) -> None:
    rows = [f"{path},{path.parent.name}\n" for path in sorted(Path("new").rglob("*.jpg"))]
    Path("said.csv").write_text("path,label\n" + "".join(rows) + "new/gone.jpg,cat\n")
    found = evaluate(trained.model, Path("said.csv"), [])
    assert (found.part, found.pictures, found.unreadable) == ("test", 20, 1)
    assert found.accuracy == evaluate(trained.model, Path("new"), []).accuracy


HOOKS = """\
from imgclf.backend import keras

seen = []

class Hooks(keras.callbacks.Callback):
    def on_test_begin(self, logs=None): seen.append("begin")
    def on_test_batch_begin(self, batch, logs=None): seen.append(f"{batch}")
    def on_test_batch_end(self, batch, logs=None): seen.append(f"{batch} {sorted(logs)}")
    def on_test_end(self, logs=None): seen.append(f"end {self.model.output_shape}")
"""


def test_a_callback_gets_every_test_hook_and_the_model(trained: Trained) -> None:
    Path("hooks.py").write_text(HOOKS)
    evaluate(trained.model, Path("new"), ["hooks.py:Hooks"])
    assert load_object("hooks.py:seen") == [
        "begin",
        "0",
        "0 ['accuracy', 'loss']",
        "1",
        "1 ['accuracy', 'loss']",
        "end (None, 1)",
    ]


def test_json_has_every_figure(trained: Trained) -> None:
    found = json.loads(msgspec.json.encode(evaluate(trained.model, Path("new"), [])))
    assert set(found) == {
        "part",
        "trained_on",
        "corrected",
        "pictures",
        "unreadable",
        "accuracy",
        "classes",
        "confusion_matrix",
        "expected_calibration_error",
        "temperature",
    }
    assert set(found["classes"]["cat"]) == {"precision", "recall", "f1_score", "support"}


def naming_code_that_is_gone(model: Path) -> Path:
    """The model as if it had been trained with a callback whose file was on that machine."""

    def edit(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["config"]["callbacks"] = ["mine.py:Mine"]
        return json.dumps(manifest).encode()

    assert not Path("mine.py").exists()
    return rewritten(model, MANIFEST, edit)


def test_a_model_trained_with_code_that_is_gone_is_judged_with_callbacks(trained: Trained) -> None:
    Path("counting.py").write_text(
        "from imgclf.backend import keras\n"
        "class Count(keras.callbacks.Callback):\n"
        "    batches = 0\n"
        "    def on_test_batch_end(self, batch, logs=None):\n"
        "        Count.batches += 1\n"
    )
    found = evaluate(naming_code_that_is_gone(trained.model), None, ["counting.py:Count"])
    assert found.pictures == 12
    assert load_object("counting.py:Count").batches == 1


def test_a_model_trained_with_code_that_is_gone_has_its_suspects_looked_for(
    trained: Trained,
) -> None:
    found = find_suspects(naming_code_that_is_gone(trained.model), None, folds=0)
    assert found.pictures == 12


def test_why_the_log_has_other_scores_is_said_where_they_are_compared(
    trained: Trained, heard: Heard
) -> None:
    assert read_manifest(trained.model).trained_in == "float32"

    def in_bfloat16(content: bytes) -> bytes:
        return content.replace(b'"trained_in": "float32"', b'"trained_in": "bfloat16"')

    why = (
        "it was trained in bfloat16, and is judged in float32, as it predicts: training.csv may "
        "have said a little more or less\n"
    )
    evaluate(trained.model, None, [])
    history(trained.model)
    assert why not in heard.text
    rewritten(trained.model, MANIFEST, in_bfloat16).replace(trained.model)
    evaluate(trained.model, None, [])
    assert heard.text.count(why) == 1
    evaluate(trained.model, Path("new"), [])
    assert heard.text.count(why) == 1
    history(trained.model)
    assert heard.text.count(why) == 2


def test_a_class_that_cannot_be_read_is_an_error(trained: Trained) -> None:
    with (
        nobody_may_read("new/dog"),
        pytest.raises(DataError, match=r"^new/dog: permission denied, so that the class would"),
    ):
        evaluate(trained.model, Path("new"), [])
    shutil.move("new/dog", "elsewhere")
    lay_out("new/dog -> /not/mounted")
    with pytest.raises(DataError, match=r"^new/dog: a link to nothing, so that a class would"):
        evaluate(trained.model, Path("new"), [])


def test_a_class_whose_every_picture_is_unreadable_is_an_error(trained: Trained) -> None:
    for picture in Path("new/dog").iterdir():
        picture.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match=r"^new: no picture of dog can be read \(new/dog/dog-0"):
        evaluate(trained.model, Path("new"), [])


def test_a_part_of_a_class_that_cannot_be_read_is_counted(trained: Trained, heard: Heard) -> None:
    lay_out("new/dog/private/x.jpg")
    with nobody_may_read("new/dog/private", "new/cat/cat-001.jpg"):
        found = evaluate(trained.model, Path("new"), [])
    assert (found.pictures, found.unreadable) == (19, 2)
    assert "warning: left out new/dog/private: permission denied\n" in heard.text
