"""Trainings by the command, and what they left."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

from imgclf.commands.train import Trained, train
from imgclf.model_file.archive import ModelArchive
from imgclf.runs.commits import load_latest

# One 32 x 32 convolution learns to tell most of the drawn animals apart in a second or two.
# Float64 is left to Keras; test_resampling.py and test_auto.py are about what isn't.
CONFIG = """\
data: {directory: dataset, image_size: 32, batch_size: 16}
augmentation: [RandomFlip: {mode: horizontal, dtype: float64}]
model:
  layers:
    - Rescaling: 1/255
    - Conv2D: {filters: 8, kernel_size: 3, strides: 2, activation: relu}
    - Dropout: 0.1
    - Flatten
training: {epochs: 4}
"""


STACK = """\
callbacks:
  - EarlyStopping: {patience: 3, restore_best_weights: true}
  - ReduceLROnPlateau: {monitor: val_loss, patience: 1, factor: 0.5, cooldown: 1}
  - ModelCheckpoint: {monitor: val_loss, save_best_only: true}
  - LearningRateScheduler: {schedule: exponential, rate: -0.2, start_epoch: 1}
"""


# Raises where the file "stop" says, or sends the process a signal there.
STOPPER = """\
import os, signal
from imgclf.backend import keras
class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.strike(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.strike(f"epoch {self.epoch} batch {batch}")

    def on_test_batch_end(self, batch, logs=None):
        self.strike(f"validation {self.epoch}")

    def strike(self, moment):
        where, _, signals = open("stop").read().partition(": ")
        if where == moment:
            open("stop", "w").close()
            if not signals:
                raise KeyboardInterrupt
            for name in signals.split():
                os.kill(os.getpid(), getattr(signal, name))
"""


def weights(model: Path) -> list[np.ndarray]:
    from imgclf.backend import keras  # seconds, which tests of the command line do without

    return keras.models.load_model(model).get_weights()


def published_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> Trained:
    """What was trained as pets.yaml says, published as one LiteRT graph.

    So earlier versions wrote networks from scratch, and this one those whose head NumPy can't do.
    """
    with monkeypatch.context() as before:
        before.setattr("imgclf.model_file.litert_members.read_numpy_head", lambda _: None)
        return train(Path("pets.yaml"), ["training.publish=last"])


def log(trained: Trained) -> str:
    return (trained.run.path / "training.csv").read_text()


def is_whole(model: Path) -> bool:
    """Whether everything in a model file is what was written."""
    with ModelArchive(model) as archive:
        manifest = archive.manifest()
        archive.verify_weights(manifest)
        archive.verify_graphs(manifest)
        return manifest.litert_note is None


def leftovers() -> list[Path]:
    found = [*Path().rglob(".*tmp*"), *Path().rglob("*.unfinished")]
    return [path for path in found if path.name != ".imgclf-cache"]


def assert_equal(one: Trained, other: Trained) -> None:
    """Two trainings came to the same, to the bit."""
    assert log(one) == log(other)
    assert one.record.published_epoch == other.record.published_epoch
    assert one.record.scores == other.record.scores
    histories = [load_latest(done.run.path / "state") for done in (one, other)]
    assert histories[0] is not None and histories[1] is not None
    assert histories[0].history == histories[1].history
    for ours, others in zip(
        histories[0].variables["weights"], histories[1].variables["weights"], strict=True
    ):
        assert ours.tobytes() == others.tobytes()


def trained_on_drawn(drawn: Path, folder: Path, config: str) -> Path:
    """A folder with the drawn pictures, dataset/ and new/, and a model `pets` of them.

    Args:
        drawn: The pictures.
        folder: Where to, an empty one.
        config: Of the training.
    """
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    with chdir(folder):
        Path("pets.yaml").write_text(config)
        train(Path("pets.yaml"))
    return folder
