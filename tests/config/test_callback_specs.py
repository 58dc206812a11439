from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from imgclf.config.keras_names import class_names
from imgclf.config.keras_signatures import signature
from imgclf.config.load import load_config, parse_config
from imgclf.config.spec import Spec
from imgclf.errors import ConfigError
from tests.support.config_texts import (
    CONFIGS,
    SMALLEST,
    callback,
    callback_problem,
    load,
    problems,
    with_callbacks,
)


@pytest.mark.parametrize("word", ["none", "None", "off", "no", "false", "null", "~"])
def test_a_default_callback_is_turned_off_by_any_word_for_it(word: str) -> None:
    config = load(with_callbacks(f"TensorBoard: {word}")).config
    assert config.callbacks == (Spec(name="TensorBoard", off=True),)
    assert config.callback_off("TensorBoard")
    assert config.callbacks_named("TensorBoard") == ()


def test_nothing_after_a_callback_is_not_off_but_its_defaults() -> None:
    assert callback("CSVLogger:") == Spec(name="CSVLogger")


def test_period_is_taken_as_in_keras_2() -> None:
    assert callback("ModelCheckpoint: {period: 3}").arguments == {"period": 3}


@pytest.mark.parametrize(
    ("written", "key", "nearest", "words"),
    [
        ('EarlyStopping: {patience: "2"}', "patience", None, "written without quotes"),
        ("EarlyStopping: {patience: -1}", "patience", None, "can't take this patience"),
        ("EarlyStopping: {patience: 2.5}", "patience", None, "can't take this patience"),
        ("EarlyStopping: {monitor: 5}", "monitor", None, "can't take this monitor"),
        ("EarlyStopping: {mode: maximum}", "mode", "max", "can't take this mode"),
        ("EarlyStopping: {restore_best_weights: 3}", "restore_best_weights", None, "can't take"),
        ("EarlyStopping: {patince: 3}", "patince", "patience", "has no argument patince"),
        ("ModelCheckpoint: {save_best_only: 3}", "save_best_only", None, "can't take"),
        ("ModelCheckpoint: {save_freq: 0}", "save_freq", None, "can't take this save_freq"),
        ("ModelCheckpoint: {save_freq: epochs}", "save_freq", None, "can't take this save_freq"),
        ("ModelCheckpoint: {period: 0}", "period", None, "can't take this period"),
        ("ModelCheckpoint: best.h5", "filepath", None, "a file of a whole model ends in .keras"),
        (
            "ModelCheckpoint: {filepath: w.keras, save_weights_only: true}",
            "filepath",
            None,
            "a file of weights alone ends in .weights.h5",
        ),
        (
            "ModelCheckpoint: '{epoch}-{val_los:.2f}.keras'",
            "filepath",
            "val_loss",
            "will not be known",
        ),
        ("ModelCheckpoint: '{epoch:q}.keras'", "filepath", None, "can't be filled in"),
        ("ModelCheckpoint: '{epoch:999999999d}.keras'", "filepath", None, "too wide"),
        ("ModelCheckpoint: '{epoch.keras'", "filepath", None, "can't be filled in"),
        (
            "ModelCheckpoint: {filepath: '{val_loss}.keras', save_freq: 5}",
            "filepath",
            "loss",
            "will not be known",
        ),
        ("ModelCheckpoint: {period: 2, save_freq: 5}", "period", None, "give one of them"),
        (
            "ModelCheckpoint: {save_freq: 5, save_best_only: true}",
            "save_freq",
            None,
            "validation comes at the end of an epoch",
        ),
        ("CSVLogger: {seperator: ;}", "seperator", "separator", "has no argument seperator"),
        ("CSVLogger: {separator: ', '}", "separator", None, "can't take this separator"),
        ("CSVLogger: {append: maybe}", "append", None, "can't take this append"),
        ("TensorBoard: {update_freq: never}", "update_freq", None, "can't take this update_freq"),
        ("TensorBoard: {profile_batch: [1, 2, 3]}", "profile_batch", None, "can't take this"),
        ("TensorBoard: {histogram_freq: true}", "histogram_freq", None, "can't take this"),
        ("TensorBoard: {write_grads: true}", "write_grads", None, "leave write_grads out"),
        ("ReduceLROnPlateau: {factor: 1.5}", "factor", None, "can't take this factor"),
        ("ReduceLROnPlateau: {factr: 0.5}", "factr", "factor", "has no argument factr"),
        ("ReduceLROnPlateau: {epsilon: 0.5}", "epsilon", None, "this is called min_delta now"),
        ("BackupAndRestore: {save_freq: false}", "save_freq", None, "can't take this save_freq"),
        ("RemoteMonitor: {root: localhost}", "root", None, "can't take this root"),
        ("RemoteMonitor: {headers: 3}", "headers", None, "can't take this headers"),
        ("TerminateOnNaN: {raise_error: 2}", "raise_error", None, "can't take this raise_error"),
        ("ProgbarLogger: {count_mode: steps}", "count_mode", None, "leave count_mode out"),
        (
            "LambdaCallback: {on_epoch_ed: os:getcwd}",
            "on_epoch_ed",
            "on_epoch_end",
            "LambdaCallback has no argument on_epoch_ed",
        ),
        ("LambdaCallback: {on_epoch_end: print}", "on_epoch_end", None, "named by where it is"),
        ("LambdaCallback: {on_epoch_end: 3}", "on_epoch_end", None, "named by where it is"),
    ],
)
def test_arguments_of_callbacks_that_are_refused(
    written: str, key: str, nearest: str | None, words: str
) -> None:
    found = callback_problem(written)
    assert (found.line, found.key) == (4, f"callbacks.0.{key}")
    assert words in found.message
    assert found.nearest == nearest
    assert found.received


