"""Labels that models contradict which were trained without the pictures."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from imgclf.backbones.as_it_came import features_as_it_came
from imgclf.backend import keras
from imgclf.cli import app
from imgclf.commands.adopt import adopt
from imgclf.commands.train import train
from imgclf.config.backbone import Backbone
from imgclf.config.load import load_config
from imgclf.corrections.inputs import read_inputs
from imgclf.data.dataset import Part, read_config_dataset
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.picture_files import Picture
from imgclf.errors import DataError, UsageError
from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import MANIFEST
from imgclf.report.suspects import suspects_table, write_suspects
from imgclf.suspects import cross_validation, find
from imgclf.suspects.confident_learning import (
    Suspect,
    Suspects,
    class_thresholds,
    confident_classes,
    confident_joint,
    estimated_label_errors,
    no_better_than_guessing,
    rank_suspects,
)
from imgclf.suspects.cross_validation import out_of_fold_probabilities
from imgclf.suspects.find import find_suspects
from imgclf.suspects.folds import divide
from imgclf.system.files import open_output
from tests.support.heard import Heard

# Of three classes. The thresholds are the means of what each label's own pictures reach:
# (0.9 + 0.7 + 0.2) / 3, (0.6 + 0.8) / 2 and 0.5.
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.7, 0.3, 0.0],
        [0.2, 0.7, 0.1],  # reaches class 1
        [0.3, 0.6, 0.1],  # reaches nothing
        [0.1, 0.8, 0.1],
        [0.6, 0.1, 0.3],  # reaches class 0
        [0.0, 0.3, 0.7],
    ]
)


def test_a_threshold_is_the_mean_of_what_the_pictures_of_a_label_reach() -> None:
    np.testing.assert_allclose(class_thresholds(PROBABILITIES, LABELS), [0.6, 0.7, 0.5])


def test_a_class_without_pictures_is_never_reached() -> None:
    assert class_thresholds(PROBABILITIES[:5], LABELS[:5])[2] == np.inf
    assert 2 not in confident_classes(PROBABILITIES[:5], LABELS[:5])


def test_the_confident_joint_counts_labels_by_the_class_that_is_reached() -> None:
    assert confident_classes(PROBABILITIES, LABELS).tolist() == [0, 0, 1, -1, 1, 0, 2]
    assert confident_joint(PROBABILITIES, LABELS).tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 1]]


def test_the_estimate_is_the_joint_off_the_diagonal_scaled_to_all_pictures() -> None:
    # A third of three, nothing of two, half of two.
    assert estimated_label_errors(PROBABILITIES, LABELS) == 2


def test_of_several_classes_that_are_reached_the_likeliest_counts() -> None:
    probabilities = np.array([[0.4, 0.6], [0.4, 0.6], [0.55, 0.45]])
    # Thresholds 0.4 and 0.45 at labels 0, 0, 1: each picture reaches both.
    assert confident_classes(probabilities, np.array([0, 0, 1])).tolist() == [1, 1, 0]


def test_suspects_are_ranked_by_the_margin_of_the_class_that_they_reach() -> None:
    ranked, reached = rank_suspects(PROBABILITIES, LABELS)
    assert ranked.tolist() == [2, 5]  # margins 0.5 and 0.3
    assert reached.tolist() == [1, 0]


def test_a_label_that_is_the_likeliest_is_no_suspect_whatever_else_is_reached() -> None:
    probabilities = np.array([[0.9, 0.1], [0.95, 0.05], [0.6, 0.4], [0.7, 0.3]])
    labels = np.array([0, 0, 0, 1])
    assert confident_classes(probabilities, labels).tolist() == [0, 0, 1, 1]
    assert rank_suspects(probabilities, labels)[0].tolist() == []


def test_of_equal_margins_the_earlier_picture_comes_first() -> None:
    probabilities = np.tile([[0.1, 0.9]], (6, 1))
    ranked, _ = rank_suspects(probabilities, np.array([1, 0, 1, 0, 1, 0]))
    assert ranked.tolist() == [1, 3, 5]


def test_without_contradictions_there_are_no_suspects() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert rank_suspects(probabilities, np.array([0, 1]))[0].tolist() == []
    assert estimated_label_errors(probabilities, np.array([0, 1])) == 0


def test_folds_spread_each_class_evenly_and_keep_equal_files_together() -> None:
    pictures = [Picture(Path(f"{n}"), n % 2, f"digest {n}") for n in range(20)]
    copies = [Picture(Path(f"copy {n}"), 1, f"digest {n}") for n in range(3)]
    folds = divide([*pictures, *copies], 4, seed=1)
    assert sorted(np.bincount(folds[:20]).tolist()) == [5, 5, 5, 5]
    labels = np.array([picture.label for picture in pictures])
    assert all(2 <= np.sum((folds[:20] == k) & (labels == 0)) <= 3 for k in range(4))
    assert folds[20:].tolist() == folds[:3].tolist()
    assert divide(pictures[::-1], 4, seed=1).tolist() == folds[:20][::-1].tolist()
    assert divide(pictures, 4, seed=2).tolist() != folds[:20].tolist()


# Pictures that are told apart by their colour, with two that lie in the wrong folder.
CONFIG = """\
data: {directory: shades, image_size: 8, batch_size: 4}
model: {layers: [Rescaling: 1/255, Flatten]}
training: {epochs: 3, optimizer: {Adam: {learning_rate: 0.05}}}
"""
SWAPPED = {"red/blue-03.png": "blue", "blue/red-05.png": "red"}


def draw_shades(folder: Path) -> None:
    random = np.random.default_rng(1)
    for channel, name in ((0, "red"), (2, "blue")):
        for number in range(12):
            pixels = random.integers(0, 120, (8, 8, 3))
            pixels[..., channel] += 110
            file = f"{name}-{number:02}.png"
            swapped = [label for label in ("red", "blue") if f"{label}/{file}" in SWAPPED]
            target = folder / (swapped or [name])[0] / file
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(target)


def mean_colours(pictures: Sequence[Picture], *_: Any) -> NDArray[np.float16]:
    """What a pretrained network would see in these pictures."""
    settings = DecoderSettings(8, 8, "stretch")
    colours = [decode(one.path, settings).mean(axis=(0, 1)) for one in pictures]
    return np.array(colours, np.float16)


@pytest.fixture(scope="module")
def shades_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shades")
    draw_shades(folder / "shades")
    (folder / "shades.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(Path("shades.yaml"))
    return folder


@pytest.fixture
def shades(shades_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model of coloured pictures, two of which lie in the wrong folder, seen by their colours."""
    shutil.copytree(shades_once, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(find, "features_as_it_came", mean_colours)
    model = Path("models/shades.keras")
    change_manifest(model, lambda it: it["data"].update(directory=str(Path("shades").absolute())))
    yield model


def change_manifest(model: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def named(found: Suspects) -> dict[str, str]:
    return {one.path.removeprefix("shades/"): one.suggested for one in found.suspects}


def test_pictures_in_the_wrong_folder_are_found_and_nothing_is_left_behind(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files()
    found = find_suspects(shades, None)
    assert named(found) == SWAPPED
    assert (found.pictures, found.folds, found.repeats) == (24, 5, 1)
    assert found.judged_by == "cross-validation"
    assert found.agreement == 22 / 24
    assert found.contradicted == 2
    assert all(one.confidence > 0.6 for one in found.suspects)
    assert all(
        one.confidence + one.confidence_in_given == pytest.approx(1) for one in found.suspects
    )
    assert files() == before
    assert find_suspects(shades, None) == found
    assert find_suspects(shades, None, top=1).suspects == found.suspects[:1]


def test_training_validation_and_no_test_pictures_are_judged(shades: Path) -> None:
    for part in ("train", "validation", "test"):
        shutil.copytree("shades", f"divided/{part}")
    for number, path in enumerate(sorted(Path("divided").rglob("*.png"))):
        with path.open("ab") as stream:  # each is another file
            stream.write(bytes([number]))
    found = find_suspects(shades, None, overrides=["data.directory=divided"])
    assert found.pictures == 48
    assert {Path(one.path).parts[1] for one in found.suspects} == {"train", "validation"}


def as_a_part(labels: Sequence[int]) -> Part:
    pictures = tuple(Picture(Path(f"{n}"), label, f"{n}") for n, label in enumerate(labels))
    rows = np.arange(len(labels))
    return Part(pictures, np.zeros((len(labels), 1, 1, 3), np.uint8), rows, np.array(labels))


def overlapping(pictures: int, features: int = 40) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Features of two classes, and which of them each picture is of."""
    random = np.random.default_rng(4)
    labels = np.arange(pictures) % 2
    middles = random.normal(size=(2, features)) * 0.6
    return middles[labels] + random.normal(size=(pictures, features)), labels


def test_every_picture_is_judged_once_in_each_repeat_by_a_head_that_was_fitted_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, labels = overlapping(40)
    fits: list[NDArray[Any]] = []
    judged: list[NDArray[Any]] = []

    def watch(given: NDArray[Any], its_labels: NDArray[np.int64], num_classes: int) -> LinearHead:
        fits.append(given)
        head = fit_logistic_regression(given, its_labels, num_classes)

        class Watched(LinearHead):
            def probabilities(self, features: NDArray[Any]) -> Probabilities:
                judged.append(features)
                return super().probabilities(features)

        return Watched(head.weights, head.biases)

    monkeypatch.setattr(cross_validation, "fit_logistic_regression", watch)
    for said in out_of_fold_probabilities(
        features, as_a_part(labels.tolist()), 2, folds=4, repeats=3
    ):
        np.testing.assert_allclose(said.sum(axis=1), 1)
    assert len(fits) == len(judged) == 2 * 3 * 4
    rows = [[{tuple(row) for row in given} for given in some] for some in (fits, judged)]
    assert not any(seen & new for seen, new in zip(*rows, strict=True))
    everything = set().union(*rows[1])
    assert len(everything) == 40
    for start in range(0, 24, 4):
        assert sum(len(new) for new in rows[1][start : start + 4]) == 40
    assert all(
        seen | new == everything for seen, new in zip(rows[0][:12], rows[1][:12], strict=True)
    )
    assert rows[1][:4] != rows[1][4:8]
    assert rows[1][:12] == rows[1][12:]


def with_wrong_labels(share: float) -> tuple[NDArray[Any], Part, NDArray[np.int64]]:
    """Features, the pictures with their labels, and which of these are wrong."""
    features, labels = overlapping(400)
    wrong = np.random.default_rng(5).choice(400, round(400 * share), replace=False)
    labels[wrong] = 1 - labels[wrong]
    return features, as_a_part(labels.tolist()), wrong


def test_the_second_time_is_without_what_the_first_contradicts_and_finds_more() -> None:
    features, part, wrong = with_wrong_labels(0.15)
    found = out_of_fold_probabilities(features, part, 2, folds=5)
    once, twice = (
        np.intersect1d(rank_suspects(said, part.labels)[0][:60], wrong) for said in found
    )
    assert len(once) + 5 <= len(twice)


@pytest.mark.parametrize(("share", "again"), [(0.25, True), (0.36, False)])
def test_who_contradicts_a_third_of_the_labels_does_not_choose(share: float, again: bool) -> None:
    features, part, _ = with_wrong_labels(share)
    first, second = out_of_fold_probabilities(features, part, 2, folds=5)
    assert not no_better_than_guessing(first, part.labels)
    assert (len(rank_suspects(first, part.labels)[0]) < 400 / 3) == again
    assert (second is not first) == again


def test_who_guesses_does_not_choose() -> None:
    random = np.random.default_rng(6)
    labels = (random.random(300) < 0.1).astype(np.int64)
    features = random.normal(size=(300, 5))
    first, second = out_of_fold_probabilities(features, as_a_part(labels.tolist()), 2, folds=5)
    assert len(rank_suspects(first, labels)[0]) < 100
    assert second is first


def test_labels_at_random_are_agreed_with_by_chance_and_not_listed(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(8)
    seen = {path: random.normal(size=200) for path in Path("shades").rglob("*.png")}
    monkeypatch.setattr(
        find, "features_as_it_came", lambda pictures, *_: np.array([seen[p.path] for p in pictures])
    )
    found = find_suspects(shades, None)
    assert found.guessing and found.suspects == []
    assert found.agreement < 0.75


def test_the_agreement_is_by_all_other_labels(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(_: Any, part: Part, *__: Any, **___: Any) -> tuple[Probabilities, Probabilities]:
        right = np.eye(2)[part.labels]
        first, second = right.copy(), right.copy()
        first[:6] = 1 - first[:6]
        second[:3] = 1 - second[:3]
        return first, second

    monkeypatch.setattr(find, "out_of_fold_probabilities", judge)
    found = find_suspects(shades, None)
    assert (found.agreement, found.contradicted) == (18 / 24, 3)


def test_a_class_that_is_contradicted_whole_is_still_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, labels = overlapping(60)
    labels[[3, 4]] = 2
    learned: list[list[int]] = []

    def watch(given: NDArray[Any], its_labels: NDArray[np.int64], num_classes: int) -> LinearHead:
        learned.append(np.bincount(its_labels, minlength=3).tolist())
        return fit_logistic_regression(given, its_labels, num_classes)

    monkeypatch.setattr(cross_validation, "fit_logistic_regression", watch)
    contradicted = np.array([3, 4, 5, 6])
    monkeypatch.setattr(cross_validation, "rank_suspects", lambda *_: (contradicted, contradicted))
    out_of_fold_probabilities(features, as_a_part(labels.tolist()), 3, folds=2)
    assert np.sum(learned[:2], axis=0).tolist() == [29, 29, 2]
    assert np.sum(learned[2:], axis=0).tolist() == [28, 28, 2]


def test_features_count_by_how_they_vary_and_not_by_their_size() -> None:
    features, labels = overlapping(60)
    part = as_a_part(labels.tolist())
    said = out_of_fold_probabilities(features, part, 2, folds=3)[1]
    scaled = features * np.geomspace(1, 1e3, 40) + 1e3
    np.testing.assert_allclose(
        out_of_fold_probabilities(scaled, part, 2, folds=3)[1], said, atol=5e-3
    )
    constant = np.concatenate([features, np.full((60, 1), 7.0)], axis=1)
    np.testing.assert_allclose(
        out_of_fold_probabilities(constant, part, 2, folds=3)[1], said, atol=1e-3
    )


WRITTEN_BACKBONES: list[tuple[Any, str, tuple[int, int] | None]] = [
    (None, "EfficientNetLite0", None),
    ("EfficientNetLite1", "EfficientNetLite1", (8, 8)),
    ("MobileNetV2", "MobileNetV2", (8, 8)),
    ({"EfficientNetLite1": {"weights": "none"}}, "EfficientNetLite0", None),
    ({"EfficientNetLite1": {"weights": "tuned.pth"}}, "EfficientNetLite0", None),
    ("models/other.keras", "EfficientNetLite0", None),
]


@pytest.mark.parametrize(("written", "looks", "size"), WRITTEN_BACKBONES)
def test_pictures_are_seen_by_a_network_that_knows_none_of_their_labels(
    shades: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: Any,
    looks: str,
    size: tuple[int, int] | None,
) -> None:
    seen: list[Any] = []

    def watch(
        pictures: Sequence[Picture],
        resize: str,
        declared: Backbone,
        image_size: tuple[int, int] | None = None,
    ) -> NDArray[np.float16]:
        seen.append((resize, declared, image_size))
        return mean_colours(pictures)

    def build_on_it(manifest: dict[str, Any]) -> None:
        manifest["config"]["data"]["resize"] = "crop"
        if written is not None:
            manifest["config"]["model"] = {"backbone": written, "layers": []}

    monkeypatch.setattr(find, "features_as_it_came", watch)
    change_manifest(shades, build_on_it)
    find_suspects(shades, None)
    assert seen == [("crop", Backbone(name=looks), size)]


def test_nothing_that_a_stranger_s_config_names_is_opened_or_run(shades: Path) -> None:
    os.mkfifo("vocabulary")  # whoever opened it would wait for ever
    Path("evil.py").write_text("open('run', 'w').close()\nclass Evil: pass\n")

    def build_on_it(manifest: dict[str, Any]) -> None:
        config = manifest["config"]
        config["model"]["layers"] = [
            {name: {"vocabulary": str(Path("vocabulary").absolute())}}
            for name in ("StringLookup", "IntegerLookup", "TextVectorization")
        ]
        config["callbacks"] = ["evil.py:Evil", {"CSVLogger": {"filename": "shades/red/log.csv"}}]

    change_manifest(shades, build_on_it)
    before = files()
    assert named(find_suspects(shades, None)) == SWAPPED
    assert files() == before


@pytest.mark.slow
def test_photos_are_seen_by_a_pretrained_network_once(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "features_as_it_came", features_as_it_came)
    assert named(find_suspects(shades, None)) == SWAPPED
    kept = {
        path: path.stat().st_mtime_ns for path in Path(".imgclf-cache").glob("features-*.pictures")
    }
    assert kept
    find_suspects(shades, None)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_without_folds_the_model_judges_what_was_held_out(shades: Path) -> None:
    found = find_suspects(shades, None, folds=0)
    assert (found.judged_by, found.folds, found.pictures) == ("the model", 0, 4)


def test_class_folders_are_judged_by_the_model_itself(shades: Path, heard: Heard) -> None:
    shutil.copytree("shades", "more")
    Path("more/red/cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = find_suspects(shades, Path("more"))
    assert {one.path.removeprefix("more/"): one.suggested for one in found.suspects} == SWAPPED
    assert (found.pictures, found.unreadable, found.folds) == (24, 1, 0)
    assert "left out more/red/cut.png" in heard.text


def test_a_data_set_that_has_moved_can_be_named(shades: Path) -> None:
    Path("shades").rename("elsewhere")
    with pytest.raises(DataError, match=r"which shades was trained on, is not there\n.*--set"):
        find_suspects(shades, None)
    elsewhere = ["data.directory=elsewhere"]
    found = find_suspects(shades, None, overrides=elsewhere)
    assert {one.path.removeprefix("elsewhere/"): one.suggested for one in found.suspects} == SWAPPED
    assert (
        find_suspects(shades, None, folds=0, overrides=["data.directory=elsewhere"]).pictures == 4
    )


def test_what_would_change_a_training_is_refused_for_there_is_none(shades: Path) -> None:
    with pytest.raises(UsageError, match=r"--set training.epochs=7: .* no key matters"):
        find_suspects(shades, None, overrides=["training.epochs=7"])


def test_a_picture_that_cannot_be_read_is_left_out_and_counted(shades: Path, heard: Heard) -> None:
    Path("shades/red/cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = find_suspects(shades, None)
    assert (found.pictures, found.unreadable, named(found)) == (24, 1, SWAPPED)
    assert "left out shades/red/cut.png" in heard.text


def test_guessing_lists_nothing() -> None:
    half = np.repeat([0, 1], 50)
    said = np.where(np.arange(100) < 59, half, 1 - half)  # right on 59 of 100, by chance up to 60
    assert no_better_than_guessing(np.eye(2)[said], half)
    said = np.where(np.arange(100) < 61, half, 1 - half)
    assert not no_better_than_guessing(np.eye(2)[said], half)
    always = np.tile([0.9, 0.1], (100, 1))
    assert no_better_than_guessing(always, np.repeat([0, 1], [90, 10]))


def test_one_fold_is_none(shades: Path) -> None:
    with pytest.raises(UsageError, match="from 2 on"):
        find_suspects(shades, None, folds=1)


def test_a_class_of_which_too_few_would_be_left_is_refused() -> None:
    with pytest.raises(UsageError, match="too few pictures for 3 folds"):
        out_of_fold_probabilities(np.zeros((13, 2)), as_a_part([0] * 12 + [1]), 2, folds=3)
    with pytest.raises(UsageError, match="too few pictures for 25 folds"):
        out_of_fold_probabilities(np.zeros((24, 2)), as_a_part([0, 1] * 12), 2, folds=25)


FOUND = Suspects(
    judged_by="cross-validation",
    folds=3,
    repeats=1,
    classes=("cat", "dog"),
    pictures=40,
    unreadable=0,
    agreement=0.75,
    estimated_label_errors=9,
    contradicted=7,
    guessing=False,
    suspects=[Suspect("dataset/cat/a,b.jpg", "cat", "dog", 0.987, 0.013)],
)


def test_the_table_says_who_contradicts_what() -> None:
    assert suspects_table(FOUND) == (
        "7 of 40 labels are contradicted with confidence by models that were trained without "
        "these pictures and agree with 75.0% of the labels; the first 1 are listed\n"
        "\n"
        "label  rather  confidence  picture\n"
        "cat    dog          98.7%  dataset/cat/a,b.jpg"
    )


def test_csv_has_no_column_that_retrain_would_take_for_the_truth(in_folder: Path) -> None:
    with open_output(Path("suspects.csv")) as stream:
        write_suspects(stream, FOUND)
    [row] = csv.DictReader(Path("suspects.csv").read_text().splitlines())
    assert row == {
        "path": "dataset/cat/a,b.jpg",
        "given": "cat",
        "suggested": "dog",
        "confidence": "0.987000",
        "confidence_in_given": "0.013000",
    }
    with pytest.raises(DataError, match="the columns path and label are wanted"):
        read_inputs(["suspects.csv"], None, [])


def imgclf(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments), prog_name="imgclf")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_from_suspects_to_a_data_set_in_order(shades: Path) -> None:
    """The page's corrections.csv moves pictures of the training and of the validation part."""
    data = read_config_dataset(load_config(Path("shades.yaml")).config.data)
    for part, name in ((data.training, "blue-03.png"), (data.validation, "red-05.png")):
        assert name in [picture.path.name for picture in part.pictures]

    status, printed, said = imgclf("evaluate", "--suspects", "--json", "--review", "suspects.html")
    assert status == 0
    assert "imgclf retrain corrections.csv --model models/shades.keras --fix-dataset\n" in said
    page = Path("suspects.html").read_text()
    assert "blue-03.png" in page and "red-05.png" in page
    suspects = json.loads(printed)["suspects"]
    assert [one["given"] for one in suspects] == [Path(one["path"]).parts[-2] for one in suspects]

    lines = [f"{Path(one['path']).absolute()},{one['suggested']}" for one in suspects]
    Path("corrections.csv").write_text("\n".join(["path,label", *lines, ""]))
    assert imgclf("retrain", "corrections.csv", "--fix-dataset")[0] in (0, 3)
    for wrong, right in SWAPPED.items():
        assert not Path("shades", wrong).exists()
        assert Path("shades", right, Path(wrong).name).exists()


def test_options_of_suspects_without_suspects_are_refused(shades: Path) -> None:
    for options in (["--folds", "3"], ["--top", "5"], ["--csv"]):
        with pytest.raises(UsageError, match="need --suspects"):
            imgclf("evaluate", *options)
    with pytest.raises(UsageError, match="--set are for what the model was trained on"):
        imgclf("evaluate", "shades", "--suspects", "--folds", "3")
    with pytest.raises(UsageError, match="--folds 0 leaves the judging to the model"):
        imgclf("evaluate", "--suspects", "--folds", "0", "--repeats", "2")


def test_csv_and_top_on_the_command_line(shades: Path) -> None:
    status, printed, _ = imgclf("evaluate", "--suspects", "--csv", "--top", "1")
    assert status == 0
    assert len(list(csv.DictReader(io.StringIO(printed)))) == 1


@pytest.mark.slow
def test_a_model_that_does_not_say_what_it_learned_from_can_only_judge_others(
    shades: Path,
) -> None:
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    network.add(keras.layers.Dense(1, activation="sigmoid"))
    network.save("plain.keras")
    adopt(Path("plain.keras"), ["blue", "red"])
    with pytest.raises(
        DataError, match=r"what it was trained on\n.*imgclf evaluate FOLDER --suspects"
    ):
        find_suspects(Path("models/plain.keras"), None)
