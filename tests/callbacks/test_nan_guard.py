"""A loss that is no number, and memory that isn't there."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.train import train
from imgclf.errors import UsageError
from imgclf.runs.commits import load_latest
from tests.support.tiny_training import Script, run, small_model
from tests.support.trainings import CONFIG

PETS = Path("pets.yaml")


class Spoil(keras.callbacks.Callback):
    """Spoils the weights after a step."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self._moment = (epoch, batch)
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self._epoch, batch) == self._moment:
            weights = self.model.get_weights()
            self.model.set_weights([np.full_like(weight, np.nan) for weight in weights])


def test_a_loss_that_is_no_number_names_the_step_and_the_causes(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, "- TensorBoard: none", first=[Spoil(2, 1)], batches=4)
    message = str(caught.value)
    assert "the loss is nan in epoch 3, step 3 of 4" in message
    assert "learning_rate is 0.01; try --set training.optimizer.learning_rate=0.001" in message
    assert "begin model.layers with Rescaling: 1/255" in message
    assert "binary_crossentropy" in message
    commit = load_latest(tmp_path / "run/state")
    assert commit is not None
    assert commit.epoch == 2
    assert len((tmp_path / "run/training.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_weights_spoiled_by_the_last_step_are_not_committed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on the validation pictures is nan in epoch 2, step 4"):
        run(tmp_path, "- TensorBoard: none", first=[Spoil(1, 3)], batches=4)
    commit = load_latest(tmp_path / "run/state")
    assert commit is not None and commit.epoch == 1


def test_weights_spoiled_inside_an_epoch_are_not_committed(tmp_path: Path) -> None:
    callbacks = "- TensorBoard: none\n- BackupAndRestore: {save_freq: 1}"
    with pytest.raises(UsageError, match="epoch 1, step 3"):
        run(tmp_path, callbacks, first=[Spoil(0, 1)], batches=4)
    commit = load_latest(tmp_path / "run/state")
    assert commit is not None and (commit.epoch, commit.batch) == (0, 1)


def test_an_infinite_loss_is_refused_where_inputs_are_scaled(tmp_path: Path) -> None:
    scaled = [keras.layers.Rescaling(1 / 255), *small_model().layers]
    model = keras.Sequential([keras.Input((8, 8, 3)), *scaled])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    endless = Script(val_loss=[math.inf])
    with pytest.raises(UsageError, match="validation pictures is inf") as caught:
        run(tmp_path, "- TensorBoard: none", first=[endless], model=model)
    assert "Rescaling" not in str(caught.value)


@pytest.mark.slow
def test_a_training_that_left_no_numbers_publishes_nothing(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    PETS.write_text(CONFIG + "callbacks: [TerminateOnNaN]\n")
    with pytest.raises(UsageError, match="nothing is published"):
        train(PETS, ["training.optimizer={SGD: 1e30}"])
    assert not list(Path("models").glob("*.keras"))