@pytest.mark.parametrize(
    "written",
    [
        "EarlyStopping: {baseline: 0.5, min_delta: 1e-3, verbose: true, start_from_epoch: 2}",
        "EarlyStopping: {monitor: learning_rate, mode: min}",
        "ModelCheckpoint: {save_freq: 5, save_best_only: true, monitor: loss}",
        "ModelCheckpoint: {save_freq: 5}",
        "ModelCheckpoint: '{epoch:02d}-{val_loss:.2f}.keras'",
        "ModelCheckpoint: {filepath: '{batch}.weights.h5', save_freq: 5, save_weights_only: on}",
        "TensorBoard: {log_dir: 2024/11, update_freq: batch, profile_batch: [2, 5]}",
        "TensorBoard: {update_freq: 10, profile_batch: 3, embeddings_metadata: {a: b.tsv}}",
        "ReduceLROnPlateau: {factor: 1/2, min_lr: 1e-6}",
        'CSVLogger: {separator: "\\t", append: yes}',
        "BackupAndRestore: {backup_dir: backup, save_freq: 10}",
        "RemoteMonitor: {headers: {Authorization: x}, send_as_json: true}",
        "LambdaCallback: {on_test_batch_end: builtins:print}",
        "History",
        "ProgbarLogger",
        "TerminateOnNaN",
    ],
)
def test_arguments_of_callbacks_that_are_taken(written: str) -> None:
    spec = callback(written)
    assert load(load(with_callbacks(written)).resolved_yaml()).config.callbacks == (spec,)


@pytest.mark.parametrize(
    ("monitor", "metrics", "nearest"),
    [
        ("val_acc", "[accuracy]", "val_accuracy"),
        ("acc", "[accuracy]", "accuracy"),
        ("val_los", "[accuracy]", "val_loss"),
        ("val_accuracy", "[acc]", "val_acc"),
        ("val_AUC", "[AUC]", "val_auc"),
        ("val_auc", "[{AUC: {name: area}}]", "val_area"),
        ("nonsense", "[accuracy]", None),
    ],
)
@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_a_monitor_that_nothing_is_logged_under_is_refused(
    name: str, monitor: str, metrics: str, nearest: str | None
) -> None:
    training = f"training: {{metrics: {metrics}}}"
    found = callback_problem(f"{name}: {{monitor: {monitor}}}", training=training)
    assert (found.line, found.key) == (5, "callbacks.0.monitor")
    assert found.message == f"{name} monitors what will not be logged"
    assert found.nearest == nearest


