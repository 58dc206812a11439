"""What each of Keras's callbacks, declared in a config, does in a training."""

from __future__ import annotations

import csv
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from imgclf.backend import keras
from imgclf.callbacks.stack import Stack, build_stack
from imgclf.errors import ConfigError, UsageError, WriteError
from tests.support.tiny_training import (
    BATCHES,
    EPOCHS,
    Script,
    Weights,
    declare,
    declared,
    run,
    said,
    same,
    small_model,
    sources,
)

ALONE = """
- TensorBoard: none
- BackupAndRestore: none
"""


def log(stack_folder: Path) -> list[dict[str, str]]:
    with (stack_folder / "run/training.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rates(stack_folder: Path) -> list[float]:
    return [float(row["learning_rate"]) for row in log(stack_folder)]


# ModelCheckpoint: one training, and every way of saving its model.

CHECKPOINTS = """
- ModelCheckpoint: {filepath: "DIR/all/{epoch:02d}-{val_loss:.2f}.keras"}
- ModelCheckpoint: {filepath: DIR/best.keras, monitor: val_accuracy, save_best_only: true}
- ModelCheckpoint: {filepath: "DIR/min/{epoch}.keras", save_best_only: true, mode: min}
- ModelCheckpoint: {filepath: "DIR/period/{epoch}.keras", period: 2}
- ModelCheckpoint: {filepath: "DIR/weights/{epoch}.weights.h5", save_weights_only: true}
- ModelCheckpoint: {filepath: "DIR/freq/{epoch}-{batch}.keras", save_freq: 3}
- ModelCheckpoint:
    filepath: "DIR/above/{epoch}.keras"
    monitor: val_accuracy
    mode: max
    save_best_only: true
    initial_value_threshold: 0.65
"""
SCRIPT = {"val_accuracy": [0.5, 0.7, 0.6, 0.8], "val_loss": [0.9, 0.8, 0.81, 0.85]}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    folder = tmp_path_factory.mktemp("checkpoints")
    weights = Weights()
    callbacks = CHECKPOINTS.replace("DIR", str(folder)) + ALONE
    run(folder, callbacks, first=[Script(**SCRIPT), weights], batches=BATCHES)
    return folder, weights


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_checkpoints_are_named_by_epoch_and_metric_and_open_in_keras(
    checkpoints: tuple[Path, Weights],
) -> None:
    folder, weights = checkpoints
    expected = ["01-0.90", "02-0.80", "03-0.81", "04-0.85"]
    assert names(folder / "all") == [f"{name}.keras" for name in expected]
    third = keras.models.load_model(folder / "all/03-0.81.keras")
    assert same(third.get_weights(), weights.of_epoch[2])


def test_save_best_only_keeps_the_best_by_its_monitor(checkpoints: tuple[Path, Weights]) -> None:
    folder, weights = checkpoints
    best = keras.models.load_model(folder / "best.keras")
    assert same(best.get_weights(), weights.of_epoch[3])
    assert names(folder / "min") == ["1.keras", "2.keras"]
    assert names(folder / "above") == ["2.keras", "4.keras"]


def test_period_counts_epochs_and_save_freq_counts_batches(
    checkpoints: tuple[Path, Weights],
) -> None:
    folder, _ = checkpoints
    assert names(folder / "period") == ["2.keras", "4.keras"]
    assert BATCHES == 4
    expected = ["1-3", "2-2", "3-1", "3-4", "4-3"]
    assert names(folder / "freq") == [f"{name}.keras" for name in expected]


def test_save_weights_only_writes_what_load_weights_reads(
    checkpoints: tuple[Path, Weights],
) -> None:
    folder, weights = checkpoints
    assert names(folder / "weights") == [f"{epoch}.weights.h5" for epoch in (1, 2, 3, 4)]
    model = small_model()
    model.load_weights(folder / "weights/2.weights.h5")
    assert same(model.get_weights(), weights.of_epoch[1])


def test_a_checkpoint_that_fails_half_way_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(model: Any, path: Path, overwrite: bool) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    model = small_model()
    run(tmp_path, ALONE, model=model, epochs=1)
    checkpoint = tmp_path / "run/checkpoints/best.keras"
    before = checkpoint.read_bytes()
    monkeypatch.setattr(type(model), "save", half)
    with pytest.raises(WriteError, match=r"best\.keras: no space is left"):
        run(tmp_path, ALONE, model=model, epochs=1)
    assert checkpoint.read_bytes() == before
    assert names(checkpoint.parent) == ["best.keras"]


# The best epoch, which is published.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "callbacks", "best"),
    [
        pytest.param({"val_accuracy": [0.5, 0.9, 0.8, 0.7]}, "", 1, id="by accuracy"),
        pytest.param(
            {"val_accuracy": [0.9, 0.9, 0.9, 0.9], "val_loss": [0.4, 0.3, 0.3, 0.5]},
            "",
            1,
            id="between equals the lower loss, then the earlier",
        ),
        pytest.param({"val_accuracy": [math.nan, 0.3, math.nan, 0.2]}, "", 1, id="never NaN"),
        pytest.param(
            {"val_accuracy": [0.9, 0.8, 0.7, 0.6], "val_loss": [0.4, 0.3, 0.2, 0.5]},
            "- ModelCheckpoint: {monitor: val_loss, save_best_only: true}",
            2,
            id="by the rule of the checkpoint",
        ),
    ],
)
def test_the_best_epoch(
    tmp_path: Path, script: dict[str, list[float]], callbacks: str, best: int
) -> None:
    weights = Weights()
    stack, _ = run(tmp_path, callbacks + ALONE, first=[Script(**script), weights])
    assert stack.best.epoch == best
    assert stack.best.weights is not None
    assert same(stack.best.weights, weights.of_epoch[best])
    saved = keras.models.load_model(tmp_path / "run/checkpoints/best.keras")
    assert same(saved.get_weights(), weights.of_epoch[best])


