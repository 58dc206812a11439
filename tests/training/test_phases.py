"""A training in phases: epochs count on, callbacks see one training, any phase resumes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.callbacks.stack import bare_stack
from imgclf.data.source import Examples, Source
from imgclf.errors import UsageError
from imgclf.runs.commits import Commit
from imgclf.training.phases import Phase, run_phases
from tests.support.interrupted_training import Killer, fit, interrupted, outcome
from tests.support.tiny_training import Script, forgetful_model, small_model, sources

CALLBACKS = """
- ReduceLROnPlateau: {patience: 1, factor: 0.5}
- ModelCheckpoint: {monitor: val_loss, save_best_only: true}
- TensorBoard: {update_freq: 2, write_graph: false}
- BackupAndRestore: {save_freq: 1}
"""


def head_then_all(training: Source, validation: Source) -> list[Phase]:
    """Two epochs of the last layer by Adam, then three of all layers by SGD."""
    return [
        Phase(2, training, validation, ["answer"], keras.optimizers.Adam(0.01)),
        Phase(3, training, validation, optimizer=keras.optimizers.SGD(0.05, momentum=0.9)),
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    trained = forgetful_model()
    return outcome(folder, fit(folder, CALLBACKS, trained, phases=head_then_all), trained)


@pytest.mark.slow
def test_epochs_count_on_and_the_log_has_each_once(uninterrupted: dict[str, Any]) -> None:
    rows = list(csv.DictReader(uninterrupted["log"].decode().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert uninterrupted["epochs"] == [0, 1, 2, 3, 4]
    assert [float(row["learning_rate"]) for row in rows[1:3]] == pytest.approx([0.01, 0.05])
    steps = [step for step, _ in uninterrupted["events"]["validation"]["epoch_loss"]]
    assert steps == [0, 1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize(
    "killer",
    [
        pytest.param(Killer("batch ends", 1, batch=1), id="inside an epoch of the first phase"),
        pytest.param(Killer("epoch ends", 1), id="at the first phase's last epoch, not committed"),
        pytest.param(Killer("epoch begins", 2), id="as the second phase begins"),
        pytest.param(Killer("batch ends", 3, batch=2), id="inside an epoch of the second phase"),
        pytest.param(Killer("epoch ends", 4), id="at the very last epoch"),
    ],
)
def test_a_training_killed_in_either_phase_ends_the_same(
    tmp_path: Path, uninterrupted: dict[str, Any], killer: Killer
) -> None:
    resumed = interrupted(tmp_path / "resumed", CALLBACKS, killer, phases=head_then_all)
    assert resumed == uninterrupted


def test_only_the_layers_of_the_phase_are_trained() -> None:
    training, validation = sources()
    trained = forgetful_model()
    before = {layer.name: layer.get_weights() for layer in trained.layers}
    run_phases(trained, head_then_all(training, validation)[:1], bare_stack(training))
    moved = [
        layer.name
        for layer in trained.layers
        if not all(map(np.array_equal, before[layer.name], layer.get_weights()))
    ]
    assert moved == ["answer"]  # the statistics of batch normalization stay as well


def test_a_layer_inside_of_another_keeps_its_own_flag() -> None:
    training, _ = sources()
    inner = keras.layers.Dense(4, trainable=False)
    outer = keras.layers.SpectralNormalization(inner)
    trained = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Flatten(),
            outer,
            keras.layers.Dense(1, activation="sigmoid", name="answer"),
        ]
    )
    trained.compile("sgd", "binary_crossentropy")
    head = Phase(1, training, trained=["answer"], optimizer=keras.optimizers.SGD(0.1))
    run_phases(trained, [head, Phase(1, training)], bare_stack(training))
    assert (outer.trainable, inner.trainable) == (True, False)


@pytest.mark.slow
def test_a_phase_without_an_optimizer_goes_on_with_that_of_the_phase_before(tmp_path: Path) -> None:
    def phases(training: Source, validation: Source) -> list[Phase]:
        sgd = keras.optimizers.SGD(0.05, momentum=0.9)
        return [Phase(2, training, validation, optimizer=sgd), Phase(2, training, validation)]

    trained, folder = forgetful_model(), tmp_path / "whole"
    folder.mkdir()
    whole = outcome(folder, fit(folder, CALLBACKS, trained, phases=phases), trained)
    killer = Killer("batch ends", 3, batch=2)
    assert interrupted(tmp_path / "resumed", CALLBACKS, killer, phases=phases) == whole


def test_what_ends_a_phase_does_not_end_the_training() -> None:
    """Early stopping waits for the loss of its own phase."""
    training, validation = sources()
    scripted = Script(val_loss=[0.5, 0.6, 0.4, 0.3, 0.2])
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)
    history = keras.callbacks.History()
    run_phases(
        small_model(),
        [Phase(4, training, validation), Phase(3, training, validation)],
        bare_stack(training, [scripted, stopping, history]),
    )
    assert history.epoch == [0, 1, 2, 3, 4]  # two of the first phase, three of the second
    assert history.history["val_loss"] == [0.5, 0.6, 0.4, 0.3, 0.2]
    assert stopping.stopped_epoch == 0  # the second phase went to its end


@pytest.mark.slow
def test_a_source_may_be_of_any_shape_and_dtype() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(24, 5)).astype(np.float16)
    labels = (features[:, :1] > 0).astype(np.float32)
    source = Source(Examples(features, np.arange(24), labels), 8, shuffle_seed=2)
    head = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, activation="sigmoid")])
    head.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    losses = run_phases(head, [Phase(20, source)], bare_stack(source)).history["loss"]
    assert losses[-1] < losses[0] / 2
    first, second = (source.order(epoch).tolist() for epoch in (0, 1))
    assert first != second
    assert source.order(0).tolist() == first


def test_a_commit_of_a_phase_that_there_is_none_of_is_refused() -> None:
    training, _ = sources()
    commit = Commit(1, 0, False, {}, {}, phase=1)
    with pytest.raises(UsageError, match="of phase 2 of a training, and this one has 1"):
        run_phases(small_model(), [Phase(1, training)], bare_stack(training), commit)