def test_the_names_that_will_be_logged_are_listed() -> None:
    training = "training: {metrics: [accuracy, mae, AUC, {Precision: {name: hits}}]}"
    found = callback_problem("EarlyStopping: {monitor: x}", training=training)
    assert found.allowed == (
        "loss, accuracy, mae, auc, hits, val_loss, val_accuracy, val_mae, val_auc, val_hits, "
        "learning_rate"
    )


def test_a_direction_that_keras_cannot_guess_has_to_be_said() -> None:
    training = "training: {metrics: [TruePositives]}"
    found = callback_problem("EarlyStopping: {monitor: val_true_positives}", training=training)
    assert "can't know whether val_true_positives is better large or small" in found.message
    assert found.allowed == "mode: min, mode: max"
    assert callback("EarlyStopping: {monitor: val_true_positives, mode: max}", training)
    assert callback("EarlyStopping: {monitor: val_auc}", "training: {metrics: [AUC]}")
    assert callback("ModelCheckpoint: {monitor: val_true_positives}", training)


def test_monitors_are_not_judged_by_metrics_that_are_wrong_themselves() -> None:
    text = with_callbacks(
        "EarlyStopping: {monitor: val_acuracy}", training="training: {metrics: [acuracy]}"
    )
    assert [p.key for p in problems(text)] == ["training.metrics.0"]


@pytest.mark.parametrize("place", [".", "..", "/", "~", "./", "../..", "dataset", "dataset/backup"])
@pytest.mark.parametrize("callback", ["BackupAndRestore", "TensorBoard"])
def test_a_folder_with_other_things_in_it_is_not_written_to(
    callback: str, place: str, in_folder: Path
) -> None:
    found = callback_problem(f'{callback}: "{place}"')
    assert found.line == 4
    assert found.message.startswith(f"{callback} needs a folder of its own, and this ")
    assert found.received == place


def test_a_link_to_the_working_directory_is_the_working_directory(in_folder: Path) -> None:
    (in_folder / "link").symlink_to(".")
    assert "this is the working directory" in callback_problem("BackupAndRestore: link").message


def test_the_folder_of_the_pictures_is_safe_wherever_it_is(in_folder: Path) -> None:
    text = with_callbacks("BackupAndRestore: pictures").replace("dataset", "pictures/pets")
    (found,) = problems(text)
    assert "this holds the folder of the pictures" in found.message


def test_a_path_that_no_file_can_have_is_no_fault_of_the_check(in_folder: Path) -> None:
    text = with_callbacks("TensorBoard: logs").replace("directory: dataset", 'directory: "a\\0b"')
    assert load(text).config.data.directory == "a\0b"


def test_a_file_is_not_written_over_a_folder(in_folder: Path) -> None:
    (in_folder / "logs").mkdir()
    (in_folder / "best.keras").mkdir()
    assert "this is a folder" in callback_problem("CSVLogger: logs").message
    assert "this is a folder" in callback_problem("ModelCheckpoint: best.keras").message
    (in_folder / "file").touch()
    assert "this is a file" in callback_problem("TensorBoard: file").message


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("CSVLogger", "CSVLogger", "filename"),
        ("CSVLogger: a.csv", "CSVLogger: ./a.csv", "filename"),
        ("ModelCheckpoint: a.keras", "ModelCheckpoint: {filepath: a.keras, period: 2}", "filepath"),
        ("TensorBoard: logs", "TensorBoard: logs/", "log_dir"),
        ("BackupAndRestore: logs", "TensorBoard: logs", "log_dir"),
    ],
)
def test_two_callbacks_do_not_write_to_one_place(first: str, second: str, key: str) -> None:
    found = callback_problem(first, second)
    assert (found.line, found.key) == (5, f"callbacks.1.{key}")
    assert "writes where callbacks.0" in found.message


def test_several_checkpoints_and_stopping_rules_are_fine() -> None:
    config = load(
        with_callbacks(
            "ModelCheckpoint",
            "ModelCheckpoint: {save_best_only: true}",
            "ModelCheckpoint: a.keras",
            "EarlyStopping",
            "EarlyStopping: {monitor: loss}",
        )
    ).config
    assert len(config.callbacks) == 5


@pytest.mark.parametrize("name", ["ProgbarLogger", "TerminateOnNaN", "History"])
def test_what_is_needed_once_is_not_taken_twice(name: str) -> None:
    found = callback_problem(name, name)
    assert found.message == f"{name} is here twice: the other is callbacks.0"


