"""Which state is that of a training, by this version's rule and by that of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgclf.errors import UsageError
from imgclf.runs.changes import compare, fields
from imgclf.runs.fingerprint import config_fingerprint, differing
from tests.support.config_texts import DATA, SMALLEST, load
from tests.support.earlier_runs import interrupted_run, plan

MANY_KEYS = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
augmentation: [RandomFlip: horizontal]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 3, strides: 2, activation: relu}
    - Flatten
training:
  epochs: 4
  precision: bfloat16
  optimizer: {Adam: {learning_rate: 1e-5}}
  metrics: []
  seed: 7
callbacks:
  - EarlyStopping: {patience: 3}
  - LearningRateScheduler: {schedule: table, table: {3: 0.05, 6: 1e-6}}
  - TensorBoard: none
  - BackupAndRestore: {save_freq: 3}
"""
FROZEN = f"{DATA}model: {{backbone: EfficientNetLite0}}\n"
FINE_TUNED = f"{FROZEN}training: {{fine_tune: 8}}\n"
WORDS = f"""{SMALLEST}callbacks:
  - my.module:Thing: {{mode: on, since: 2024-01-01, levels: [no, 1e-5]}}
"""

# Written out by the version before fingerprints had a version.
FIRST_DIGESTS = {
    SMALLEST: "ee9f2c36494156e07846d8ab7cbbb53976471b2b1f30551272869844cce660a3",
    MANY_KEYS: "010be664d1857a606542253a8aaf51be5fa42024936c22ea474cefe4cf431632",
    WORDS: "63495581273e7a32897804092a9a7303c32f4939c26ccdfa859b819456c464fd",
}

# Written by the version before a config could name a backbone.
BEFORE_BACKBONES = {
    SMALLEST: "59829baf65fcceeb9e0602165a10fb2f32ad8683d6d27585628de67bd5b40e08",
    MANY_KEYS: "a29e471f638ce30fbcda36f897b380c6694208645db9c5170bc1d402bbdba30e",
    WORDS: "4fa7359ec6137c6bf8c514e9558f1563eee353eec11cbae84d302bce7a0f7798",
}


def digest(text: str, *overrides: str) -> str:
    return config_fingerprint(load(text, *overrides).config)["config"]


@pytest.mark.parametrize("text", FIRST_DIGESTS, ids=["smallest", "many keys", "words"])
def test_a_state_without_a_version_is_known_by_the_digest_that_it_was_written_with(
    text: str, in_folder: Path
) -> None:
    run = interrupted_run(load(text), {"config": FIRST_DIGESTS[text], "data": "the pictures"})
    found = plan(load(text))
    assert (found.what, found.run.path) == ("train", run.path)
    assert found.commit is not None
    assert found.commit.epoch == 1


@pytest.mark.parametrize("text", FIRST_DIGESTS, ids=["smallest", "many keys", "words"])
def test_a_key_that_comes_later_is_no_part_of_the_first_digest(text: str) -> None:
    found = {"config": FIRST_DIGESTS[text], "data": "the pictures"}
    values = load(text).config.written()
    values["training"]["freeze"] = 3
    values["finetuning"] = {"epochs": 2}
    assert differing(found, values, fields(values), "the pictures") == []


@pytest.mark.parametrize("text", BEFORE_BACKBONES, ids=["smallest", "many keys", "words"])
def test_without_a_backbone_a_fingerprint_is_what_it_was_before_there_were_any(text: str) -> None:
    assert digest(text) == BEFORE_BACKBONES[text]
    none = ("model.backbone=none", "training.fine_tune=none")
    assert digest(text, *none) == BEFORE_BACKBONES[text]


def test_a_key_is_compared_by_what_stands_in_it() -> None:
    before, now = (
        fields(load(FINE_TUNED, *overrides).config.written())
        for overrides in ((), ("training.fine_tune.from=40", "model.backbone.weights=none"))
    )
    assert [str(change) for change in compare(before, now)] == [
        "training.fine_tune.from: all -> 40",
        "model.backbone.weights: not set -> none",
    ]
    begun = compare(fields(load(FROZEN).config.written()), before)
    assert [change.key for change in begun if not change.key.startswith("augmentation")] == [
        "training.fine_tune.epochs",
        "training.fine_tune.learning_rate",
        "training.fine_tune.from",
    ]


