"""Which state is that of a training, by this version's rule and by that of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgclf.config.loaded import LoadedConfig
from imgclf.errors import UsageError
from imgclf.runs.changes import fields
from imgclf.runs.commits import Commit, write_commit
from imgclf.runs.fingerprint import config_fingerprint, differing
from imgclf.runs.folder import RunFolder, RunRecord, Settled
from imgclf.runs.resume import Plan, look_back, plan_training
from tests.support.config_texts import SMALLEST, load

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
WORDS = f"""{SMALLEST}callbacks:
  - my.module:Thing: {{mode: on, since: 2024-01-01, levels: [no, 1e-5]}}
"""

# Written out by the version before fingerprints had a version.
FIRST_DIGESTS = {
    SMALLEST: "ee9f2c36494156e07846d8ab7cbbb53976471b2b1f30551272869844cce660a3",
    MANY_KEYS: "010be664d1857a606542253a8aaf51be5fa42024936c22ea474cefe4cf431632",
    WORDS: "63495581273e7a32897804092a9a7303c32f4939c26ccdfa859b819456c464fd",
}


def digest(text: str, *overrides: str) -> str:
    return config_fingerprint(load(text, *overrides).config)["config"]


def interrupted_run(loaded: LoadedConfig, commit_fingerprint: dict[str, str]) -> RunFolder:
    """A run of `runs/pets` that was cut short after its first epoch."""
    run = RunFolder(Path("runs/pets/2026-11-22T10-15-03"))
    record = RunRecord(
        data_fingerprint="the pictures",
        command="imgclf train pets.yaml",
        settled=Settled("float32", 16),
    )
    run.begin(record, loaded.text, loaded.resolved_yaml())
    commit = Commit(
        epoch=1,
        batch=0,
        stopped=False,
        fingerprint={**commit_fingerprint, "batch_size": "16", "run": run.path.name},
        variables={"weights": [np.zeros(3)]},
    )
    write_commit(run.path / "state", commit)
    return run


def plan(loaded: LoadedConfig, pictures: str = "the pictures") -> Plan:
    earlier = look_back("pets", loaded.config)
    return plan_training("pets", loaded.config, earlier, pictures, published=False)


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


def test_no_two_trainings_have_one_fingerprint() -> None:
    digests = [digest(SMALLEST), *(digest(SMALLEST, one) for one in differences())]
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