def test_without_a_metric_the_validation_loss_decides(tmp_path: Path) -> None:
    script = Script(val_loss=[0.5, 0.3, 0.4])
    stack, _ = run(
        tmp_path,
        ALONE,
        first=[script],
        model=small_model(metrics=[]),
        epochs=3,
        training_keys=", metrics: []",
    )
    assert (stack.best.epoch, stack.best.monitor) == (1, "val_loss")


def test_a_metric_with_a_value_for_each_class_goes_through_all_logs(tmp_path: Path) -> None:
    model = small_model(metrics=[keras.metrics.F1Score(threshold=0.5, name="f1")])
    stack, _ = run(tmp_path, "- BackupAndRestore: none", model=model, epochs=1)
    assert stack.best.monitor == "val_f1"
    assert float(log(tmp_path)[0]["val_f1"]) == stack.best.logs["val_f1"]


# EarlyStopping and ReduceLROnPlateau, told by a script how the epochs went.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "script", "epochs"),
    [
        pytest.param("{patience: 1}", [0.5, 0.6, 0.7, 0.8, 0.9, 1], 2, id="patience"),
        pytest.param("{patience: 2}", [0.5, 0.6, 0.4, 0.5, 0.6, 0], 5, id="counts from the best"),
        pytest.param("{min_delta: 0.2}", [0.9, 0.8, 0.5, 0.4, 0.3, 0.2], 2, id="min_delta"),
        pytest.param("{baseline: 0.5, patience: 2}", [0.9] * 6, 2, id="baseline"),
        pytest.param("{start_from_epoch: 3}", [0.5, 0.6, 0.7, 0.8, 0.9, 1], 5, id="start"),
        pytest.param("{mode: max}", [0.5, 0.6, 0.7, 0.6, 0.9, 1], 4, id="mode"),
    ],
)
def test_early_stopping(tmp_path: Path, arguments: str, script: list[float], epochs: int) -> None:
    callbacks = f"- EarlyStopping: {arguments}\n{ALONE}- ModelCheckpoint: none"
    run(tmp_path, callbacks, first=[Script(val_loss=script)], epochs=6)
    assert len(log(tmp_path)) == epochs


