"""Training on a pretrained network: a head on frozen features, then the network itself.

A small network of three layers passes for the pretrained one; tests/backbones has the real ones.
"""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained, train
from imgclf.config.fine_tune import FineTune
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.corrections.inputs import Labelled
from imgclf.data.dataset import read_config_dataset
from imgclf.data.drawn_sample import draw_sample
from imgclf.errors import ConfigError, Interrupted
from imgclf.model.engine import SplitEngine
from imgclf.model_file import litert_members
from imgclf.model_file.archive import FEATURES, HEAD, ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.runs.commits import load_latest
from imgclf.runs.folder import RunFolder
from imgclf.training import lower_maps
from imgclf.training.lower_maps import choose_cut
from imgclf.training.networks import build_network
from imgclf.training.transfer import averaged, frozen_features
from tests.support.heard import Heard
from tests.support.trainings import STOPPER, assert_equal, weights

_PRETRAINED = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 16, kernel_size: 3, strides: 2, activation: relu}
    - BatchNormalization
    - Conv2D: {filters: 32, kernel_size: 3, strides: 2, activation: relu}
    - GlobalAveragePooling2D
training: {epochs: 30, optimizer: {Adam: 0.01}}
"""
_FROZEN = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model: {backbone: models/base.keras, layers: [{Dropout: 0.2}]}
training: {epochs: 20, optimizer: {Adam: 0.05}}
"""
_BOTH = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
model: {backbone: models/base.keras, layers: [{Dropout: 0.2}]}
training: {epochs: 3, optimizer: {Adam: 0.05}, fine_tune: {epochs: 3, learning_rate: 0.01}}
callbacks: ["stopper.py:Stop"]
"""


@pytest.fixture(scope="module")
def pretrained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, new/ and models/base.keras."""
    folder = tmp_path_factory.mktemp("pretrained")
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    (folder / "base.yaml").write_text(_PRETRAINED)
    (folder / "stopper.py").write_text(STOPPER)
    before = Path.cwd()
    os.chdir(folder)
    try:
        train(Path("base.yaml"))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(pretrained, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    Path("stop").touch()
    return tmp_path / "work"


def by_config(name: str, text: str, **options: bool) -> Trained:
    Path(f"{name}.yaml").write_text(text)
    return train(Path(f"{name}.yaml"), **options)


def backbone_weights(model: Path) -> list[np.ndarray]:
    """Of the five variables of its two convolutions and four of batch normalization."""
    found = weights(model)
    return found[:8]


@pytest.mark.slow
def test_a_frozen_network_stays_as_it_is_and_its_head_learns(here: Path) -> None:
    done = by_config("frozen", _FROZEN)
    for ours, theirs in zip(
        backbone_weights(done.model), backbone_weights(Path("models/base.keras")), strict=True
    ):
        assert ours.tobytes() == theirs.tobytes()
    rows = list(csv.DictReader((done.run.path / "training.csv").open()))
    assert float(rows[-1]["loss"]) < 0.65  # a head of zeros has ln 2, 0.69
    assert "phase" not in rows[0]  # there is but one


@pytest.mark.slow
def test_what_is_predicted_is_what_plain_keras_says(here: Path) -> None:
    from imgclf.backend import keras

    done = by_config("frozen", _FROZEN)
    classifier = load(done.model, [])
    manifest = classifier.manifest
    assert manifest.features_sha256 is not None  # the graph of the features and a head, not of all
    pictures = list(find_inputs(["new"], []))
    said = [answer.probabilities["dog"] for answer in predict(classifier, pictures)]
    from imgclf.data.decoder import decode

    settings = manifest.decoder.settings()
    pixels = np.stack([decode(picture, settings) for picture in pictures])
    plain = keras.models.load_model(done.model).predict(pixels.astype(np.float32), verbose=0)
    logits = np.log(plain[:, 0] / (1 - plain[:, 0])) / manifest.temperature
    assert said == pytest.approx((1 / (1 + np.exp(-logits))).tolist(), abs=1e-4)


@pytest.mark.slow
def test_the_published_file_is_trusted_by_those_who_go_on_with_it(here: Path) -> None:
    from imgclf.backend import keras
    from imgclf.model_file.keras_io import load_keras_model

    model = load_keras_model(by_config("frozen", _FROZEN).model)
    # Layers, and no operation that the graph was put together with.
    assert all(isinstance(one, keras.Layer) for one in model.operations)


@pytest.mark.slow
def test_features_are_computed_once_and_of_new_pictures_only(here: Path, heard: Heard) -> None:
    by_config("frozen", _FROZEN)
    names = next(Path(".imgclf-cache").glob("features-*.pictures"))
    rows = len(names.read_bytes()) // 32
    assert rows == 48 + 12
    assert "augmentation" not in heard.text
    by_config("frozen", _FROZEN, fresh=True)
    assert len(names.read_bytes()) // 32 == rows
    draw_sample(Path("more"), 2, seed=9)
    for picture in Path("more/cat").iterdir():
        shutil.copy(picture, f"dataset/cat/new-{picture.name}")
    by_config("frozen", _FROZEN)
    assert len(names.read_bytes()) // 32 == rows + 2


@pytest.mark.slow
def test_a_flip_adds_mirrored_pictures_and_what_else_has_no_part_is_said(
    here: Path, heard: Heard
) -> None:
    varied = "augmentation: [{RandomFlip: horizontal}, {RandomRotation: 0.1}]\n"
    by_config("mirrored", _FROZEN.replace("epochs: 20", "epochs: 1") + varied)
    names = next(Path(".imgclf-cache").glob("features-*.pictures"))
    assert len(names.read_bytes()) // 32 == 48 * 2 + 12
    assert (
        "augmentation: RandomRotation of no effect while the backbone is not trained; what it sees "
        "of each picture is computed once (training.fine_tune trains it)\n"
    ) in heard.text


@pytest.mark.slow
def test_both_phases_are_one_training(here: Path) -> None:
    done = by_config("both", _BOTH)
    rows = list(csv.DictReader((done.run.path / "training.csv").open()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert [row["phase"] for row in rows] == ["1", "1", "1", "2", "2", "2"]
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[:3] == pytest.approx([0.05] * 3)
    assert rates[3] > rates[4] > rates[5] == 0  # along a cosine


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        "epoch 1 batch 1",
        "validation 2",  # the last epoch of the first phase, not committed
        "epoch 3",  # as the second phase begins, of which nothing is committed
        "epoch 3 batch 2",
        "epoch 4 batch 1",
        "validation 5",  # the very last epoch
    ],
)
def test_stopped_in_either_phase_and_resumed_it_ends_the_same(
    here: Path, moment: str, uninterrupted: Trained
) -> None:
    Path("stop").write_text(moment)
    with pytest.raises(Interrupted):
        by_config("both", _BOTH)
    done = by_config("both", _BOTH)
    assert done.outcome == "resumed"
    assert_equal(done, uninterrupted)
    for ours, others in zip(weights(done.model), weights(uninterrupted.model), strict=True):
        assert ours.tobytes() == others.tobytes()


@pytest.mark.slow
def test_a_time_that_all_fits_into_changes_nothing_and_what_it_settled_on_outlives_a_stop(
    here: Path, uninterrupted: Trained
) -> None:
    in_time = _BOTH.replace("epochs: 3,", "time_budget: 1 h, epochs: 3,", 1)
    Path("stop").write_text("epoch 4 batch 1")
    with pytest.raises(Interrupted):
        by_config("both", in_time)
    (run,) = Path("runs/both").iterdir()
    began = RunFolder(run).read()
    assert began is not None and began.settled is not None and began.settled.time is not None
    assert (began.settled.time.epochs, began.settled.time.fine_tuned) == (3, 3)
    commit = load_latest(run / "state")
    assert commit is not None
    assert commit.seconds_of_budget > began.settled.time.used > 0
    done = by_config("both", in_time)
    assert done.outcome == "resumed"
    assert done.record.settled == began.settled
    assert_equal(done, uninterrupted)
    # What was used before counts.
    ended = load_latest(run / "state")
    assert ended is not None
    assert ended.seconds_of_budget > commit.seconds_of_budget + 0.1


@pytest.fixture(scope="module")
def uninterrupted(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return elsewhere(pretrained, tmp_path_factory.mktemp("uninterrupted"), _BOTH)


def elsewhere(pretrained: Path, folder: Path, text: str) -> Trained:
    """What a training comes to that nothing interrupts, in a folder of its own."""
    shutil.copytree(pretrained, folder, dirs_exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("stop").touch()
        done = by_config("both", text)
    finally:
        os.chdir(before)
    return replace(done, run=RunFolder(folder / done.run.path), model=folder / done.model)


@pytest.mark.slow
def test_a_network_that_fine_tuning_has_spoilt_is_not_published(here: Path) -> None:
    spoiling = _BOTH.replace("learning_rate: 0.01", "learning_rate: 100.0")
    done = by_config("both", spoiling)
    assert done.record.published_epoch is not None
    assert done.record.published_epoch <= 3
    for ours, theirs in zip(
        backbone_weights(done.model), backbone_weights(Path("models/base.keras")), strict=True
    ):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.slow
def test_fine_tuning_moves_the_network_but_not_its_batch_normalization(here: Path) -> None:
    last = _BOTH.replace("training: {", "training: {publish: last, ")
    done = by_config("both", last)
    theirs = backbone_weights(Path("models/base.keras"))
    ours = backbone_weights(done.model)
    same = [one.tobytes() == other.tobytes() for one, other in zip(ours, theirs, strict=True)]
    assert same == [False, False, True, True, True, True, False, False]


@pytest.mark.slow
def test_fine_tuning_may_begin_at_a_layer(here: Path) -> None:
    last = _BOTH.replace("training: {", "training: {publish: last, ")
    by_number = by_config("both", last.replace("rate: 0.01", "rate: 0.01, from: 1"))
    theirs = backbone_weights(Path("models/base.keras"))
    ours = backbone_weights(by_number.model)
    same = [one.tobytes() == other.tobytes() for one, other in zip(ours, theirs, strict=True)]
    assert same == [True] * 6 + [False, False]


@pytest.mark.slow
def test_a_layer_that_there_is_none_of_is_named_before_the_first_step(here: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        by_config("both", _BOTH.replace("rate: 0.01", "rate: 0.01, from: backbone_conv2d_7"))
    problem = caught.value.problems[0]
    assert problem.key == "training.fine_tune.from"
    assert problem.received == "backbone_conv2d_7"


@pytest.mark.slow
def test_schedules_count_the_epochs_of_their_phase(here: Path) -> None:
    table = "{LearningRateScheduler: {schedule: table, table: {0: 0.01, 1: 0.02, 2: 0.03}}}"
    done = by_config("both", _BOTH.replace('"stopper.py:Stop"', table))
    rows = list(csv.DictReader((done.run.path / "training.csv").open()))
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == pytest.approx([0.01, 0.02, 0.03, 0.01, 0.02, 0.03])


@pytest.mark.slow
def test_what_ends_the_first_phase_does_not_end_the_second(here: Path) -> None:
    stopping = "{EarlyStopping: {monitor: loss, mode: max, patience: 0, start_from_epoch: 1}}"
    done = by_config("both", _BOTH.replace('"stopper.py:Stop"', stopping))
    rows = list(csv.DictReader((done.run.path / "training.csv").open()))
    # Each phase ends as soon as its loss falls, of which its second epoch is the first to count.
    assert [row["phase"] for row in rows].count("1") >= 2
    assert [row["phase"] for row in rows].count("2") >= 2


@pytest.mark.slow
@pytest.mark.parametrize("text", [_FROZEN, _BOTH])
def test_it_answers_in_two_parts_and_a_correction_changes_one(
    here: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = by_config("pets", text).model
    monkeypatch.delattr(litert_members, "make_features_graph")
    parts = []
    for version in (2, 3):
        engine = open_classifier(model).engine
        assert isinstance(engine, SplitEngine)
        with ModelArchive(model) as archive:
            parts.append((archive.read(FEATURES), archive.read(HEAD)))
        rows = predict(load(model, []), find_inputs(["new"], []))
        wrong = next(row for row in rows if row.label != Path(row.path).parent.name)
        label = Path(wrong.path).parent.name
        done = retrain(model, [Labelled(Path(wrong.path), label)])
        assert (done.outcome, done.version) == ("corrected", version)
    assert parts[0][0] == parts[1][0]
    assert parts[0][1] != parts[1][1]


# Nothing augments, and of the backbone the last convolution is trained.
_CUT = (
    _BOTH.replace("rate: 0.01", "rate: 0.01, from: 1").replace(
        "training: {", "training: {publish: last, "
    )
    + "augmentation: none\n"
)
# The same to the eye, but each epoch runs the whole network: a Dropout of 0 draws nothing.
_WHOLE = _CUT.replace("augmentation: none", "augmentation: [{Dropout: 0}]")


@pytest.fixture(scope="module")
def cut(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained without an interruption, cut below its last convolution."""
    return elsewhere(pretrained, tmp_path_factory.mktemp("cut"), _CUT)


@pytest.mark.slow
def test_what_lies_below_is_computed_once_and_stays_as_it_came(cut: Trained) -> None:
    assert cut.record.settled is not None
    assert cut.record.settled.cut == 3  # scaling, the first convolution, its normalization
    cache = cut.model.parent.parent / ".imgclf-cache"
    rows = [len(names.read_bytes()) // 32 for names in cache.glob("features-*.pictures")]
    assert rows == [60, 60]  # features, and the maps of 15 x 15 x 16
    assert 60 * 15 * 15 * 16 * 2 in [file.stat().st_size for file in cache.glob("*.f16")]
    theirs = weights(cut.model.parent / "base.keras")[:8]
    same = [a.tobytes() == b.tobytes() for a, b in zip(weights(cut.model)[:8], theirs, strict=True)]
    assert same == [True] * 6 + [False] * 2


@pytest.mark.slow
def test_it_comes_to_the_same_as_without_but_for_the_rounding_of_what_is_kept(
    here: Path, cut: Trained
) -> None:
    whole = by_config("whole", _WHOLE)
    assert whole.record.settled is not None
    assert whole.record.settled.cut is None
    rows, others = (
        list(csv.DictReader((done.run.path / "training.csv").open())) for done in (cut, whole)
    )
    for row, other in zip(rows, others, strict=True):
        # float16 rounds by up to 1/2,048.
        assert float(row["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-3)
    # On average each weight is within a hundredth of its way from where it would have come to; with
    # AdamW those that next to nothing pulls at go as far as the others, and may go elsewhere.
    began = weights(Path("models/base.keras"))[6]
    ours, theirs = weights(cut.model)[6], weights(whole.model)[6]
    assert np.abs(ours - theirs).mean() < 0.01 * np.abs(theirs - began).mean()


@pytest.mark.slow
def test_what_was_fine_tuned_above_a_cut_is_one_network_to_plain_keras(cut: Trained) -> None:
    from imgclf.backend import keras
    from imgclf.data.decoder import decode

    classifier = load(cut.model, [])
    pictures = list(find_inputs([str(cut.model.parent.parent / "new")], []))
    said = [answer.probabilities["dog"] for answer in predict(classifier, pictures)]
    settings = classifier.manifest.decoder.settings()
    pixels = np.stack([decode(picture, settings) for picture in pictures])
    plain = keras.models.load_model(cut.model).predict(pixels.astype(np.float32), verbose=0)
    logits = np.log(plain[:, 0] / (1 - plain[:, 0])) / classifier.manifest.temperature
    assert said == pytest.approx((1 / (1 + np.exp(-logits))).tolist(), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["epoch 3", "epoch 4 batch 1"])
def test_killed_above_a_cut_and_resumed_without_what_was_kept_it_ends_the_same(
    here: Path, moment: str, cut: Trained, heard: Heard
) -> None:
    Path("stop").write_text(moment)
    with pytest.raises(Interrupted):
        by_config("both", _CUT)
    shutil.rmtree(".imgclf-cache")
    done = by_config("both", _CUT)
    assert done.outcome == "resumed"
    assert_equal(done, cut)
    for ours, others in zip(weights(done.model), weights(cut.model), strict=True):
        assert ours.tobytes() == others.tobytes()
    assert heard.text.count("fine-tuning 2 layers on what the 3 below them made of pictures") == 2


@pytest.mark.slow
def test_too_much_to_keep_is_computed_in_each_epoch_and_that_is_said(
    here: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("both.yaml").write_text(_CUT)
    loaded = load_config(Path("both.yaml"))
    data = read_config_dataset(loaded.config.data)
    network = declared_network(loaded, 2)
    fine_tune = loaded.config.training.fine_tune
    assert fine_tune is not None
    backbone = frozen_features(network, data).network
    assert choose_cut(network, fine_tune, data, backbone) == 3
    assert (
        "what the first 3 layers make of pictures is computed once, for they are not trained and "
        "nothing augments: 432000 bytes in .imgclf-cache\n"
    ) in heard.text
    monkeypatch.setattr(lower_maps, "MOST_BYTES", 431_999)
    assert choose_cut(network, fine_tune, data, backbone) is None
    assert (
        "each epoch of fine-tuning runs the layers below, too: what they make of pictures would "
        "take 432000 bytes, and 431999 bytes is the most that is kept\n"
    ) in heard.text
    everything = FineTune(from_="all")
    assert choose_cut(network, everything, data, backbone) is None


@pytest.mark.slow
def test_half_way_between_is_the_same_above_a_cut_as_of_the_whole_network(here: Path) -> None:
    Path("both.yaml").write_text(_CUT)
    network = declared_network(load_config(Path("both.yaml")), 2)
    model = build_network(network)
    head = [np.full_like(one, 0.5) for one in model.get_weights()[8:]]
    fine_tuned = [one + 1 for one in model.get_weights()]
    whole = averaged(network, fine_tuned, head)
    upper = averaged(network, fine_tuned[6:], head, cut=3)
    for ours, theirs in zip(upper, whole[6:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


_MIXED = _BOTH + "augmentation: [RandomFlip: horizontal, RandomErasing: {}, MixUp: 0.4, CutMix]\n"


@pytest.mark.slow
def test_pictures_are_mixed_while_the_network_itself_is_trained(
    here: Path, uninterrupted: Trained
) -> None:
    whole = elsewhere(here, here.parent / "other", _MIXED)
    before, after = (
        [float(row["loss"]) for row in csv.DictReader((done.run.path / "training.csv").open())]
        for done in (uninterrupted, whole)
    )
    assert whole.record.scores is not None
    # Half of a picture is something else, which nothing can be sure of.
    assert min(after[3:]) > max(before[3:])
    Path("stop").write_text("epoch 4 batch 0")
    with pytest.raises(Interrupted):
        by_config("both", _MIXED)
    resumed = by_config("both", _MIXED)
    assert resumed.outcome == "resumed"
    assert_equal(resumed, whole)
    for ours, others in zip(weights(resumed.model), weights(whole.model), strict=True):
        assert ours.tobytes() == others.tobytes()


# Fewer dogs than cats, and all that makes up for it and regularizes.
_LEVERS = _BOTH.replace(
    "data: {",
    "data: {oversample: true, ",
).replace(
    "training: {",
    "training: {class_weight: {dog: 2}, label_smoothing: 0.05, ema: {momentum: 0.8}, "
    "loss: {BinaryFocalCrossentropy: {gamma: 1}}, ",
)


@pytest.mark.slow
def test_levers_act_in_both_phases_and_it_resumes_in_either(here: Path) -> None:
    for number in range(9, 31):
        Path(f"dataset/dog/dog-{number:03}.jpg").unlink()
    whole = elsewhere(here, here.parent / "other", _LEVERS)
    rows = list(csv.DictReader((whole.run.path / "training.csv").open()))
    assert [row["phase"] for row in rows] == ["1"] * 3 + ["2"] * 3
    state = load_latest(whole.run.path / "state")
    assert state is not None
    # Of 24 cats and as many drawn dogs in batches of 16: three steps in each of three epochs.
    assert 9 in [int(value) for value in state.variables["optimizer"] if value.shape == ()]
    for moment in ("epoch 1 batch 1", "epoch 4 batch 0"):
        Path("stop").write_text(moment)
        with pytest.raises(Interrupted):
            by_config("both", _LEVERS)
    resumed = by_config("both", _LEVERS)
    assert_equal(resumed, whole)
    for ours, others in zip(weights(resumed.model), weights(whole.model), strict=True):
        assert ours.tobytes() == others.tobytes()
