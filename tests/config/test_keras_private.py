"""Each name of Keras that it doesn't promise to keep: it is there, and does what is relied on."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imgclf
from imgclf.backend import keras
from imgclf.callbacks import csv_log, learning_rate
from imgclf.callbacks.checkpoint import ModelCheckpoint
from imgclf.callbacks.tensorboard import TensorBoard
from imgclf.config.keras_private import (
    OVERRIDDEN,
    RELIED_ON,
    averaged_weights,
    build_metrics,
    call_that_made,
    given_learning_rate,
    metric_direction,
    no_variable_left_to_initialize,
    run_through,
    with_inner_layers,
)
from tests.support.tiny_training import small_model, sources

OURS = (csv_log.CSVLogger, learning_rate.LearningRateScheduler, ModelCheckpoint, TensorBoard)
PACKAGE = Path(imgclf.__file__).parent


def test_metric_direction_is_up_or_down_or_not_known() -> None:
    assert metric_direction(keras.metrics.AUC()) == "up"
    assert metric_direction(keras.metrics.MeanSquaredError()) == "down"
    assert metric_direction(keras.metrics.Mean()) is None


def test_given_learning_rate_is_the_schedule_where_the_public_one_is_a_number() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)
    scheduled, plain = keras.optimizers.SGD(schedule), keras.optimizers.SGD(0.25)
    assert given_learning_rate(scheduled) is schedule
    assert float(scheduled.learning_rate) == 0.5
    assert float(given_learning_rate(plain)) == 0.25


def test_averaged_weights_are_those_of_the_variables_that_are_trained() -> None:
    variable = keras.Variable(np.array([1.0, 2.0], np.float32))
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.apply([keras.ops.array([1.0, 1.0])], [variable])
    ((trained, average),) = averaged_weights(optimizer)
    assert trained is variable
    np.testing.assert_array_equal(variable.numpy(), [0.0, 1.0])
    # The average begins with what the first step left.
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(average), [0.0, 1.0])
    optimizer.apply([keras.ops.array([1.0, 1.0])], [variable])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(average), [-0.5, 0.5])
    plain = keras.optimizers.SGD(1.0)
    plain.build([variable])
    assert averaged_weights(plain) == []


def test_with_inner_layers_finds_what_a_layer_holds() -> None:
    inner = keras.layers.Dense(2)
    outer = keras.layers.SpectralNormalization(inner)
    assert with_inner_layers(outer) == [outer, inner]


def test_run_through_makes_layers_part_of_another_graph() -> None:
    given = keras.Input((2,))
    doubled = keras.layers.Rescaling(2.0, name="double")(given) + 1.0
    inner = keras.Model(given, keras.layers.Activation("relu", name="relu")(doubled))
    pictures = keras.Input((2,))
    outer = keras.Model(pictures, run_through(inner, keras.layers.Identity(name="first")(pictures)))
    kinds = [type(operation).__name__ for operation in outer.operations]
    assert kinds == ["InputLayer", "Identity", "Rescaling", "Add", "Activation"]
    np.testing.assert_array_equal(outer(np.array([[1.0, -4.0]], np.float32)), [[3.0, 0.0]])


def test_call_that_made_is_that_of_a_layer_that_is_called_twice() -> None:
    given, layer = keras.Input((3,)), keras.layers.Identity()
    first = layer(given)
    second = layer(first)
    assert call_that_made(second) == (layer, [first])
    assert call_that_made(first) == (layer, [given])
    assert call_that_made(given)[1] == []


def test_run_through_can_call_other_layers() -> None:
    given = keras.Input((2,))
    inner = keras.Model(given, keras.layers.Rescaling(2.0, name="double")(given) + 1.0)
    values = keras.Input((2,))

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if operation.name == "double" else operation(*args, **kwargs)

    outer = keras.Model(values, run_through(inner, values, call))
    np.testing.assert_array_equal(outer(np.array([[1.0, -4.0]], np.float32)), [[2.0, -3.0]])


def test_build_metrics_makes_them_before_the_first_step() -> None:
    model = small_model(metrics=["accuracy", "auc"])

    def names() -> list[str]:
        return [one.name for each in model.metrics for one in getattr(each, "metrics", [])]

    assert names() == []
    build_metrics(model, sources(1)[0].dataset().element_spec)
    assert [name.rstrip("_0123456789") for name in names()] == ["accuracy", "auc"]


def test_what_is_built_without_values_is_not_given_any_later() -> None:
    from keras.src.backend.common import global_state

    def noted() -> list[Any]:
        return list(global_state.get_global_attribute("uninitialized_variables", []))

    def build() -> None:
        with keras.StatelessScope(initialize_variables=False):
            keras.layers.Dense(3).build((None, 4))

    before = noted()
    with no_variable_left_to_initialize():
        build()
        assert [tuple(one.shape) for one in noted()[len(before) :]] == [(4, 3), (3,)]
    assert noted() == before


def test_update_optimizer_lr_sets_the_rate_at_the_beginning_of_an_epoch() -> None:
    asked: list[tuple[Any, int]] = []

    class Scheduler(keras.callbacks.LearningRateScheduler):
        def _update_optimizer_lr(self, optimizer: Any, epoch: int) -> float:
            asked.append((optimizer, epoch))
            return 0.5

    model = small_model()
    scheduler = Scheduler(lambda epoch: 0.1)
    scheduler.set_model(model)
    scheduler.on_epoch_begin(3)
    assert asked == [(model.optimizer, 3)]


def checkpoint(path: Path, **arguments: Any) -> Any:
    made = keras.callbacks.ModelCheckpoint(path, **arguments)
    made.set_model(small_model())
    return made


def test_save_model_is_called_after_so_many_batches(tmp_path: Path) -> None:
    asked: list[tuple[int, int | None, Any]] = []

    class Checkpoint(keras.callbacks.ModelCheckpoint):
        def _save_model(self, epoch: int, batch: int | None, logs: Any) -> None:
            asked.append((epoch, batch, logs))

    made = Checkpoint(tmp_path / "a.keras", save_freq=2)
    made.on_epoch_begin(5)
    for batch in range(4):
        made.on_train_batch_end(batch, {"loss": batch})
    assert asked == [(5, 1, {"loss": 1}), (5, 3, {"loss": 3})]


def test_get_file_path_fills_in_epoch_batch_and_logs(tmp_path: Path) -> None:
    made = checkpoint(tmp_path / "{epoch:02d}-{loss:.2f}.keras")
    assert made._get_file_path(6, None, {"loss": 0.125}) == str(tmp_path / "07-0.12.keras")
    made = checkpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=1)
    assert made._get_file_path(6, 3, {}) == str(tmp_path / "7-4.keras")


def test_should_save_model_remembers_the_best(tmp_path: Path) -> None:
    made = checkpoint(tmp_path / "a.keras", save_best_only=True)
    made._set_monitor_op()
    said = [made._should_save_model(0, None, {"val_loss": x}, "a") for x in (0.5, 0.7, 0.25)]
    assert said == [True, False, True]
    assert made.best == 0.25


def test_set_monitor_op_settles_which_values_are_better(tmp_path: Path) -> None:
    made = checkpoint(tmp_path / "a.keras", save_best_only=True, monitor="val_loss", mode="max")
    assert made.monitor_op is None
    made._set_monitor_op()
    assert bool(made.monitor_op(2.0, 1.0))


@pytest.fixture
def board(tmp_path: Path) -> Any:
    made = keras.callbacks.TensorBoard(str(tmp_path), write_graph=False, update_freq=1)
    made.set_model(small_model())
    return made


def test_the_writers_are_made_when_they_are_asked_for(board: Any, tmp_path: Path) -> None:
    kind = keras.callbacks.TensorBoard
    assert isinstance(kind._train_writer, property)
    assert isinstance(kind._val_writer, property)
    assert board._writers == {}
    assert board._writers.get("train") is None
    first = board._train_writer
    assert board._writers == {"train": first}
    second = board._val_writer
    assert board._writers == {"train": first, "val": second}
    assert (board._train_dir, board._val_dir) == (
        str(tmp_path / "train"),
        str(tmp_path / "validation"),
    )
    board.set_model(board.model)
    assert board._writers == {}
    first.close()
    second.close()


def test_close_writers_closes_those_that_are_open(board: Any) -> None:
    closed: list[str] = []

    class Writer:
        def close(self) -> None:
            closed.append("closed")

    board._writers = {"train": Writer(), "val": Writer()}
    board._close_writers()
    assert closed == ["closed", "closed"]


def test_pop_writer_leaves_what_was_entered_last(board: Any) -> None:
    assert board._prev_summary_state == []
    board.on_train_begin()
    board.on_test_begin()
    assert len(board._prev_summary_state) == 2
    board._pop_writer()
    board._pop_writer()
    assert board._prev_summary_state == []
    board._close_writers()


def test_the_batches_of_training_and_of_validation_are_counted(board: Any) -> None:
    board.on_train_begin()
    board.on_train_batch_begin(0)
    board.on_train_batch_begin(1)
    board.on_test_begin()
    board.on_test_batch_begin(0)
    assert (board._global_train_batch, board._global_test_batch) == (2, 1)
    while board._prev_summary_state:
        board._pop_writer()
    board._close_writers()


def of_keras(ours: type) -> type:
    """The class of Keras that one of ours extends."""
    (base,) = ours.__bases__
    return base


@pytest.mark.parametrize("ours", OURS)
def test_the_table_lists_what_ours_override(ours: type) -> None:
    private = {name for name in vars(ours) if name.startswith("_") and not name.startswith("__")}
    overridden = {name for name in private if hasattr(of_keras(ours), name)}
    assert overridden == set(OVERRIDDEN.get(ours.__name__, ()))


def foreign_privates(file: Path) -> set[str]:
    """Names with an underscore that a module asks objects for, and doesn't give to any itself."""
    tree = ast.parse(file.read_text("utf-8"))
    asked, own = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not node.attr.startswith("__"):
            into = own if isinstance(node.ctx, ast.Store) else asked
            if node.attr.startswith("_") and ast.unparse(node.value) != "os":  # `os._exit`
                into.add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
    return asked - own


def test_nothing_else_of_keras_that_is_private_is_used_in_the_package() -> None:
    apart = {PACKAGE / "config/keras_private.py", PACKAGE / "distribution/jax_private.py"}
    found = {
        file: names
        for file in sorted(PACKAGE.rglob("*.py"))
        if file not in apart and (names := foreign_privates(file))
    }
    listed = {Path(inspect.getfile(ours)): set(RELIED_ON.get(ours.__name__, ())) for ours in OURS}
    assert {file: names - listed.get(file, set()) for file, names in found.items()} == {
        file: set() for file in found
    }
    for file, names in listed.items():
        assert all(name in file.read_text("utf-8") for name in names)