def test_early_stopping_restores_the_best_weights_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = Weights()
    _, model = run(
        tmp_path,
        "- EarlyStopping: {patience: 2, restore_best_weights: true, verbose: 1}" + ALONE,
        first=[Script(val_loss=[0.5, 0.4, 0.6, 0.7]), weights],
    )
    assert same(model.get_weights(), weights.of_epoch[1])
    assert "Epoch 4: early stopping" in said()
    assert "Restoring model weights from the end of the best epoch: 2." in said()
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{factor: 0.5, patience: 1}", [0.8, 0.8, 0.4, 0.2, 0.1]),
        ("{factor: 0.5, patience: 2}", [0.8, 0.8, 0.8, 0.4, 0.4]),
        ("{factor: 0.5, patience: 1, cooldown: 2}", [0.8, 0.8, 0.4, 0.4, 0.2]),
        ("{factor: 0.5, patience: 1, min_lr: 0.3}", [0.8, 0.8, 0.4, 0.3, 0.3]),
        ("{factor: 0.5, patience: 1, mode: max, min_delta: 0.001}", [0.8, 0.8, 0.8, 0.8, 0.8]),
    ],
)
def test_reduce_learning_rate_on_plateau(
    tmp_path: Path, arguments: str, expected: list[float]
) -> None:
    callbacks = f"- ReduceLROnPlateau: {arguments}\n{ALONE}- ModelCheckpoint: none"
    script = Script(val_loss=[0.5, 0.51, 0.52, 0.53, 0.54])
    run(tmp_path, callbacks, first=[script], model=small_model(keras.optimizers.SGD(0.8)), epochs=5)
    assert rates(tmp_path) == pytest.approx(expected)


# LearningRateScheduler.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "{schedule: exponential, rate: -0.5, start_epoch: 2}",
            [0.1, 0.1, 0.1 * math.exp(-0.5), 0.1 * math.exp(-1)],
        ),
        ("{schedule: table, table: {1: 0.05, 3: 0.01}}", [0.1, 0.05, 0.05, 0.01]),
        ("{schedule: step, factor: 0.5, every: 2}", [0.1, 0.1, 0.05, 0.05]),
        ("{schedule: cosine, epochs: 4}", [0.1, 0.085355, 0.05, 0.014645]),
        ("{schedule: warmup, epochs: 3}", [0.025, 0.05, 0.075, 0.1]),
        ('{schedule: expression, expression: "lr / 2 if epoch > 1 else lr"}', [0.1, 0.1, 0.05]),
        ("{schedule: FILE:halved}", [0.05, 0.025, 0.0125, 0.00625]),
        ("{schedule: FILE:by_epoch}", [1.0, 0.5, 1 / 3, 0.25]),
        ("{schedule: FILE:as_in_the_guide}", [0.1, 0.1, 0.1 * math.exp(-0.1)]),
    ],
)
def test_scheduled_rates_reach_the_optimizer_and_the_log(
    tmp_path: Path, arguments: str, expected: list[float]
) -> None:
    file = tmp_path / "rates.py"
    file.write_text(
        "from keras import ops\n"
        "def halved(epoch, lr): return lr / 2\n"
        "def by_epoch(epoch): return 1 / (epoch + 1)\n"
        "def as_in_the_guide(epoch, lr): return lr if epoch < 2 else lr * ops.exp(-0.1)\n"
    )
    callbacks = f"- LearningRateScheduler: {arguments.replace('FILE', str(file))}\n{ALONE}"
    model = small_model(keras.optimizers.SGD(0.1))
    run(tmp_path, callbacks + "- ModelCheckpoint: none", model=model, epochs=len(expected))
    assert rates(tmp_path) == pytest.approx(expected, rel=1e-4)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected[-1], rel=1e-4)


def test_a_scheduler_says_what_it_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    callbacks = "- LearningRateScheduler: {schedule: table, table: {0: 0.5}, verbose: 1}" + ALONE
    run(tmp_path, callbacks, epochs=1)
    assert "Epoch 1: LearningRateScheduler setting learning rate to 0.5." in said()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "optimizer", "message"),
    [
        ('{schedule: expression, expression: "lr / (3 - epoch)"}', 0.1, "no value at epoch = 3"),
        ('{schedule: expression, expression: "lr - 0.04 * epoch"}', 0.1, "for epoch 2"),
        (
            "{schedule: warmup, epochs: 2}",
            keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
            "learning_rate is a schedule already",
        ),
    ],
)
def test_a_rate_that_can_not_be_set_is_refused_before_the_first_step(
    tmp_path: Path, arguments: str, optimizer: Any, message: str
) -> None:
    weights = Weights()
    model = small_model(keras.optimizers.SGD(optimizer))
    with pytest.raises(UsageError, match=message):
        callbacks = f"- LearningRateScheduler: {arguments}\n{ALONE}"
        run(tmp_path, callbacks, model=model, last=[weights])
    assert weights.of_epoch == []


