"""The catalogue of callbacks, beside Keras and the classes that it speaks of."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from imgclf.backend import keras
from imgclf.config.callback_catalogue import (
    CATALOGUE,
    OTHERS,
    CallbackEntry,
    entry_of,
    entry_of_class,
    output_of,
)
from imgclf.config.keras_names import class_names
from imgclf.config.keras_signatures import signature
from imgclf.config.key_policy import ResumeRule
from imgclf.config.resume_rules import policy_of
from tests.support.resume_rules import keys_by_rule

OURS = {
    "SetEpoch": "epoch",
    "CheckMonitors": "monitoring",
    "CompleteLogs": "epoch",
    "Progress": "progress",
    "CheckNumbers": "nan_guard",
    "UseAverages": "averages",
    "BestEpoch": "best_epoch",
    "CommittedState": "committed_state",
}
KERAS = [entry for entry in CATALOGUE if entry.name in class_names("callbacks")]


def test_every_callback_that_a_config_may_name_has_one_entry() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)
    others = {"SetEpoch", "CheckMonitors", "CompleteLogs", "CheckNumbers"}
    ours = {*others, "UseAverages", "BestEpoch"}
    assert set(names) == {*class_names("callbacks"), *ours, OTHERS.name}


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_a_class_is_known_by_its_entry(entry: CallbackEntry) -> None:
    name = entry.stand_in or entry.name
    if name in OURS:
        made = getattr(import_module(f"imgclf.callbacks.{OURS[name]}"), name)
    else:
        made = getattr(keras.callbacks, name)
    assert entry_of_class(made) is entry
    assert entry_of_class(type("Derived", (made,), {})) is entry


def test_peoples_own_classes_are_called_as_they_like() -> None:
    theirs = type("EarlyStopping", (keras.callbacks.Callback,), {"__module__": "keras_extras"})
    assert entry_of_class(theirs) is OTHERS
    assert entry_of("mine.py:EarlyStopping") is OTHERS
    assert entry_of_class(type("Mine", (keras.callbacks.EarlyStopping,), {})).name == (
        "EarlyStopping"
    )


@pytest.mark.parametrize("entry", KERAS, ids=lambda entry: entry.name)
def test_the_arguments_that_it_names_are_keras_s(entry: CallbackEntry) -> None:
    arguments = signature("callbacks", entry.name).arguments
    assert entry.monitors == arguments.get("monitor")
    assert not set(entry.own_arguments) & set(arguments)
    assert set(entry.resume_of) <= set(arguments)
    if entry.output is not None:
        assert {entry.output.argument, *entry.output.usual_depends_on} <= set(arguments)
    assert entry.compares_if is None or entry.compares_if in arguments


@pytest.mark.parametrize(
    "entry", [entry for entry in KERAS if entry.remembers], ids=lambda entry: entry.name
)
def test_what_it_remembers_are_attributes_of_keras_s_class(entry: CallbackEntry) -> None:
    kinds = inspect.getmro(getattr(keras.callbacks, entry.name))
    source = "".join(inspect.getsource(kind) for kind in kinds if kind is not object)
    for attribute in entry.remembers:
        assert f"self.{attribute} = " in source, attribute


def test_a_place_is_the_argument_s_or_the_usual_one_in_the_run_s_folder() -> None:
    run = Path("runs/pets/now")
    assert output_of("CSVLogger").place({}, run) == run / "training.csv"
    assert output_of("CSVLogger").place({"filename": "~/log.csv"}, run) == Path.home() / "log.csv"
    assert output_of("BackupAndRestore").place({"save_freq": 3}, run) == run / "state"


def test_what_is_on_by_default() -> None:
    assert [entry.name for entry in CATALOGUE if entry.on_by_default] == [
        *("ProgbarLogger", "CSVLogger", "TensorBoard", "ModelCheckpoint", "BackupAndRestore")
    ]


def test_what_begins_anew_with_each_phase() -> None:
    assert {entry.name for entry in CATALOGUE if entry.anew_in_each_phase} == {
        *("EarlyStopping", "ReduceLROnPlateau", "LearningRateScheduler")
    }


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("name", ResumeRule.NONE),
        ("data.directory", ResumeRule.NONE),
        ("training.epochs", ResumeRule.EXTENDS),
        ("training.seed", ResumeRule.ANOTHER),
        ("model.backbone.weights", ResumeRule.ANOTHER),
        ("training.fine_tune.epochs", ResumeRule.ANOTHER),
        ("model.layers.3.filters", ResumeRule.ANOTHER),
        ("callbacks.ProgbarLogger", ResumeRule.NONE),
        ("callbacks.TensorBoard.log_dir", ResumeRule.ON_THE_WAY),
        ("callbacks.BackupAndRestore", ResumeRule.ANOTHER),
        ("callbacks.BackupAndRestore.save_freq", ResumeRule.ON_THE_WAY),
        ("callbacks.BackupAndRestore.backup_dir", ResumeRule.ANOTHER),
        ("callbacks.mine.py:Mine.mode", ResumeRule.ANOTHER),
    ],
)
def test_what_a_change_means_is_said_by_the_key_or_what_it_stands_in(
    key: str, rule: ResumeRule
) -> None:
    assert policy_of(key).resume is rule


def test_every_key_and_every_exception_has_one_rule() -> None:
    keys = [key for keys in keys_by_rule().values() for key in keys]
    assert len(set(keys)) == len(keys) == 43
