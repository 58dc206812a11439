"""Files where there is no room: the old one stays, and one message says which and how much."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.export import export
from imgclf.commands.export_target import Format
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained, train
from imgclf.commands.versions import rollback
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.replay_memory import load_memory, save_memory
from imgclf.data.cache import decode_all
from imgclf.data.decoder import DecoderSettings
from imgclf.data.folder import scan
from imgclf.errors import WriteError
from imgclf.model_file.versions import versions
from imgclf.runs.commits import load_latest
from imgclf.system.files import (
    atomic_folder,
    atomic_path,
    atomic_write,
    atomic_write_bytes,
    open_output,
)
from tests.support.tiny_training import Script, run
from tests.support.trainings import CONFIG, STACK, is_whole, leftovers, log, weights

PETS = Path("pets.yaml")


def set_limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """What a full disk is to a process: no file can grow beyond so many bytes."""
    set_limit(size)
    try:
        yield
    finally:
        set_limit(resource.RLIM_INFINITY)


def test_it_is_said_how_much_is_missing_and_the_old_file_stays(in_folder: Path) -> None:
    target = Path("notes.txt")
    target.write_text("old")
    with files_up_to(1000), pytest.raises(WriteError) as caught:
        atomic_write_bytes(target, b"x" * 5000)
    assert str(caught.value) == (
        "can't write notes.txt: the limit for the size of a file is reached "
        "(it takes 5000 bytes, of which 4000 bytes are missing)\nnotes.txt is as it was"
    )
    assert target.read_text() == "old"
    assert leftovers() == []


def test_of_a_file_of_unknown_size_it_is_said_how_far_it_came(in_folder: Path) -> None:
    def write(stream: Any) -> None:
        for _ in range(50):
            stream.write(b"x" * 100)
            stream.flush()

    with files_up_to(1000), pytest.raises(WriteError, match=r"new\.txt: .* \(after 1000 bytes\)$"):
        atomic_write(Path("new.txt"), write)
    assert list(Path().iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_written(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")._replace(free=300)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(WriteError, match=r"no space is left on the disk .* of which 700 "):
        atomic_write_bytes(Path("new.txt"), b"x" * 1000)


def test_a_file_that_others_remove_meanwhile_is_written_all_the_same(in_folder: Path) -> None:
    target = in_folder / "notes.txt"
    done = threading.Event()

    def make_and_remove() -> None:
        while not done.is_set():
            target.touch()
            target.unlink(missing_ok=True)

    other = threading.Thread(target=make_and_remove)
    other.start()
    try:
        for _ in range(500):
            atomic_write_bytes(target, b"new")
    finally:
        done.set()
        other.join()


def test_a_link_to_itself_is_replaced(in_folder: Path) -> None:
    target = in_folder / "notes.txt"
    target.symlink_to(target.name)
    atomic_write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_folder_is_written_whole_or_not_at_all(in_folder: Path) -> None:
    target = Path("network")
    with (
        files_up_to(1000),
        pytest.raises(WriteError, match="write network: "),
        atomic_folder(target) as folder,
    ):
        (folder / "small").write_bytes(b"x" * 10)
        (folder / "large").write_bytes(b"x" * 5000)
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_leave_to_write_is_named(in_folder: Path) -> None:
    Path("closed").mkdir(mode=0o500)
    with pytest.raises(WriteError, match=r"can't write closed/new\.txt: Permission denied"):
        atomic_write_bytes(Path("closed/new.txt"), b"")


def test_a_file_in_the_place_of_a_folder_is_named(in_folder: Path) -> None:
    Path("place").write_text("a file")
    with pytest.raises(WriteError, match=r"can't write place/new\.txt: Not a directory"):
        atomic_write_bytes(Path("place/new.txt"), b"")


def test_other_errors_stay_what_they_are(in_folder: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(Path("new")) as temporary:
        shutil.copyfile("gone", temporary)
    with pytest.raises(ZeroDivisionError), atomic_path(Path("new")):
        raise ZeroDivisionError
    assert list(Path().iterdir()) == []


class Limit(keras.callbacks.Callback):
    """Fills the disk at the end of the second epoch; stands before the stack."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            set_limit(self._size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("callbacks", "size", "names"),
    [
        ("- TensorBoard: none", 100, "training.csv"),
        ("- CSVLogger: none", 100, "tensorboard"),
        ("- TensorBoard: none\n- CSVLogger: none", 5000, "best.keras"),
        (
            "- TensorBoard: none\n- CSVLogger: none\n- ModelCheckpoint: "
            "{filepath: 'w/{epoch}.weights.h5', save_weights_only: true}",
            300,
            "2.weights.h5",
        ),
        ("- TensorBoard: none\n- CSVLogger: none\n- ModelCheckpoint: none", 300, "commit-000002"),
    ],
)
def test_what_a_training_could_not_write_is_named_and_the_commit_before_is_whole(
    in_folder: Path, callbacks: str, size: int, names: str, capfd: pytest.CaptureFixture[str]
) -> None:
    better = {"val_accuracy": [0.1, 0.2, 0.3, 0.4], "val_loss": [0.4, 0.3, 0.2, 0.1]}
    try:
        with pytest.raises(WriteError, match=f"{names}: the limit for the size"):
            run(in_folder, callbacks, first=[Script(**better), Limit(size)])
    finally:
        set_limit(resource.RLIM_INFINITY)
    commit = load_latest(in_folder / "run/state")
    assert commit is not None and commit.epoch == 1
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_training_that_finds_the_disk_full_again_and_again_ends_the_same(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    PETS.write_text(CONFIG + STACK)
    whole = train(PETS)
    expected = (log(whole), weights(whole.model), whole.record.scores)
    for folder in ("runs", "models"):
        shutil.rmtree(folder)
    for size, name in (
        (700, "config.resolved.yaml"),
        (3_000, "tensorboard"),
        (30_000, "checkpoints/best.keras"),
        (100_000, "models/pets.history/memory.npz"),
    ):
        with files_up_to(size), pytest.raises(WriteError, match=f"{name}: the limit"):
            train(PETS)
    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(WriteError, match="temporary files: there is no"),
    ):
        patched.setattr("tempfile.tempdir", None)
        patched.setattr("tempfile._candidate_tempdir_list", list)
        train(PETS)
    done = train(PETS)
    assert (log(done), done.record.scores) == (expected[0], expected[2])
    for ours, others in zip(weights(done.model), expected[1], strict=True):
        np.testing.assert_array_equal(ours, others)
    assert [manifest.version for manifest in versions(done.model)] == [1]
    assert leftovers() == []