def test_a_callback_is_not_both_on_and_off() -> None:
    found = callback_problem("TensorBoard: none", "TensorBoard: {histogram_freq: 1}")
    assert found.message == "TensorBoard is both on and off: the other is callbacks.0"


@pytest.mark.parametrize(
    "name", ["ReduceLROnPlateau", "LearningRateScheduler: {schedule: exponential, rate: -1}"]
)
@pytest.mark.parametrize("around", ["{}", "{{LossScaleOptimizer: {{inner_optimizer: {}}}}}"])
def test_a_schedule_in_the_optimizer_leaves_nothing_for_a_callback(name: str, around: str) -> None:
    schedule = "{CosineDecay: {initial_learning_rate: 0.1, decay_steps: 9}}"
    optimizer = around.format(f"{{Adam: {schedule}}}")
    found = callback_problem(name, training=f"training: {{optimizer: {optimizer}}}")
    assert (found.line, found.key) == (5, "callbacks.0")
    assert "which follows the optimizer's CosineDecay" in found.message


def test_swapping_averages_needs_an_optimizer_that_keeps_them() -> None:
    found = callback_problem("SwapEMAWeights", training="training: {optimizer: sgd}")
    assert found.allowed == "training.optimizer: SGD: {use_ema: true}"
    assert callback("SwapEMAWeights", "training: {optimizer: {SGD: {use_ema: true}}}")


@pytest.mark.parametrize(
    "written",
    [
        "{schedule: exponential, start_epoch: 10, rate: -0.5}",
        "{schedule: table, table: {3: 0.05, 6: 0.01}}",
        "{schedule: step, factor: 0.5, every: 10, start_epoch: 3, verbose: 1}",
        "{schedule: cosine, epochs: 30, min_learning_rate: 1e-5, warmup_epochs: 3}",
        "{schedule: warmup, epochs: 5, start: 1e-5}",
        "{schedule: expression, expression: lr * 0.9 if epoch > 3 else lr}",
        "{schedule: my.module:function}",
        "my.module:function",
    ],
)
def test_the_declared_schedules(written: str) -> None:
    spec = callback(f"LearningRateScheduler: {written}")
    assert spec.name == "LearningRateScheduler"
    assert load(with_callbacks(f"LearningRateScheduler: {written}")).resolved_yaml()


def test_a_table_of_epochs_keeps_whole_numbers_for_keys() -> None:
    spec = callback("LearningRateScheduler: {schedule: table, table: {3: 0.05, 6: 1/100}}")
    assert spec.arguments == {"schedule": "table", "table": {3: 0.05, 6: 0.01}}
    text = with_callbacks("LearningRateScheduler: {schedule: table, table: {3: 0.05}}")
    assert load(load(text).resolved_yaml()).config == load(text).config


@pytest.mark.parametrize(
    ("written", "key", "words", "nearest"),
    [
        ("", ".schedule", "LearningRateScheduler needs a schedule", None),
        ("3", ".schedule", "LearningRateScheduler needs a schedule", None),
        ("{rate: 3}", ".schedule", "LearningRateScheduler needs a schedule", None),
        ("exponental", ".schedule", "there is no schedule of this name", "exponential"),
        ("exponential", "", "the schedule exponential needs rate", None),
        ("{schedule: exponential, rte: -1}", ".rte", "has no argument rte", "rate"),
        (
            "{schedule: exponential, rate: -1, verbose: x}",
            ".verbose",
            "can't take this verbose",
            None,
        ),
        ("{schedule: exponential, rate: x}", ".rate", "rate must be a number", None),
        ("{schedule: exponential, rate: -1, start_epoch: -3}", ".start_epoch", "start_epoch", None),
        ("{schedule: table, table: {a: 0.1}}", ".table", "epoch in the table", None),
        ("{schedule: table, table: {3: -1}}", ".table", "the rate at epoch 3", None),
        ("{schedule: table, table: 3}", ".table", "table must list epochs", None),
        ("{schedule: step, factor: 0.5, every: 0}", ".every", "every must be", None),
        (
            "{schedule: cosine, epochs: 3, warmup_epochs: 3}",
            ".epochs",
            "warmup_epochs must be",
            None,
        ),
        ("{schedule: expression, expression: __import__('os')}", ".expression", "schedule", None),
        ("{schedule: expression, expression: lr +}", ".expression", "is not an expression", None),
        ("{schedule: nofile.py:rate}", ".schedule", "there is no file nofile.py", None),
        ("{schedule: 'a b:rate'}", ".schedule", "named by where it is", None),
        ("{schedule: my.module:function, rate: 3}", ".rate", "has no argument rate", None),
    ],
)
def test_schedules_that_are_refused(
    written: str, key: str, words: str, nearest: str | None, in_folder: Path
) -> None:
    found = callback_problem(f"LearningRateScheduler: {written}")
    assert found.key == f"callbacks.0{key}"
    assert words in found.message
    assert found.nearest == nearest