# CSVLogger.

COLUMNS = ["epoch", "accuracy", "learning_rate", "loss", "val_accuracy", "val_loss"]


def test_the_log_has_a_row_an_epoch_and_the_learning_rate(tmp_path: Path) -> None:
    _, model = run(tmp_path, ALONE)
    rows = log(tmp_path)
    assert list(rows[0]) == COLUMNS
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row["val_loss"]) for row in rows] == model.history.history["val_loss"]
    assert rates(tmp_path) == pytest.approx([0.01] * EPOCHS)


@pytest.mark.slow
def test_separator_and_append(tmp_path: Path) -> None:
    file = tmp_path / "log.tsv"
    callbacks = f"- CSVLogger: {{filename: {file}, separator: ';', append: true}}{ALONE}"
    run(tmp_path, callbacks, epochs=2)
    run(tmp_path, callbacks, epochs=1)
    header, *rows = [line.split(";") for line in file.read_text().splitlines()]
    assert header[:2] == ["epoch", "accuracy"]
    assert [row[0] for row in rows] == ["0", "1", "0"]
    run(tmp_path, callbacks.replace("append: true", "append: false"), epochs=1)
    assert len(file.read_text().splitlines()) == 2


def test_appending_other_columns_is_refused_before_the_first_step(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("epoch,loss\n0,0.5\n")
    weights = Weights()
    with pytest.raises(UsageError, match="has the columns epoch,loss, without accuracy"):
        callbacks = f"- CSVLogger: {{filename: {file}, append: true}}{ALONE}"
        run(tmp_path, callbacks, last=[weights])
    assert weights.of_epoch == []
    assert file.read_text() == "epoch,loss\n0,0.5\n"


@pytest.mark.parametrize("content", [b"name: pets\nmodel:", b"\x89PNG\0\xff\n\n", b"loss,accuracy"])
def test_what_is_no_log_is_refused_and_not_a_byte_of_it_changed(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="without epoch"):
        run(tmp_path, f"- CSVLogger: {{filename: {file}, append: true}}{ALONE}")
    assert file.read_bytes() == content


# TensorBoard.


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any, Any]]:
    folder = tmp_path_factory.mktemp("events")
    callbacks = (
        f"- TensorBoard: {{log_dir: {folder}/logs, histogram_freq: 2, write_images: true, "
        "write_steps_per_second: true, update_freq: 2, profile_batch: [2, 3]}\n"
        "- BackupAndRestore: none\n- ModelCheckpoint: none"
    )
    run(folder, callbacks, batches=BATCHES)
    size = {"tensors": 0}
    parts = [folder / "logs" / part for part in ("train", "validation")]
    train, validation = (EventAccumulator(str(part), size_guidance=size).Reload() for part in parts)
    yield folder, train, validation


def steps(events: Any, tag: str) -> list[int]:
    return [event.step for event in events.Tensors(tag)]


@pytest.mark.slow
def test_tensorboard_reads_epochs_and_batches(events: tuple[Path, Any, Any]) -> None:
    folder, train, validation = events
    assert steps(train, "epoch_loss") == [0, 1, 2, 3]
    assert steps(train, "epoch_learning_rate") == [0, 1, 2, 3]
    assert steps(validation, "epoch_accuracy") == [0, 1, 2, 3]
    assert steps(train, "batch_loss") == [2, 4, 6, 8, 10, 12, 14, 16]
    assert steps(train, "epoch_steps_per_second") == [0, 1, 2, 3]
    losses = [float(make_ndarray(event.tensor_proto)) for event in train.Tensors("epoch_loss")]
    assert losses == pytest.approx([float(row["loss"]) for row in log(folder)])


@pytest.mark.slow
def test_tensorboard_reads_histograms_images_graph_and_profile(
    events: tuple[Path, Any, Any],
) -> None:
    folder, train, _ = events
    tags = train.Tags()["tensors"]
    (histogram,) = [tag for tag in tags if tag.endswith("kernel/histogram")]
    (image,) = [tag for tag in tags if tag.endswith("kernel/image")]
    assert steps(train, histogram) == steps(train, image) == [0, 2]
    assert "keras" in tags
    assert list((folder / "logs/train/plugins/profile").rglob("*.xplane.pb"))


