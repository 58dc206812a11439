"""Scores of a model, and confidence that means what it says."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from imgclf.callbacks.user_code import load_object
from imgclf.commands.evaluate import evaluate
from imgclf.commands.evaluate_against import evaluate_against
from imgclf.commands.predict import predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.commands.versions import history
from imgclf.corrections.inputs import Labelled
from imgclf.data.folder import scan
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError
from imgclf.model.calibration import expected_calibration_error, fit_temperature
from imgclf.model.intervals import f1_interval, wilson
from imgclf.model.paired_test import either_way
from imgclf.model.probabilities import to_probabilities
from imgclf.model.scoring import ClassScores, evaluate_probabilities
from imgclf.model_file.archive import MANIFEST, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.trained_on import training_data
from imgclf.report.evaluation_table import evaluation_table
from imgclf.report.two_models import comparison_table
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
    assert found.accuracy_interval == wilson(4, 6)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3 + 0) / 3)
    assert found.classes == {
        "cat": ClassScores(1.0, 2 / 3, 0.8, 3, wilson(2, 2), wilson(2, 3), f1_interval(2, 2, 3)),
        "dog": ClassScores(0.5, 1.0, 2 / 3, 2, wilson(2, 4), wilson(2, 2), f1_interval(2, 4, 2)),
        "wolf": ClassScores(0.0, 0.0, 0.0, 1, wilson(0, 0), wilson(0, 1), f1_interval(0, 0, 1)),
    }
    assert found.expected_calibration_error == pytest.approx(0.8 - 4 / 6)


def test_what_chance_makes_of_calibration_is_taken_off() -> None:
    # Each picture's confidence is 0.8: of six coins, 4.8 fall right on average.
    found = evaluate_probabilities(PROBABILITIES, LABELS, ["cat", "dog", "wolf"], part="test")
    weights = [math.comb(6, right) * 0.8**right * 0.2 ** (6 - right) for right in range(7)]
    by_chance = sum(w * abs(right / 6 - 0.8) for right, w in enumerate(weights))
    assert found.calibration_error_by_chance == pytest.approx(by_chance)
    assert found.calibration_error == pytest.approx(0.8 - 4 / 6 - by_chance)


def test_of_a_model_that_is_exactly_as_sure_as_it_should_be_nothing_is_left() -> None:
    random = np.random.default_rng(3)
    plain, left = [], []
    for _ in range(40):
        honest = random.dirichlet([0.3, 0.3, 0.3], 293)
        labels = (honest.cumsum(axis=1) > random.random((293, 1))).argmax(axis=1)
        found = evaluate_probabilities(honest, labels, ["a", "b", "c"], part="test")
        plain.append(found.expected_calibration_error)
        left.append(found.expected_calibration_error - found.calibration_error_by_chance)
    assert np.mean(plain) > 0.03
    assert abs(np.mean(left)) < 0.003


def test_the_table_says_the_same() -> None:
    found = evaluate_probabilities(PROBABILITIES, LABELS, ["cat", "dog", "wolf"], part="test")
    assert evaluation_table(found) == (
        "test accuracy: 0.6667 (6 pictures), 95% interval 0.3000 to 0.9032\n"
        "balanced accuracy: 0.5556, 95% interval 0.2010 to 0.8613\n"
        "macro F1: 0.4889, 95% interval 0.0839 to 0.8862\n"
        "expected calibration error: 0.1333 (temperature 1.000); exactly right confidence would "
        "show 0.1311, so 0.0023 of it is the model's\n"
        "\n"
        "class  precision  recall  f1-score  support  precision-95%   recall-95%  f1-score-95%\n"
        "cat       1.0000  0.6667    0.8000        3    0.342-1.000  0.208-0.939   0.344-0.968\n"
        "dog       0.5000  1.0000    0.6667        2    0.150-0.850  0.342-1.000   0.261-0.919\n"
        "wolf      0.0000  0.0000    0.0000        1    0.000-1.000  0.000-0.793   0.000-0.885\n"
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
    assert (
        f"left out: {learned} pictures that pets was corrected by; that it has them right "
        in heard.text
    )
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
        "accuracy_interval",
        "balanced_accuracy",
        "balanced_accuracy_interval",
        "macro_f1",
        "macro_f1_interval",
        "calibration_error_by_chance",
        "calibration_error",
        "scored_before",
        "selective",
    }
    of_class = {"precision", "recall", "f1_score"}
    intervals = {f"{name}_interval" for name in of_class}
    assert set(found["classes"]["cat"]) == {*of_class, *intervals, "support"}


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


def named(model: Path, target: str, *names: str) -> Path:
    """A copy of a model whose classes are called otherwise."""

    def edit(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["class_names"] = names
        return json.dumps(manifest).encode()

    return Path(shutil.copy(rewritten(model, MANIFEST, edit), target))


def test_a_model_is_no_better_than_itself(trained: Trained) -> None:
    found = evaluate_against(trained.model, named(trained.model, "copy.keras", "cat", "dog"), None)
    assert (found.one.accuracy, found.one.only_right) == (found.other.accuracy, 0)
    assert found.both_right + found.both_wrong == found.pictures == 12
    assert found.p_value == 1.0
    assert found.in_words == ("no difference: both have as many of these pictures right (p = 1)")


def test_models_are_compared_by_the_names_of_their_classes(trained: Trained) -> None:
    other = named(trained.model, "other.keras", "dog", "cat")
    found = evaluate_against(trained.model, other, Path("new"))
    assert found.other.accuracy == pytest.approx(1 - found.one.accuracy)
    assert (found.both_right, found.both_wrong, found.pictures) == (0, 0, 20)
    right = round(20 * found.one.accuracy)
    assert (found.one.only_right, found.other.only_right) == (right, 20 - right)
    assert found.p_value == either_way(right, 20 - right)
    table = comparison_table(found).splitlines()
    assert table[0].split()[:4] == ["model", "version", "accuracy", "balanced-accuracy"]
    assert table[1].split()[:3] == [str(trained.model), "1", f"{found.one.accuracy:.4f}"]
    assert table[-1] == found.in_words


def test_what_one_of_them_knows_does_not_compare_them(trained: Trained, heard: Heard) -> None:
    for picture in scan(Path("dataset"), 0.2, 123).training[:3]:
        shutil.copy(picture.path, f"new/cat/known-{picture.path.name}")
    bird = named(trained.model, "bird.keras", "cat", "bird")
    found = evaluate_against(trained.model, bird, Path("new"))
    assert (found.pictures, found.left_out) == (10, 10 + 3)
    assert "10 pictures of dog left out: bird.keras has no such class" in heard.text
    with pytest.raises(DataError, match=r"corrected by each of these 48 pictures"):
        evaluate_against(
            trained.model, named(trained.model, "all.keras", "cat", "dog"), all_known()
        )


def test_what_favours_one_of_them_is_said(trained: Trained, heard: Heard) -> None:
    def edit(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["data"]["directory"] = "/gone"
        return json.dumps(manifest).encode()

    for picture in scan(Path("dataset"), 0.2, 123).validation[:2]:
        shutil.copy(picture.path, f"new/cat/held-out-{picture.path.name}")
    silent = rewritten(without_pictures_seen(trained.model), MANIFEST, edit)
    assert evaluate_against(trained.model, silent, Path("new")).pictures == 22
    assert f"which pictures {silent} was trained on can't be told" in heard.text
    favoured = f"the epoch of {trained.model} was chosen by 2 of these pictures, which favours it"
    assert favoured in heard.text


def all_known() -> Path:
    """A folder of pictures that the model was trained on, and no others."""
    shutil.rmtree("new")
    for name in ("cat", "dog"):
        Path("new", name).mkdir(parents=True)
    known = scan(Path("dataset"), 0.2, 123).training
    for picture in known:
        shutil.copy(picture.path, Path("new", picture.path.parent.name))
    return Path("new")


def test_test_pictures_are_looked_at_once_and_then_that_is_said(
    trained: Trained, heard: Heard
) -> None:
    assert evaluate(trained.model, Path("new"), []).scored_before == 0
    assert "test pictures" not in heard.text
    shutil.copytree("new", "elsewhere")
    assert evaluate(trained.model, Path("elsewhere"), []).scored_before == 1
    assert (
        f"{trained.model} was scored on these 20 test pictures once before (version 1); if "
        "the model is changed by what they say, they score it better than others would"
    ) in heard.text
    journal = history_directory(trained.model) / "test_scores.jsonl"
    with journal.open("ab") as stream:
        stream.write(b'{"time": "20')  # the machine stopped
    assert evaluate(trained.model, Path("new"), []).scored_before == 2
    next(Path("new/cat").iterdir()).unlink()
    assert evaluate(trained.model, Path("new"), []).scored_before == 0
    journal.unlink()
    journal.mkdir()
    assert evaluate(trained.model, Path("new"), []).scored_before == 0
    assert "that these test pictures were looked at is not kept" in heard.text


def test_held_out_pictures_may_be_looked_at_as_often_as_one_likes(trained: Trained) -> None:
    assert [evaluate(trained.model, None, []).scored_before for _ in range(2)] == [0, 0]
    assert not (history_directory(trained.model) / "test_scores.jsonl").exists()
