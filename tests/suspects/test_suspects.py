"""Labels that models contradict which were trained without the pictures."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgclf.backend import keras
from imgclf.cli import app
from imgclf.commands.adopt import adopt
from imgclf.commands.train import train
from imgclf.config.load import load_config
from imgclf.corrections.inputs import read_inputs
from imgclf.data.dataset import Part, read_config_dataset
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.data.picture_files import Picture
from imgclf.errors import ConfigError, DataError, Interrupted, UsageError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import MANIFEST
from imgclf.report.suspects import suspects_table, write_suspects
from imgclf.suspects import cross_validation as out_of_fold
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
from imgclf.suspects.find import all_judged, find_suspects
from imgclf.suspects.folds import divide
from imgclf.system.files import open_output
from tests.support.heard import Heard, listen

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
augmentation: [RandomFlip: horizontal]
model: {layers: [Rescaling: 1/255, Flatten]}
training: {epochs: 6, optimizer: {Adam: {learning_rate: 0.05}}}
callbacks:
  - LearningRateScheduler: {schedule: exponential, rate: -0.05, verbose: 1}
  - CSVLogger: {filename: kept/log.csv}
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


@pytest.fixture(scope="module")
def shades_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Suspects]:
    folder = tmp_path_factory.mktemp("shades")
    draw_shades(folder / "shades")
    (folder / "shades.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(Path("shades.yaml"))
        shutil.rmtree("kept")
        before = files()
        judging = listen()
        with redirect_stdout(io.StringIO()) as printed:
            found = find_suspects(Path("models/shades.keras"), None)
        assert "setting learning rate" in judging.text
        assert files() == before  # also no log where the config wants one
        assert printed.getvalue() == ""  # nor what the schedule says
    return folder, found


@pytest.fixture
def shades(
    shades_once: tuple[Path, Suspects], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A model of coloured pictures, two of which lie in the wrong folder; its folds are known."""
    shutil.copytree(shades_once[0], tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    model = Path("models/shades.keras")
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[MANIFEST])
    manifest["data"]["directory"] = str(Path("shades").absolute())
    members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    yield model


def forget_the_folds() -> None:
    for file in Path(".imgclf-cache").glob("out-of-fold*"):
        file.unlink()


def guess(_: Any, training: Part, judged: Part, seed: int, advance: Any) -> Probabilities:
    """A training that comes to little."""
    return np.full((len(judged), 2), 0.5)


def files() -> set[str]:
    return {
        str(path)
        for path in Path().rglob("*")
        if path.is_file() and path.parts[0] not in (".imgclf-cache",)
    }


def named(found: Suspects) -> dict[str, str]:
    return {one.path.removeprefix("shades/"): one.suggested for one in found.suspects}


def test_pictures_in_the_wrong_folder_are_found(shades_once: tuple[Path, Suspects]) -> None:
    found = shades_once[1]
    assert named(found) == SWAPPED
    assert (found.pictures, found.folds, found.judged_by) == (24, 3, "cross-validation")
    assert found.agreement == 22 / 24
    assert found.contradicted == 2
    assert all(one.confidence > 0.6 for one in found.suspects)
    assert all(one.confidence + one.confidence_in_given == 1 for one in found.suspects)


def test_the_second_call_trains_nothing_until_something_changes(
    shades: Path, shades_once: tuple[Path, Suspects], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_fold._Network, "train_and_judge", None)
    first = shades_once[1]
    assert find_suspects(shades, None) == first
    assert find_suspects(shades, None, top=1).suspects == first.suspects[:1]
    with pytest.raises(TypeError):
        find_suspects(shades, None, overrides=["training.epochs=7"])
    with pytest.raises(TypeError):
        find_suspects(shades, None, repeats=2)
    Path("shades/red/red-00.png").rename("shades/blue/red-00.png")
    with pytest.raises(TypeError):
        find_suspects(shades, None)


def test_a_damaged_cache_is_trained_anew(shades: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_fold._Network, "train_and_judge", guess)
    for file in Path(".imgclf-cache").glob("out-of-fold*"):
        file.write_bytes(file.read_bytes()[:-8])
    assert find_suspects(shades, None).suspects == []


