"""`imgclf report`: the report of a training is made again, to the byte, of what was kept of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from imgclf.commands.report import report
from imgclf.commands.train import Trained, train
from imgclf.errors import UsageError
from imgclf.report import kept_facts
from imgclf.report.curves import curves_of
from imgclf.report.kept_facts import keep_facts, read_facts
from imgclf.report.run_facts import Answers, RunFacts, plain_history
from imgclf.runs.folder import Publication, RunFolder, RunRecord
from tests.support.command_line import imgclf, imported_by
from tests.support.heard import Heard
from tests.support.trainings import CONFIG

DAMAGED = r"runs/pets/.*/report\.msgpack is damaged: "


def written(run: RunFolder) -> dict[str, bytes]:
    """The page and the PNG files."""
    return {
        path.name: path.read_bytes()
        for path in (run.report, run.curves, run.confusion, run.calibration)
    }


def remove_written(run: RunFolder) -> None:
    for name in written(run):
        (run.path / name).unlink()


def unfinished(name: str, stamp: str) -> RunFolder:
    run = RunFolder(Path("runs", name, stamp))
    run.write(RunRecord(data_fingerprint="", command=f"imgclf train {name}.yaml"))
    return run


def test_it_is_the_same_to_the_byte_without_the_pictures_and_the_model(trained: Trained) -> None:
    before = written(trained.run)
    remove_written(trained.run)
    for folder in ("dataset", "models", "new", ".imgclf-cache"):
        shutil.rmtree(folder)
    made = report()
    assert made.path == trained.run.path
    assert written(made) == before


def test_names_that_are_no_text_are_the_same_too(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn / "dataset", "dataset")
    for path in Path("dataset").glob("*/*.jpg"):
        path.rename(path.with_name(os.fsdecode(b"\xff") + path.name))
    Path(os.fsdecode(b"dataset/cat/odd\xff.txt")).touch()
    Path("pets.yaml").write_text(CONFIG)
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    before = written(done.run)
    assert "dataset/cat/odd?.txt: not a picture" in before["report.html"].decode("utf-8")
    remove_written(done.run)
    assert written(report()) == before


def test_it_imports_neither_keras_nor_tensorflow(trained: Trained) -> None:
    remove_written(trained.run)
    assert not imported_by("report", "pets") & {"tensorflow", "keras", "pydantic"}
    assert trained.run.report.is_file()


def test_the_command_says_where_it_is(trained: Trained) -> None:
    folder = trained.run.path
    done = imgclf("report")
    assert (done.returncode, done.stdout) == (0, f"report: {folder}/report.html\n")
    charts = f"{folder}/curves.png, {folder}/confusion.png, {folder}/calibration.png"
    assert done.stderr == f"its charts: {charts}\n"


@pytest.mark.slow
def test_of_a_name_the_latest_finished_training_is_taken(trained: Trained) -> None:
    unfinished("pets", "2099-01-01T00-00-00")
    later = Path("runs/pets/2098-01-01T00-00-00")
    shutil.copytree(trained.run.path, later)
    assert report("pets").path == report().path == later
    assert report(str(trained.run.path)).path == trained.run.path
    # What it says of itself is what it said when the training ended.
    assert written(RunFolder(later)) == written(trained.run)


def test_a_folder_may_lie_anywhere(trained: Trained, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(trained.run.path, moved)
    before = written(RunFolder(moved))
    remove_written(RunFolder(moved))
    assert written(report(str(moved))) == before


def test_several_names_are_listed(trained: Trained) -> None:
    shutil.copytree("runs/pets", "runs/birds")
    unfinished("cars", "2099-01-01T00-00-00")
    with pytest.raises(UsageError) as caught:
        report()
    assert caught.value.message == "there are trainings of several names: birds, pets"
    assert caught.value.hint == "choose one: imgclf report birds"
    assert report("birds").path.parent == Path("runs/birds")


def test_what_is_no_finished_training_is_said(trained: Trained) -> None:
    with pytest.raises(UsageError, match=r"no training called pet in runs/; .*did you mean pets\?"):
        report("pet")
    with pytest.raises(UsageError, match=r"new is not a training's folder"):
        report("new")
    run = unfinished("cars", "2026-01-01T00-00-00")
    for wanted in ("cars", str(run.path)):
        with pytest.raises(UsageError, match=f"{run.path} is not finished") as caught:
            report(wanted)
        assert caught.value.hint == "to go on: imgclf train cars.yaml"
    shutil.rmtree("runs/pets")
    with pytest.raises(UsageError, match="no finished training in runs/"):
        report()


def test_a_run_of_an_earlier_version_says_what_to_do(trained: Trained) -> None:
    trained.run.report_facts.unlink()
    with pytest.raises(UsageError, match="it was trained by an earlier version") as caught:
        report()
    assert caught.value.hint == "to train it anew: imgclf train pets.yaml --fresh"
    assert trained.run.report.is_file()


def test_a_report_of_before_it_was_extended_is_not_taken_for_that_of_the_end(
    trained: Trained, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("imgclf.commands.report_training.gather_facts", stumble)
    done = train(Path("pets.yaml"), ["training.epochs=5"])
    assert done.run.path == trained.run.path
    assert "warning: no report: ZeroDivisionError: no such luck\n" in heard.text
    with pytest.raises(UsageError, match="of before the training was given more epochs"):
        report()


@pytest.mark.slow
def test_an_extended_training_keeps_what_it_came_to(trained: Trained) -> None:
    done = train(Path("pets.yaml"), ["training.epochs=5"])
    before = written(done.run)
    remove_written(done.run)
    assert written(report()) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xc0", b"\x93\x01\xc4\x00\xc4\x00"])
def test_what_is_no_kept_report_is_damaged(trained: Trained, content: bytes) -> None:
    before = written(trained.run)
    trained.run.report_facts.write_bytes(content)
    with pytest.raises(UsageError, match=DAMAGED) as caught:
        report()
    assert caught.value.hint == "to train it anew: imgclf train pets.yaml --fresh"
    assert written(trained.run) == before


def test_a_bit_that_has_turned_over_is_damage_wherever_it_is(trained: Trained) -> None:
    whole = trained.run.report_facts.read_bytes()
    random = np.random.default_rng(1)
    for position in [*range(12), *random.integers(0, len(whole), 60).tolist()]:
        content = bytearray(whole)
        content[position] ^= 1 << int(random.integers(8))
        trained.run.report_facts.write_bytes(content)
        with pytest.raises(UsageError):
            report()
    for length in random.integers(0, len(whole), 20).tolist():
        trained.run.report_facts.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=DAMAGED):
            report()


def test_what_is_no_file_or_too_large_is_not_read(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_facts, "_MOST_BYTES", 1000)
    with pytest.raises(UsageError, match=DAMAGED + r"it has \d+ bytes"):
        report()
    trained.run.report_facts.unlink()
    os.mkfifo(trained.run.report_facts)  # which would be waited for
    with pytest.raises(UsageError, match=r"report\.msgpack is no regular file"):
        report()


def test_what_a_newer_version_kept_is_not_guessed_at(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = read_facts(trained.run)
    with monkeypatch.context() as newer:
        newer.setattr(kept_facts, "FORMAT_VERSION", 2)
        keep_facts(facts, trained.run)
    with pytest.raises(UsageError, match=r"written by a newer imgclf \(format 2; .* up to 1\)"):
        report()


def test_what_does_not_go_together_is_no_report(trained: Trained) -> None:
    facts = read_facts(trained.run)
    answers, record = facts.answers, facts.record
    labels, probabilities = answers.labels(), answers.probabilities(2)

    def refused(because: str, **changes: Any) -> None:
        with pytest.raises(ValueError, match=because):
            RunFacts(**(msgspec.structs.asdict(facts) | changes))

    refused("no epoch", record=msgspec.structs.replace(record, published_epoch=5))
    refused("no epoch", record=msgspec.structs.replace(record, published_epoch=None))
    refused("on nothing", counts={})
    refused("don't go with", answers=Answers(b"", b""))
    refused("don't go with", answers=Answers.of(labels[1:], probabilities))
    refused("of no class", answers=Answers.of(labels + 1, probabilities))
    for wrong in (np.nan, np.inf, -0.1, 1.1):
        broken = probabilities.copy()
        broken[0, 0] = wrong
        refused("not between 0 and 1", answers=Answers.of(labels, broken))


def test_the_record_that_is_kept_is_that_of_the_run(trained: Trained) -> None:
    facts = read_facts(trained.run)
    assert facts.record == trained.run.read() == trained.record
    assert facts.record.publication == Publication(1, facts.manifest.created)
    assert len(facts.history["loss"]) == 4
    right = facts.answers.probabilities(2).argmax(axis=1) == facts.answers.labels()
    assert facts.record.scores is not None
    assert right.mean() == facts.record.scores.accuracy


def test_a_history_keeps_numbers_and_the_text_of_what_is_none() -> None:
    history = {"loss": [np.float32(0.5), float("nan")], "f1": [np.array([0.5, 1.0]), None]}
    kept = plain_history(history)
    assert str(kept) == "{'loss': [0.5, nan], 'f1': ['[0.5 1. ]', 'None']}"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept))["f1"] == kept["f1"]
    [loss] = curves_of(history, 1)
    assert (loss.title, str(loss.lines)) == ("loss", "{'training': [0.5, nan]}")
    assert curves_of(kept, 1)[0].lines["training"][0] == 0.5