# The others.


def test_terminate_on_nan_stops_and_keeps_stdout_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small_model()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    stack, _ = run(tmp_path, "- TerminateOnNaN" + ALONE, model=model)
    assert len(log(tmp_path)) == 1
    assert "Batch 0: Invalid loss, terminating training" in said()
    assert capsys.readouterr().out == ""
    assert stack.best.weights is None


@pytest.mark.slow
@pytest.mark.parametrize("swap_on_epoch", ["true", "false"])
def test_the_averaged_weights_that_were_scored_are_kept(tmp_path: Path, swap_on_epoch: str) -> None:
    scored = []

    class Scored(keras.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            scored.append(self.model.get_weights())

    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    stack, _ = run(
        tmp_path,
        f"- SwapEMAWeights: {{swap_on_epoch: {swap_on_epoch}}}" + ALONE,
        first=[Script(val_accuracy=[0.5, 0.9, 0.4])],
        last=[Scored()],
        model=small_model(optimizer),
        epochs=3,
        training_keys=", optimizer: {SGD: {use_ema: true}}",
    )
    assert stack.best.weights is not None
    for kept, used in zip(stack.best.weights, scored[-2], strict=True):
        np.testing.assert_allclose(kept, used, rtol=1e-5, atol=1e-6)
    assert not same(scored[-2], scored[-1])


class Mailbox(BaseHTTPRequestHandler):
    received: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["X-Key"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None: ...


@pytest.mark.slow
def test_remote_monitor_sends_each_epoch(tmp_path: Path) -> None:
    pytest.importorskip("requests")
    server = HTTPServer(("127.0.0.1", 0), Mailbox)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        callbacks = (
            f"- RemoteMonitor: {{root: '{root}', path: /epochs, send_as_json: true, "
            "headers: {X-Key: secret}}"
        )
        run(tmp_path, callbacks + ALONE, epochs=2)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [(path, key) for path, key, _ in Mailbox.received] == [("/epochs", "secret")] * 2
    sent = [message for _, _, message in Mailbox.received]
    assert [message["epoch"] for message in sent] == [0, 1]
    assert sent[1]["val_loss"] == float(log(tmp_path)[1]["val_loss"])


def test_lambda_callback_calls_functions_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hooks.py"
    file.write_text(
        "seen = []\n"
        "def began(epoch, logs): seen.append(epoch)\n"
        "def tested(logs): seen.append('tested')\n"
    )
    callbacks = f"- LambdaCallback: {{on_epoch_begin: {file}:began, on_test_end: {file}:tested}}"
    stack, _ = run(tmp_path, callbacks + ALONE, epochs=2)
    (made,) = [one for one in stack.callbacks if isinstance(one, keras.callbacks.LambdaCallback)]
    assert made.on_epoch_begin.__wrapped__.__globals__["seen"] == [0, "tested", 1, "tested"]


# The stack as a whole.


def kinds(stack: Stack) -> list[str]:
    return [type(callback).__name__ for callback in stack.callbacks]


def build(folder: Path, callbacks: str) -> Stack:
    return build_stack(declared(declare(folder, callbacks), folder / "run"), sources()[0])


def test_defaults_are_on_without_being_named_and_can_be_turned_off(tmp_path: Path) -> None:
    bookkeeping = ["SetEpoch", "CheckMonitors", "CompleteLogs"]
    stack = build(tmp_path, "")
    assert kinds(stack) == [
        *bookkeeping,
        *(
            "Progress",
            "CheckNumbers",
            "CSVLogger",
            "TensorBoard",
            "BestEpoch",
            "ModelCheckpoint",
            "History",
        ),
        "CarryOver",
        "CommittedState",
    ]
    assert stack.committed_state is stack.callbacks[-1]
    names = ("ProgbarLogger", "CSVLogger", "TensorBoard", "ModelCheckpoint", "BackupAndRestore")
    off = build(tmp_path, "\n".join(f"- {name}: none" for name in names))
    assert kinds(off) == [*bookkeeping, "CheckNumbers", "BestEpoch", "History", "CarryOver"]
    assert off.committed_state is None


def test_the_order_is_the_one_that_works_whatever_the_order_in_the_config(tmp_path: Path) -> None:
    declared = [
        "- imgclf.callbacks.examples:LossPrinter",
        "- EarlyStopping",
        "- CSVLogger",
        "- ReduceLROnPlateau",
        "- TerminateOnNaN",
        "- LearningRateScheduler: {schedule: warmup, epochs: 2}",
        "- BackupAndRestore",
        "- ModelCheckpoint",
        "- TensorBoard",
        "- ProgbarLogger",
        "- History",
    ]
    order = kinds(build(tmp_path, "\n".join(declared)))
    assert order == [
        *("SetEpoch", "CheckMonitors", "CompleteLogs", "Progress"),
        *("LearningRateScheduler", "ReduceLROnPlateau", "CSVLogger", "TensorBoard"),
        *("BestEpoch", "ModelCheckpoint", "TerminateOnNaN", "EarlyStopping"),
        *("LossPrinter", "History", "CarryOver", "CommittedState"),
    ]
    assert kinds(build(tmp_path, "\n".join(reversed(declared)))) == order


ACCEPTED = {
    "LambdaCallback": "{on_epoch_end: FILE:hook}",
    "LearningRateScheduler": "{schedule: warmup, epochs: 2}",
}
REFUSED = {
    "Callback": "base class",
    "CallbackList": "made by Keras to hold the others",
    "OrbaxCheckpoint": "orbax-checkpoint",
    "SwapEMAWeights": "use_ema",
}


def test_every_callback_that_keras_exports_is_accepted_or_refused_with_a_reason(
    tmp_path: Path,
) -> None:
    file = tmp_path / "hooks.py"
    file.write_text("def hook(epoch, logs): ...\n")
    exported = [name for name in dir(keras.callbacks) if name[0].isupper()]
    assert len(exported) >= 16
    for name in exported:
        arguments = ACCEPTED.get(name, "")
        arguments = "{directory: x}" if name == "OrbaxCheckpoint" else arguments
        line = f"- {name}: {arguments}" if arguments else f"- {name}"
        try:
            build(tmp_path, line.replace("FILE", str(file)))
        except ConfigError as error:
            assert REFUSED.get(name, "not refused") in str(error)
        else:
            assert name not in REFUSED


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ("- TensorBoard: {profile_batch: [3, 2]}", "TensorBoard: profile_batch must be"),
        ("- LearningRateScheduler: {schedule: math:sinn}", "there is no 'sinn' in math"),
        ("- LambdaCallback: {on_epoch_end: math:pi}", "math:pi is not a function"),
        ("- no.such.module:Thing", "there is no module 'no.such.module'"),
    ],
)
def test_what_can_not_be_built_is_a_config_error(
    tmp_path: Path, callbacks: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        build(tmp_path, callbacks)
    assert message in str(refused.value)


def test_all_problems_are_listed_with_their_lines(tmp_path: Path) -> None:
    callbacks = "- no_such_module:One\n- EarlyStopping\n- no_such_module:Two"
    with pytest.raises(ConfigError) as refused:
        build(tmp_path, callbacks)
    lines = (tmp_path / "tiny.yaml").read_text().splitlines()
    found = [problem.line for problem in refused.value.problems]
    assert found == [lines.index(f"  - no_such_module:{name}") + 1 for name in ("One", "Two")]


def test_what_is_allowed_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import keras\n"
        "class Mine(keras.callbacks.Callback):\n"
        "    def __init__(self, word): super().__init__()\n"
    )
    with pytest.raises(ConfigError) as refused:
        build(tmp_path, f"- {file}:Mine: {{wrd: x}}")
    assert str(refused.value).splitlines()[-1] == "    allowed: word; did you mean 'word'?"


def test_a_monitor_that_will_not_be_logged_stops_before_the_first_step(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import keras\n"
        "class Patient(keras.callbacks.EarlyStopping):\n"
        "    def __init__(self, what): super().__init__(monitor=what)\n"
    )
    weights = Weights()
    with pytest.raises(UsageError, match="nothing called 'val_acuracy' will be logged") as refused:
        run(tmp_path, f"- {file}:Patient: {{what: val_acuracy}}" + ALONE, last=[weights])
    assert "did you mean 'val_accuracy'" in str(refused.value)
    assert weights.of_epoch == []
