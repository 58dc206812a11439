"""Killed at any step towards the disk: the old file or the new one, whole, and nothing lost.

These are samples and short commands; `python -m benchmarks.crash` kills at every step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from imgclf.commands.export import export
from imgclf.commands.export_target import Format
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import Trained, train
from imgclf.commands.versions import rollback
from imgclf.corrections.inputs import Labelled
from imgclf.corrections.journal import read_journal
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.lookup import find_model
from imgclf.model_file.versions import versions
from imgclf.runs.commits import load_latest
from imgclf.system.files import (
    atomic_folder,
    atomic_path,
    atomic_write_text,
    open_output,
    temporary_files,
)
from tests.support.dying_disk import Died, dying_disk
from tests.support.trainings import (
    CONFIG,
    STACK,
    is_whole,
    leftovers,
    log,
    published_in_one_piece,
    weights,
)

PETS = Path("pets.yaml")


def at_every_step(run: Callable[[], object], check: Callable[[], object]) -> int:
    """Dies at the first step, at the second and so on, until a run survives; checks after each.

    Returns:
        How often it died.
    """
    for number in range(1, 1000):
        with dying_disk(number) as disk, suppress(Died):
            run()
        check()
        if not disk.dead:
            return number - 1
    raise AssertionError("it never survived")


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_as_if_nothing_had_happened(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    PETS.write_text(CONFIG + STACK)
    whole = train(PETS)
    expected = (log(whole), weights(whole.model), whole.record.scores)
    expected_history = load_latest(whole.run.path / "state").history  # type: ignore[union-attr]
    shutil.rmtree("runs")
    shutil.rmtree("models")

    for last_step in (
        "rename state/commit-000001",
        "open .commit-000002.unfinished/state.json",
        "write 20",  # into training.csv, or a file beside it
        "unlink commit-000001/state.json",
        "replace models/pets.keras",
        "replace pets.history/memory.npz",
    ):
        with dying_disk(last_step) as disk, pytest.raises(Died):
            train(PETS)
        assert disk.dead
    done = train(PETS)
    assert done.outcome == "resumed"
    assert done.record.seconds is not None
    assert done.record.seconds > done.seconds, "what it took before counts"
    assert (log(done), done.record.scores) == (expected[0], expected[2])
    assert load_latest(done.run.path / "state").history == expected_history  # type: ignore[union-attr]
    for ours, others in zip(weights(done.model), expected[1], strict=True):
        assert ours.tobytes() == others.tobytes()
    assert [manifest.version for manifest in versions(done.model)] == [1]
    assert leftovers() == []


@pytest.mark.slow
def test_an_extension_that_is_killed_is_not_forgotten(trained: Trained) -> None:
    longer = ["training.epochs=5"]
    for last_step in (f"replace {trained.run.path.name}/config.resolved.yaml", "fsync"):
        with dying_disk(last_step), pytest.raises(Died):
            train(PETS, longer)
    done = train(PETS, longer)
    assert (done.outcome, done.record.epochs_run) == ("resumed", 5)
    assert read_manifest(done.model).version == 2


@pytest.fixture
def corrected(trained: Trained) -> Trained:
    """A model with an earlier version to go back to."""
    versions_folder = Path("models/pets.history/versions")
    versions_folder.mkdir(parents=True, exist_ok=True)
    with ModelArchive(trained.model) as archive:
        assert archive.manifest().version == 1
    train(PETS, ["training.publish=last"])
    return trained


def test_a_rollback_killed_at_any_step_leaves_one_of_the_two_versions(corrected: Trained) -> None:
    new = corrected.model.read_bytes()
    old = Path("models/pets.history/versions/0001.keras").read_bytes()

    def check() -> None:
        assert corrected.model.read_bytes() in (new, old)
        assert find_model(None, None) == corrected.model
        assert [manifest.version for manifest in versions(corrected.model)] == [1, 2]

    def run() -> None:
        if read_manifest(corrected.model).version == 2:
            rollback(corrected.model, 1)

    assert at_every_step(run, check) >= 5
    assert corrected.model.read_bytes() == old
    assert leftovers() == []


def test_an_export_killed_at_any_step_leaves_the_old_file_or_the_new_one(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model in one piece, whose graph is copied, so that it is the same to the byte."""
    published_in_one_piece(monkeypatch)
    target = Path("pets.tflite")
    export(trained.model, "litert", output=target)
    new, old = target.read_bytes(), b"the old file"
    target.write_bytes(old)

    def check() -> None:
        assert target.read_bytes() in (old, new)

    deaths = at_every_step(lambda: export(trained.model, "litert", output=target), check)
    assert deaths >= 5
    assert target.read_bytes() == new
    assert leftovers() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "quantize", "name", "last_step"),
    [
        ("litert", "int8", "pets.int8.tflite", "replace pets.int8.tflite"),
        ("onnx", None, "pets.onnx", "write work/.pets."),
        ("saved_model", None, "pets_saved_model", "rmdir pets_saved_model"),
    ],
)
def test_exports_that_are_killed_leave_the_old_or_the_new_and_nothing_else(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Format,
    quantize: Literal["int8"] | None,
    name: str,
    last_step: str,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    target = Path(name)
    if form == "saved_model":
        target.mkdir()
        target = target / "saved_model.pb"
    else:  # which only an export may replace
        export(trained.model, form, quantize=quantize)
    target.write_bytes(b"old")
    with dying_disk("write imgclf/features.tflite"), pytest.raises(Died):  # while Keras unpacks it
        export(trained.model, form, quantize=quantize)
    assert target.read_bytes() == b"old"
    assert [*(tmp_path / "tmp").iterdir()] != []

    with dying_disk(last_step) as disk, suppress(Died):
        export(trained.model, form, quantize=quantize)
    assert disk.dead == (form != "saved_model")
    if disk.dead:
        assert target.read_bytes() == b"old"
        export(trained.model, form, quantize=quantize)
    assert target.stat().st_size > 1000
    assert [*(tmp_path / "tmp").iterdir()] == leftovers() == []


def test_rows_killed_at_any_step_leave_the_old_file_or_the_new_one(in_folder: Path) -> None:
    target = Path("rows.tsv")
    target.write_text("old\n")

    def run() -> None:
        with open_output(target) as stream:
            for row in range(3):
                stream.write(f"row {row}\n")
                stream.flush()

    def check() -> None:
        assert target.read_text() in ("old\n", "row 0\nrow 1\nrow 2\n")

    assert at_every_step(run, check) >= 6
    assert target.read_text().startswith("row 0")
    assert leftovers() == []


def test_a_folder_killed_at_any_step_is_the_old_one_or_the_new_one(in_folder: Path) -> None:
    target = Path("network")
    old, new = {"graph": b"old", "weights/0": b"old"}, {"graph": b"new", "weights/1": b"new"}

    def fill(folder: Path, content: dict[str, bytes]) -> None:
        for name, written in content.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(written)

    def run() -> None:
        with atomic_folder(target, replace=True) as folder:
            fill(folder, new)

    def check() -> None:
        files = [path for path in target.rglob("*") if path.is_file()]
        assert {str(path.relative_to(target)): path.read_bytes() for path in files} in (old, new)

    fill(target, old)
    assert at_every_step(run, check) >= 12
    assert {path.name for path in target.rglob("*")} == {"graph", "weights", "1"}
    assert leftovers() == []


def test_temporary_files_of_a_killed_process_are_removed_by_the_next(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(in_folder))

    def run() -> None:
        with temporary_files() as folder:
            for _ in range(2):
                Path(tempfile.mkdtemp(), "left behind").write_text("")
            assert len(list(folder.rglob("left behind"))) == 2
            with temporary_files() as inner:
                assert inner.parent == folder
        assert tempfile.gettempdir() == str(in_folder)

    def check() -> None:
        assert len(list(in_folder.iterdir())) <= 2

    os.mkfifo("imgclf-aaaaaaaa.tmp")  # somebody's, which opening would wait for
    assert at_every_step(run, check) >= 5
    assert list(in_folder.iterdir()) == []


def test_a_retraining_killed_at_any_step_leaves_one_of_the_two_versions(trained: Trained) -> None:
    old = trained.model.read_bytes()
    rows = predict(open_classifier(trained.model), find_inputs(["new"], []))
    wrong = next(Path(row.path) for row in rows if row.label != Path(row.path).parent.name)

    def check() -> None:
        in_use = trained.model.read_bytes()
        if in_use != old:
            assert is_whole(trained.model)
            assert [one.label for one in read_manifest(trained.model).corrections] == [label]
        assert [manifest.version for manifest in versions(trained.model)] == (
            [1] if in_use == old else [1, 2]
        )

    label = wrong.parent.name
    deaths = at_every_step(lambda: retrain(trained.model, [Labelled(wrong, label)]), check)
    assert deaths >= 40
    assert read_manifest(trained.model).version == 2
    [entry] = read_journal(trained.model)
    assert (entry.label, entry.outcome, entry.version) == (label, "corrected", 2)
    assert leftovers() == []


@pytest.mark.slow
def test_a_retraining_in_keras_killed_leaves_one_of_the_two_versions(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.corrections.learners.split_learner", lambda *_: None)
    old = trained.model.read_bytes()
    pictures = [Labelled(path, path.parent.name) for path in sorted(Path("new").rglob("*.jpg"))]
    for last_step in ("fsync", "link", "replace models/pets.keras"):
        with dying_disk(last_step) as disk, pytest.raises(Died):
            retrain(trained.model, pictures)
        assert disk.dead
        assert trained.model.read_bytes() == old
        assert [manifest.version for manifest in versions(trained.model)] == [1]
    assert retrain(trained.model, pictures).outcome == "corrected"
    assert is_whole(trained.model)


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    in_folder: Path,
) -> None:
    target = Path("notes.txt")
    dead = [Path(".notes.abcdefgh.tmp.txt"), Path(".notes.abcdefgh.tmp.weights.h5")]
    for path in dead:
        path.write_text("half")
    with atomic_path(target) as living:
        living.write_text("first")
        assert not any(path.exists() for path in dead)
        atomic_write_text(target, "second")
        assert living.exists()
    assert target.read_text() == "first"
    assert leftovers() == []
