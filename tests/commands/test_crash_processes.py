"""Real processes: two at the same work, and what a signal leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from imgclf.commands.predict import predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import read_inputs
from imgclf.corrections.journal import read_journal
from imgclf.errors import BusyError
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.versions import versions
from imgclf.runs.commits import load_latest
from imgclf.system.lock import lock
from imgclf.system.signals import ended_by, raise_at_signals
from tests.support.trainings import leftovers

COMMAND = [sys.executable, "-m", "imgclf"]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(happens: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_locked(what: Path) -> bool:
    try:
        with lock(what):
            return False
    except BusyError:
        return True


@pytest.mark.slow
def test_of_two_trainings_one_works_and_sigterm_ends_it_in_good_order(trained: Trained) -> None:
    runs = Path("runs/pets")
    pets, here = Path.cwd().name, Path.cwd()
    os.chdir("..")
    options = ("--fresh", "--set", "training.epochs=900", "--replay-memory", "1MB")
    with started("-C", pets, "train", "pets.yaml", *options) as first:
        os.chdir(here)
        wait_for(lambda: len(list(runs.glob("*/state/commit-*"))) > 3)
        second = subprocess.run([*COMMAND, "train", "pets.yaml"], capture_output=True, text=True)
        assert second.returncode == 75
        assert "another imgclf is at work on runs/pets" in second.stderr
        first.send_signal(signal.SIGTERM)
        out, said = first.communicate(timeout=60)
    assert (first.returncode, out) == (143, "")
    assert "imgclf: terminated; what was trained is kept" in said
    go_on = f"imgclf -C {pets} train pets.yaml --set training.epochs=900 --replay-memory 1000000"
    assert f"to go on: {go_on}" in said
    assert "Traceback" not in said
    run = max(runs.iterdir())
    assert load_latest(run / "state") is not None
    assert leftovers() == []


@pytest.mark.slow
def test_of_two_retrainings_one_works_and_sigkill_leaves_no_lock(trained: Trained) -> None:
    old = trained.model.read_bytes()
    pictures = [str(path) for path in sorted(Path("new").rglob("*.jpg"))]
    answers = predict(open_classifier(trained.model), pictures)
    wrong = next(one.path for one in answers if one.label != Path(one.path).parent.name)
    arguments = ["retrain", wrong, "--label", Path(wrong).parent.name]
    with started(*arguments) as first:
        wait_for(lambda: is_locked(trained.model))
        first.send_signal(signal.SIGSTOP)  # it would be done in a second
        second = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
        first.kill()
        first.wait()
    assert second.returncode == 75
    assert "another imgclf is at work on models/pets.keras" in second.stderr
    assert not is_locked(trained.model)
    assert trained.model.read_bytes() == old


ENDS = pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)


@pytest.mark.slow
@ENDS
def test_a_retraining_that_is_ended_leaves_the_old_model_and_can_be_done_again(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: int,
    word: str,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    old = trained.model.read_bytes()
    with monkeypatch.context() as patched:
        patched.setenv("TMPDIR", str(temporary))
        with started("retrain", "new", "--unguarded") as process:
            wait_for(lambda: list(temporary.iterdir()))  # Keras loads the model
            process.send_signal(number)
            out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (status, "", f"imgclf: {word}\n")
    assert trained.model.read_bytes() == old
    assert read_journal(trained.model) == []
    assert [manifest.version for manifest in versions(trained.model)] == [1]
    assert leftovers() == list(temporary.iterdir()) == []
    assert not is_locked(trained.model)

    done = retrain(trained.model, read_inputs(["new"], None, []))
    assert (done.outcome, done.version) == ("corrected", 2)
    assert len(read_journal(trained.model)) == len(done.pictures) == 20


@pytest.mark.slow
@ENDS
def test_a_signal_that_a_library_swallowed_still_ends_a_retraining(
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: int,
    word: str,
) -> None:
    monkeypatch.setattr("imgclf.system.signals._raised", [])
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    old = trained.model.read_bytes()
    try:
        raise_at_signals()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt) as caught:
            retrain(trained.model, read_inputs(["new"], None, []))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    ended = ended_by(caught.value)
    assert (ended.exit_status, ended.message) == (status, word)
    assert trained.model.read_bytes() == old
    assert read_journal(trained.model) == []


@ENDS
def test_a_prediction_that_is_ended_leaves_the_old_rows(
    trained: Trained, number: signal.Signals, status: int, word: str
) -> None:
    rows = Path("rows.tsv")
    rows.write_text(old := "path\tlabel\tconfidence\terror\n")
    with started("predict", "-", "--output", "rows.tsv") as process:
        wait_for(lambda: list(Path().glob(".rows.*.tsv")))
        time.sleep(0.3)  # the file is there before what removes it at an interruption is
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (status, "", f"imgclf: {word}\n")
    assert rows.read_text() == old
    assert leftovers() == []