@pytest.mark.parametrize("version", [{}, {"version": "2"}])
def test_a_state_of_another_config_than_its_folder_says_is_refused(
    version: dict[str, str], in_folder: Path
) -> None:
    other = FIRST_DIGESTS[SMALLEST] if not version else digest(SMALLEST)
    interrupted_run(load(MANY_KEYS), {**version, "config": other, "data": "the pictures"})
    with pytest.raises(UsageError, match="state of another training: its config is not"):
        plan(load(MANY_KEYS))


def test_a_state_of_other_pictures_than_its_folder_says_is_refused(in_folder: Path) -> None:
    prints = config_fingerprint(load(SMALLEST).config) | {"data": "other pictures"}
    interrupted_run(load(SMALLEST), prints)
    with pytest.raises(UsageError, match="state of another training: its data is not"):
        plan(load(SMALLEST))


def test_a_state_of_this_version_is_gone_on_with(in_folder: Path) -> None:
    prints = config_fingerprint(load(MANY_KEYS).config) | {"data": "the pictures"}
    assert prints["version"] == "2"
    interrupted_run(load(MANY_KEYS), prints)
    assert plan(load(MANY_KEYS, "training.epochs=9")).commit is not None


def test_what_is_at_its_default_is_no_part_of_a_fingerprint() -> None:
    # A key that comes later, at its default, leaves these as they are.
    written = load(SMALLEST).config.written()
    assert digest(SMALLEST, "data.resize=stretch", "training.metrics=[accuracy]") == digest(
        SMALLEST
    )
    del written["data"]["resize"], written["training"]["precision"]
    assert fields(written) == fields(load(SMALLEST).config.written())


def differences() -> Iterator[str]:
    yield "data.resize=crop"
    yield "data.seed=5"
    yield "training.seed=5"
    yield "training.metrics=[]"
    yield "training.metrics=[AUC]"
    yield "training.optimizer=SGD"
    yield "training.optimizer.learning_rate=0.01"
    yield "training.optimizer={Adam: {weight_decay: null}}"  # what null means is Keras's affair
    yield "training.loss=Hinge"
    yield "training.precision=bfloat16"
    yield "training.distribution=data_parallel"
    yield "augmentation=[RandomFlip: horizontal]"
    yield "model.output=Dense"
    yield "callbacks.EarlyStopping.patience=3"
    yield "callbacks.CSVLogger=none"
    yield "callbacks.BackupAndRestore.backup_dir=elsewhere"


def of_pretrained() -> Iterator[tuple[str, str]]:
    yield FROZEN, "model.backbone=EfficientNetB0"
    yield FROZEN, "model.backbone.weights=none"
    yield FROZEN, "model.layers=[Dropout: 0.2]"
    yield FROZEN, "augmentation=[RandomFlip: horizontal]"
    yield FROZEN, "data.image_size=128"
    yield FINE_TUNED, "augmentation=none"
    yield FINE_TUNED, "training.fine_tune=9"
    yield FINE_TUNED, "training.fine_tune.learning_rate=1e-3"
    yield FINE_TUNED, "training.fine_tune.from=40"
    yield FINE_TUNED, "training.fine_tune.from='40'"  # a layer of this name


def test_no_two_trainings_have_one_fingerprint() -> None:
    digests = [digest(SMALLEST), *(digest(SMALLEST, one) for one in differences())]
    digests += [digest(FROZEN), digest(FINE_TUNED), *(digest(*one) for one in of_pretrained())]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    "override",
    [
        "name=others",
        "data.directory=elsewhere",
        "data.cache=none",
        "training.epochs=5",
        "training.publish=last",
        "callbacks=[History, ProgbarLogger]",
        "callbacks=[CSVLogger]",  # which is there anyway
        "callbacks.TensorBoard=none",
        "callbacks.TensorBoard.histogram_freq=1",
        "callbacks.BackupAndRestore.save_freq=5",
        "training.seed=123",  # that of the data
    ],
)
def test_what_may_change_on_the_way_is_no_part_of_a_fingerprint(override: str) -> None:
    assert digest(SMALLEST, override) == digest(SMALLEST)


def test_what_differs_is_named() -> None:
    config = load(SMALLEST).config
    values = config.written()
    found = config_fingerprint(config) | {"data": "the pictures"}
    assert differing(found, values, fields(values), "the pictures") == []
    assert differing(found, values, fields(values), "others") == ["data"]
    assert differing({}, values, fields(values), "others") == ["config", "data"]