def test_the_cache_is_named_with_what_it_takes(trained: Trained) -> None:
    folder = scan(Path("dataset"), 0.2, 123)
    settings = DecoderSettings(64, 64, "stretch")
    with files_up_to(100_000), pytest.raises(WriteError, match=r"imgclf-cache.*it takes 589824 "):
        decode_all(folder.training, settings)
    assert leftovers() == []


def test_the_replay_memory_is_named_with_what_it_takes_and_the_old_one_stays(
    trained: Trained,
) -> None:
    memory = load_memory(trained.model)
    assert memory is not None
    old = Path("models/pets.history/memory.npz").read_bytes()
    says = r"pets\.history/memory\.npz: .* \(it takes 187704 bytes, of which 87704 bytes are"
    with files_up_to(100_000), pytest.raises(WriteError, match=says):
        save_memory(trained.model, memory)
    assert Path("models/pets.history/memory.npz").read_bytes() == old
    assert leftovers() == []


@pytest.mark.slow
def test_commands_on_a_full_disk_leave_everything_as_it_was(trained: Trained) -> None:
    old = trained.model.read_bytes()
    pictures = [Labelled(path, path.parent.name) for path in sorted(Path("new").rglob("*.jpg"))]
    with files_up_to(100), pytest.raises(WriteError):
        retrain(trained.model, pictures)
    with files_up_to(20_000), pytest.raises(WriteError):
        retrain(trained.model, pictures)
    assert trained.model.read_bytes() == old and is_whole(trained.model)
    train(PETS, ["training.publish=last"])
    new = trained.model.read_bytes()
    with files_up_to(1000), pytest.raises(WriteError, match=r"pets\.keras: .* are missing"):
        rollback(trained.model, 1)
    assert trained.model.read_bytes() == new
    export(trained.model, "litert")  # for nothing else may be replaced
    Path("pets.tflite").write_text("old")
    with files_up_to(4000), pytest.raises(WriteError, match="write temporary files: "):
        export(trained.model, "litert")
    Path("rows.tsv").write_text("old")
    with (
        files_up_to(1000),
        pytest.raises(WriteError, match=r"write rows\.tsv: "),
        open_output(Path("rows.tsv")) as stream,
    ):
        stream.write("row\n" * 1000)
    assert Path("pets.tflite").read_text() == Path("rows.tsv").read_text() == "old"
    assert leftovers() == []


@pytest.mark.parametrize(
    ("form", "quantize", "size", "says"),
    [
        ("saved_model", None, 1_000, "can't write temporary files: the limit"),
        ("saved_model", None, 40_000, "can't write pets_saved_model: the limit"),
        ("litert", "int8", 40_000, "can't write temporary files: the limit"),
        ("onnx", None, 10_000, "can't write temporary files: the limit"),
    ],
)
def test_an_export_on_a_full_disk_says_so_and_leaves_nothing(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Format,
    quantize: Literal["int8"] | None,
    size: int,
    says: str,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    before = sorted(path.name for path in Path().iterdir())
    with files_up_to(size), pytest.raises(WriteError, match=says):
        export(trained.model, form, quantize=quantize)
    assert sorted(path.name for path in Path().iterdir()) == before
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ("predict new new new new new --output rows.tsv", "can't write rows.tsv"),
        ("predict new > /dev/full", "can't write standard output"),
        ("history > /dev/full", "standard output"),
    ],
)
def test_a_full_disk_is_one_message_and_status_2(
    trained: Trained, arguments: str, place: str
) -> None:
    command = f"ulimit -f 1; {sys.executable} -m imgclf {arguments}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith(f"imgclf: {place}: ")
    assert len(done.stderr.splitlines()) == 1
    assert not Path("rows.tsv").exists()