def test_ctrl_c_keeps_the_folds_that_are_done_and_nothing_else(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_the_folds()
    before, trainings = files(), list[int]()

    def interrupted_in_the_second(*arguments: Any) -> Probabilities:
        trainings.append(len(trainings))
        if len(trainings) == 2:
            raise KeyboardInterrupt
        return guess(*arguments)

    monkeypatch.setattr(out_of_fold._Network, "train_and_judge", interrupted_in_the_second)
    with pytest.raises(Interrupted, match="the same again"):
        find_suspects(shades, None)
    assert files() == before
    assert [path.suffix for path in Path(".imgclf-cache").glob("out-of-fold*")] == [".npy"]
    find_suspects(shades, None)
    assert len(trainings) == 4


def test_every_picture_is_judged_once_in_each_repeat_by_a_training_without_it(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def watch(_: Any, training: Part, judged: Part, seed: int, advance: Any) -> Probabilities:
        seen.append(tuple({one.path for one in part.pictures} for part in (training, judged)))
        picture = decode(judged.pictures[-1].path, DecoderSettings(8, 8, "stretch"))
        np.testing.assert_array_equal(judged.pixels[judged.rows[-1]], picture)
        return np.full((len(judged), 2), [seed, -seed])

    monkeypatch.setattr(out_of_fold._Network, "train_and_judge", watch)
    loaded = load_config(Path("shades.yaml"))
    part = all_judged(read_config_dataset(loaded.config.data))
    said = out_of_fold_probabilities(loaded, part, 2, folds=4, repeats=2)
    np.testing.assert_array_equal(said, np.tile([123.5, -123.5], (24, 1)))
    everything = {picture.path for picture in part.pictures}
    assert len(seen) == 8
    assert all(training | judged == everything for training, judged in seen)
    assert not any(training & judged for training, judged in seen)
    for repeat in (seen[:4], seen[4:]):
        assert sum(len(judged) for _, judged in repeat) == len(everything) == 24
    assert seen[0] != seen[4]


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


def test_a_data_set_that_has_moved_can_be_named(
    shades: Path, shades_once: tuple[Path, Suspects]
) -> None:
    Path("shades").rename("elsewhere")
    with pytest.raises(DataError, match=r"which shades was trained on, is not there\n.*--set"):
        find_suspects(shades, None)
    found = find_suspects(shades, None, overrides=["data.directory=elsewhere"])
    paths = [one.path.replace("elsewhere/", "shades/") for one in found.suspects]
    assert paths == [one.path for one in shades_once[1].suspects]
    with pytest.raises(ConfigError, match="epochs"):
        find_suspects(shades, None, overrides=["training.epochs=0"])


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


def test_a_class_that_would_be_missing_from_a_training_is_refused(
    shades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_fold._Network, "train_and_judge", guess)
    loaded = load_config(Path("shades.yaml"))
    part = all_judged(read_config_dataset(loaded.config.data))
    one_red = part.at(np.append(np.flatnonzero(part.labels == 0), np.argmax(part.labels)))
    with pytest.raises(UsageError, match="too few pictures for 3 folds"):
        out_of_fold_probabilities(loaded, one_red, 2, folds=3)
    with pytest.raises(UsageError, match="too few pictures for 25 folds"):
        out_of_fold_probabilities(loaded, part, 2, folds=25)


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
    for options in (["--folds", "3"], ["--top", "5"], ["--csv"], ["--review", "a.html"]):
        with pytest.raises(UsageError, match="need --suspects"):
            imgclf("evaluate", *options)
    with pytest.raises(UsageError, match="--set are for what the model was trained on"):
        imgclf("evaluate", "shades", "--suspects", "--folds", "3")


def test_csv_and_top_on_the_command_line(shades: Path) -> None:
    status, printed, _ = imgclf("evaluate", "--suspects", "--csv", "--top", "1")
    assert status == 0
    assert len(list(csv.DictReader(io.StringIO(printed)))) == 1


@pytest.mark.slow
def test_a_model_that_does_not_say_how_it_was_trained_can_only_judge_others(shades: Path) -> None:
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    network.add(keras.layers.Dense(1, activation="sigmoid"))
    network.save("plain.keras")
    adopt(Path("plain.keras"), ["blue", "red"])
    with pytest.raises(DataError, match=r"or how\n.*imgclf evaluate FOLDER --suspects"):
        find_suspects(Path("models/plain.keras"), None)