def test_a_callback_of_ones_own_is_named_but_not_imported(in_folder: Path) -> None:
    (in_folder / "mine.py").write_text("raise SystemExit('imported')\n")
    spec = callback("mine.py:Thing: {threshold: 1/4, names: [a, b]}")
    assert spec == Spec(name="mine.py:Thing", arguments={"threshold": 0.25, "names": ["a", "b"]})
    assert spec.is_custom
    assert callback("no.such.module:Thing") == Spec(name="no.such.module:Thing")


@pytest.mark.parametrize(
    ("written", "words", "nearest"),
    [
        ("mien.py:Thing", "there is no file mien.py", "mine.py"),
        ("mine.py", "named by where it is", None),
        ("a b:Thing", "named by where it is", None),
        ("module:", "named by where it is", None),
        (":Thing", "named by where it is", None),
        ("module:1Thing", "named by where it is", None),
        ("mine.py:Thing: 3", "the arguments of mine.py:Thing are given by name", None),
        ("mine.py:Thing: {a b: 3}", "this can't be the name of an argument", None),
        ("~nobody/x.py:Thing", "there is no file ~nobody/x.py", None),
    ],
)
def test_callbacks_of_ones_own_that_are_refused(
    written: str, words: str, nearest: str | None, in_folder: Path
) -> None:
    (in_folder / "mine.py").touch()
    found = callback_problem(f"{written}" if ": " in written else f'"{written}"')
    assert words in found.message
    assert found.nearest == nearest


@pytest.mark.parametrize("name", ["Callback", "CallbackList", "EarlyStoping", "TensorBord"])
def test_names_that_are_no_callback(name: str) -> None:
    assert callback_problem(name).key == "callbacks.0"


def test_what_a_missing_package_is_needed_for_is_said() -> None:
    if importlib.util.find_spec("orbax") is not None:
        pytest.skip("Orbax is installed here")
    found = callback_problem("OrbaxCheckpoint: {directory: here}")
    assert found.allowed == "pip install orbax-checkpoint"


def test_the_page_of_all_callbacks_names_every_callback_and_every_argument() -> None:
    text = (CONFIGS / "every_callback.yaml").read_text("utf-8")
    for name in class_names("callbacks"):
        assert f"- {name}" in text
        for argument in signature("callbacks", name).arguments:
            block = text.split(f"- {name}", 1)[1].split("\n\n", 1)[0]
            if name != "LambdaCallback":
                assert f"{argument}:" in block, (name, argument)


def test_what_the_page_of_all_callbacks_leaves_commented_out_is_right_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgclf.config.local_checks._package_problems", lambda *_: ())
    text = (CONFIGS / "every_callback.yaml").read_text("utf-8")
    more = re.sub(r"^  # (- (?:Remote|Orbax)\w+:|    \w+: .*)$", r"  \1", text, flags=re.M)
    names = [spec.name for spec in parse_config(more, Path("x.yaml")).config.callbacks]
    assert sorted({n for n in names if ":" not in n}) == sorted(class_names("callbacks"))
    assert len(load_config(CONFIGS / "every_callback.yaml").config.callbacks) == len(names) - 2
    optional = re.sub(r"^      # (\w+: .*)$", r"      \1", more, flags=re.M)
    parse_config(optional, Path("x.yaml"))


def test_a_config_error_is_raised_for_callbacks() -> None:
    with pytest.raises(ConfigError):
        load(SMALLEST + "callbacks: [Callback]\n")
