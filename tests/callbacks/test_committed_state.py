"""A training that was interrupted and resumed ends like one that never was."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.callbacks.stack import build_stack
from imgclf.errors import UsageError, WriteError
from imgclf.runs.commits import Commit, latest_of_run, load_latest, remove_commits, write_commit
from tests.support.heard import Heard, listen
from tests.support.interrupted_training import (
    EPOCHS,
    EVERYTHING,
    Killed,
    Killer,
    fit,
    interrupted,
    outcome,
)
from tests.support.tiny_training import (
    declare,
    declared,
    forgetful_model,
    small_model,
    sources,
)

INSIDE_EPOCHS = EVERYTHING + "- BackupAndRestore: {save_freq: 1}"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    model = forgetful_model()
    stack = fit(folder, EVERYTHING, model)
    return outcome(folder, stack, model)


@pytest.mark.slow
def test_the_training_is_worth_comparing(uninterrupted: dict[str, Any]) -> None:
    rows = list(csv.DictReader(uninterrupted["log"].decode().splitlines()))
    assert 4 <= len(rows) < EPOCHS, "early stopping has to end it"
    rates = [float(row["learning_rate"]) for row in rows]
    decayed = 0.01 * np.exp(-0.2 * np.arange(len(rows)))
    assert rates[-1] < decayed[-1] * 0.9, "the plateau has to lower the rate, too"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killer", "before_commit"),
    [
        pytest.param(Killer("epoch ends", 2), True, id="all is logged and nothing committed"),
        pytest.param(Killer("training ends", 0), False, id="after the last commit"),
    ],
)
def test_a_resumed_training_ends_the_same(
    tmp_path: Path, uninterrupted: dict[str, Any], killer: Killer, before_commit: bool
) -> None:
    resumed = interrupted(tmp_path / "resumed", EVERYTHING, killer, before_commit)
    assert resumed == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize(
    "killer",
    [
        pytest.param(Killer("batch ends", 1, batch=2), id="in the middle of an epoch"),
        pytest.param(Killer("batch ends", 2, batch=3), id="at the last batch of an epoch"),
    ],
)
def test_a_training_resumed_inside_an_epoch_ends_the_same(
    tmp_path: Path, uninterrupted: dict[str, Any], killer: Killer
) -> None:
    resumed = interrupted(tmp_path / "resumed", INSIDE_EPOCHS, killer)
    assert resumed == uninterrupted


@pytest.mark.slow
def test_averaged_weights_go_on_the_same(tmp_path: Path) -> None:
    def model() -> Any:
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.7)
        return forgetful_model(optimizer, eager=True)

    averaging = {
        "callbacks": "- SwapEMAWeights: {swap_on_epoch: true}\n- TensorBoard: none",
        "training_keys": ", optimizer: {SGD: {use_ema: true}}",
        "epochs": 3,
    }
    finals = []
    for name, killer in (("a", None), ("b", Killer("epoch begins", 2))):
        folder = tmp_path / name
        folder.mkdir()
        if killer:
            with pytest.raises(Killed):
                fit(folder, model=model(), killer=killer, **averaging)
        last = model()
        fit(folder, model=last, **averaging)
        finals.append(([one.numpy().tobytes() for one in last.variables], last.history.history))
    assert finals[0] == finals[1]


@pytest.mark.slow
def test_the_same_interruption_changes_a_training_on_stock_keras(tmp_path: Path) -> None:
    """The control arm: without it, the tests above could be passing for want of a difference."""

    def stock(folder: Path, killer: Killer | None = None) -> Any:
        folder.mkdir(exist_ok=True)
        model = forgetful_model()
        training, validation = sources()
        callbacks = keras.callbacks
        hooks = [
            callbacks.CSVLogger(folder / "log.csv", append=True),
            callbacks.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
            callbacks.EarlyStopping(patience=3, restore_best_weights=True),
            *([killer] if killer else []),
            callbacks.BackupAndRestore(str(folder / "backup")),
        ]
        model.fit(
            training.dataset(),
            validation_data=validation.dataset(),
            epochs=4,
            shuffle=False,
            callbacks=hooks,
            verbose=0,
        )
        return [weight.tobytes() for weight in model.get_weights()]

    whole = stock(tmp_path / "whole")
    with pytest.raises(Killed):
        stock(tmp_path / "resumed", Killer("epoch ends", 2))
    resumed = stock(tmp_path / "resumed")
    log = list(csv.DictReader((tmp_path / "resumed/log.csv").open()))
    assert resumed != whole
    assert [row["epoch"] for row in log] == ["0", "1", "2", "2", "3"]


# The files of a commit, without any training.


def some_commit(epoch: int) -> Commit:
    weights = [np.full((3, 4), epoch, np.float32), np.arange(5, dtype=np.int64)]
    return Commit(
        epoch=epoch,
        batch=0,
        stopped=False,
        fingerprint={"config": "abc"},
        variables={"weights": weights, "optimizer": [np.zeros((), np.int32)], "seeds": []},
        callbacks={
            "History": {"epoch": list(range(epoch)), "history": {"loss": [0.1] * epoch}},
            "BestEpoch": {"weights": weights, "best": (0.1, float("inf"))},
            "Mine": {"table": {3: 0.05}, "nothing": None, "names": ["a", "b"], "on": True},
        },
    )


def as_text(commit: Commit) -> str:
    def plain(value: object) -> object:
        return [value.dtype.name, value.tolist()] if isinstance(value, np.ndarray) else repr(value)

    return json.dumps([vars(commit)], default=plain)


def test_a_commit_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_commit(tmp_path, some_commit(2))
    read = load_latest(tmp_path)
    assert read is not None
    assert as_text(read) == as_text(some_commit(2))
    assert read.callbacks["Mine"]["table"] == {3: 0.05}
    assert read.callbacks["BestEpoch"]["best"] == (0.1, float("inf"))
    assert read.history == {"loss": [0.1, 0.1]}


def test_bfloat16_weights_read_back_bit_for_bit(tmp_path: Path) -> None:
    import ml_dtypes

    weights = [np.linspace(0, 1, 6).astype(ml_dtypes.bfloat16).reshape(2, 3)]
    write_commit(tmp_path, Commit(1, 0, False, {}, {"weights": weights}))
    read = load_latest(tmp_path)
    assert read is not None
    (back,) = read.variables["weights"]
    assert (back.dtype, back.shape, back.tobytes()) == (
        weights[0].dtype,
        (2, 3),
        weights[0].tobytes(),
    )


def test_two_commits_are_kept_and_other_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for epoch in range(1, 5):
        write_commit(tmp_path, some_commit(epoch))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "commit-000003",
        "commit-000004",
        "thesis.txt",
    ]
    (tmp_path / "commit-000003" / "note.txt").write_text("mine, too")
    remove_commits(tmp_path)
    left = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.txt"))
    assert left == ["commit-000003/note.txt", "thesis.txt"]
    assert load_latest(tmp_path) is None


def test_commits_are_read_without_keras(tmp_path: Path) -> None:
    write_commit(tmp_path, some_commit(2))
    program = (
        "import sys; from pathlib import Path; from imgclf.runs.commits import load_latest; "
        "print(load_latest(Path(sys.argv[1])).epoch, 'keras' in sys.modules)"
    )
    run = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(run, capture_output=True, text=True).stdout == "2 False\n"


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [flip, lambda content: content[:-1], lambda content: b"", lambda content: content + b"x"],
    ids=["a flipped bit", "a byte short", "empty", "a byte too long"],
)
@pytest.mark.parametrize("which", ["state.json", "*.arrays"])
def test_damage_falls_back_to_the_commit_before(
    tmp_path: Path, which: str, spoil: Callable[[bytes], bytes]
) -> None:
    write_commit(tmp_path, some_commit(1))
    newest = write_commit(tmp_path, some_commit(2))
    for file in newest.glob(which):
        if which == "*.arrays" and not file.stat().st_size:
            continue  # of no arrays at all
        whole = file.read_bytes()
        file.write_bytes(spoil(whole))
        heard = listen()
        read = load_latest(tmp_path)
        assert read is not None
        assert (read.epoch, heard.text.count("\n")) == (1, 1)
        assert "commit-000002 is damaged" in heard.text
        file.write_bytes(whole)
    file.unlink()
    assert load_latest(tmp_path).epoch == 1  # type: ignore[union-attr]


def test_what_a_killed_commit_left_behind_is_ignored_and_removed(tmp_path: Path) -> None:
    model = small_model()
    folder = tmp_path / "run/state/.commit-000001.unfinished"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    assert load_latest(folder.parent) is None
    fit(tmp_path, "- TensorBoard: none", model, epochs=1)
    assert [entry.name for entry in folder.parent.iterdir()] == ["commit-000001"]


def test_a_full_disk_leaves_the_earlier_commit_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_commit(tmp_path, some_commit(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(WriteError, match="000002: no space"):
        patched.setattr("imgclf.runs.commits.os.fsync", full)
        write_commit(tmp_path, some_commit(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["commit-000001"]
    assert load_latest(tmp_path).epoch == 1  # type: ignore[union-attr]


def test_a_state_that_cannot_be_kept_is_refused_by_name(tmp_path: Path) -> None:
    commit = Commit(1, 0, False, {}, {}, {"Mine": {"file": tmp_path}})
    with pytest.raises(UsageError, match="state of Mine holds a PosixPath"):
        write_commit(tmp_path, commit)
    assert list(tmp_path.iterdir()) == []


def test_another_model_is_refused(tmp_path: Path) -> None:
    fit(tmp_path, "- TensorBoard: none", small_model(), epochs=1)
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    other.add(keras.layers.Dense(2))
    other.compile("adam", "mse")
    with pytest.raises(UsageError, match="of another model: its weights"):
        fit(tmp_path, "- TensorBoard: none", other, epochs=2)


def test_the_state_of_another_run_in_the_same_folder_is_not_used(
    tmp_path: Path, heard: Heard
) -> None:
    training, _ = sources()
    loaded = declare(tmp_path, f"- BackupAndRestore: {{backup_dir: {tmp_path}/backup}}")
    runs = [build_stack(declared(loaded, tmp_path / n), training) for n in "ab"]
    first, second = (stack.committed_state for stack in runs)
    assert first is not None and second is not None
    write_commit(tmp_path / "backup", Commit(1, 0, False, first.fingerprint, {}))
    assert latest_of_run(first.directory, "a") is not None
    assert latest_of_run(second.directory, "b") is None
    assert "the state of another run" in heard.text


def test_commits_are_removed_when_asked_and_not_before_the_end_is_confirmed(
    tmp_path: Path, heard: Heard
) -> None:
    callbacks = "- BackupAndRestore: {backup_dir: KEPT, delete_checkpoint: true}".replace(
        "KEPT", str(tmp_path / "backup")
    )
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup/thesis.txt").write_text("mine")
    stack = fit(tmp_path, callbacks, small_model(), epochs=1)
    assert stack.committed_state is not None
    assert load_latest(tmp_path / "backup") is not None
    stack.committed_state.finished()
    assert [entry.name for entry in (tmp_path / "backup").iterdir()] == ["thesis.txt"]
    assert heard.text.startswith("epoch 1/1")
