"""`imgclf runs`: the trainings so far, side by side."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from imgclf.commands.runs import runs
from imgclf.commands.train import Trained, train
from imgclf.config.load import load_config
from imgclf.errors import ConfigError, UsageError, WriteError
from imgclf.model.scores import Scores
from imgclf.report.runs import runs_table
from imgclf.runs.folder import Publication, RunFolder, RunRecord, failure_noted
from imgclf.runs.summary import Run
from imgclf.system.lock import lock
from tests.support.command_line import imgclf, imported_by
from tests.support.trainings import CONFIG

HEADER = "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n"


def write_run(
    stamp: str, log: str = "", *, accuracy: float | None = None, name: str = "pets"
) -> Path:
    """A training as its folder tells it; finished if it has an accuracy."""
    folder = RunFolder(Path("runs", name, stamp))
    record = RunRecord(data_fingerprint="", command=f"imgclf train {name}.yaml")
    if accuracy is not None:
        record = RunRecord(
            status="finished",
            data_fingerprint="",
            epochs_run=2,
            seconds=61.4,
            published_epoch=1,
            scores=Scores(accuracy, {}, 100),
            model=f"models/{name}.keras",
            publication=Publication(3, ""),
        )
    folder.write(record)
    if log:
        folder.log.write_text(log)
    return folder.path


def names(found: list[Run]) -> list[str]:
    return [Path(run.path).name for run in found]


def test_a_finished_training_is_told_as_it_was(trained: Trained) -> None:
    [run] = runs()
    record = trained.record
    assert record.scores is not None
    assert record.published_epoch is not None
    with trained.run.log.open() as file:
        row = list(csv.DictReader(file))[record.published_epoch - 1]
    assert run.scores == {
        "accuracy": record.scores.accuracy,
        "balanced_accuracy": record.scores.balanced_accuracy,
        "macro_f1": record.scores.macro_f1,
        "loss": float(row["val_loss"]),
        "training_accuracy": float(row["accuracy"]),
        "training_loss": float(row["loss"]),
    }
    assert (run.name, run.path, run.status) == ("pets", str(trained.run.path), "finished")
    assert (run.epochs, run.epochs_run, run.epoch) == (4, 4, record.published_epoch)
    assert (run.model, run.version) == ("models/pets.keras", 1)
    assert (run.seconds, run.error) == (trained.seconds, None)
    assert run.started is not None
    assert run.started.replace(":", "-") == trained.run.path.name
    assert run.command == "imgclf train pets.yaml"


def test_the_best_comes_first_and_what_has_no_score_last(in_folder: Path) -> None:
    write_run("2026-01-01T00-00-01", HEADER + "0,.5,.1,.9,.6,.3\n", accuracy=0.6)
    write_run("2026-01-01T00-00-02", HEADER + "0,.5,.1,.9,.8,.5\n", accuracy=0.8)
    write_run("2026-01-01T00-00-03", HEADER + "0,.5,.1,.9,.7,.2\n1,.5,.1,.9,.1,.1\n")
    write_run("2026-01-01T00-00-04")
    write_run("2026-01-01T00-00-05")
    assert [stamp[-1] for stamp in names(runs())] == ["2", "3", "1", "5", "4"]
    # The unfinished one by the epoch that would be published now, which is its first.
    assert [stamp[-1] for stamp in names(runs(by="loss"))] == ["3", "1", "2", "5", "4"]
    assert runs(by="val_loss") == runs(by="loss")


def test_another_metric_is_sorted_in_its_own_direction(in_folder: Path) -> None:
    metrics = "training: {metrics: [accuracy, MeanAbsoluteError, AUC]}\n"
    for number, error, auc in ((1, 0.3, 0.7), (2, 0.1, 0.6), (3, 0.2, 0.8)):
        log = f"epoch,val_accuracy,val_auc,val_mean_absolute_error\n0,.5,{auc},{error}\n"
        folder = write_run(f"2026-01-01T00-00-0{number}", log)
        text = CONFIG.replace("training: {epochs: 4}\n", metrics)
        (folder / "config.resolved.yaml").write_text(text)
    assert [stamp[-1] for stamp in names(runs(by="mean_absolute_error"))] == ["2", "3", "1"]
    assert [stamp[-1] for stamp in names(runs(by="auc"))] == ["3", "1", "2"]


def test_the_newest_is_running_while_a_process_holds_the_lock(in_folder: Path) -> None:
    write_run("2026-01-01T00-00-01")
    write_run("2026-01-01T00-00-02", name="birds")
    write_run("2026-01-01T00-00-03")
    with lock(Path("runs/pets")):
        assert {run.path[-1]: run.status for run in runs()} == {
            "1": "interrupted",
            "2": "interrupted",
            "3": "running",
        }
    assert {run.status for run in runs()} == {"interrupted"}
    with lock(Path("runs/pets")):  # looking did not take it
        pass


def test_an_interrupted_training_counts_the_rows_that_are_whole(in_folder: Path) -> None:
    write_run("2026-01-01T00-00-01", HEADER + "0,.5,.1,.9,.6,.3\n1,.5,.1,.9,.7,NA\n2,.5,.1,.9,.9")
    [run] = runs()
    assert (run.epochs_run, run.epoch) == (2, 2)
    assert run.scores == {"accuracy": 0.7, "training_accuracy": 0.5, "training_loss": 0.9}


def test_a_log_with_another_separator_is_read(in_folder: Path) -> None:
    write_run("2026-01-01T00-00-01", "epoch;val_accuracy\n0;0.625\n")
    assert runs()[0].scores == {"accuracy": 0.625}


@pytest.mark.parametrize(
    ("file", "content", "status", "error"),
    [
        ("run.json", b"{", "damaged", "its run.json can't be read"),
        ("run.json", b'{"status": "lost"}', "damaged", "its run.json can't be read"),
        ("run.json", b'{"command": "\xff"}', "damaged", "its run.json can't be read"),
        ("run.json", b"[" * 100_000, "damaged", "its run.json can't be read"),
        ("run.json", b" " * (1 << 24) + b"{}", "damaged", "its run.json can't be read"),
        (
            "run.json",
            b'{"data_fingerprint": "", "settled": {"precision": "float32", "batch_size": 0}}',
            "damaged",
            "its run.json can't be read",
        ),
        ("config.resolved.yaml", b"", "interrupted", None),
        ("config.resolved.yaml", b"\xff", "interrupted", None),
        ("config.resolved.yaml", b"- a", "interrupted", None),
        ("config.resolved.yaml", b"training: 7", "interrupted", None),
        ("config.resolved.yaml", b"training: {epochs: " + b"9" * 5000 + b"}", "interrupted", None),
        ("config.resolved.yaml", b"training: !!python/name:os.system", "interrupted", None),
        ("config.resolved.yaml", b"[" * 10_000, "interrupted", None),
        ("config.resolved.yaml", b"#" * (1 << 19), "interrupted", None),
        ("training.csv", b"\xff\xfe", "interrupted", "its training.csv can't be read"),
        ("training.csv", b"nonsense\n", "interrupted", "its training.csv is no log"),
        ("training.csv", b"epoch\n", "interrupted", "its training.csv is no log"),
        ("training.csv", b"epoch,loss\n0,1\nx,1\n", "interrupted", "damaged after epoch 1"),
        (
            "training.csv",
            b'epoch,loss\n0,1\n1,"' + b"1" * 200_000 + b"\n",
            "interrupted",
            "after epoch 1",
        ),
        ("training.csv", b"", "interrupted", None),
    ],
)
def test_damage_is_named_and_hides_no_other_training(
    in_folder: Path, file: str, content: bytes, status: str, error: str | None
) -> None:
    damaged = write_run("2026-01-01T00-00-01")
    write_run("2026-01-01T00-00-02", accuracy=0.5)
    (damaged / file).write_bytes(content)
    whole, other = runs()
    assert (whole.status, whole.error) == ("finished", None)
    assert other.status == status
    assert error in other.error if error else other.error is None  # type: ignore[operator]


@pytest.mark.parametrize("file", ["run.json", "config.resolved.yaml", "training.csv"])
def test_a_pipe_among_the_files_of_a_run_is_not_waited_for(in_folder: Path, file: str) -> None:
    run = write_run("2026-01-01T00-00-01", "epoch,val_accuracy\n0,1\n")
    (run / file).unlink(missing_ok=True)
    os.mkfifo(run / file)
    assert len(runs()) == 1


def test_names_and_scores_that_are_not_there_are_said_with_the_nearest(in_folder: Path) -> None:
    assert runs() == []
    with pytest.raises(UsageError, match=r"no training called pets in runs/$"):
        runs("pets")
    write_run("2026-01-01T00-00-01", accuracy=0.5)
    write_run("2026-01-01T00-00-02", accuracy=0.6, name="birds")
    assert names(runs("pets")) == ["2026-01-01T00-00-01"]
    with pytest.raises(UsageError, match=r"there are birds, pets; did you mean pets\?"):
        runs("pet")
    with pytest.raises(UsageError, match=r"there are accuracy; did you mean accuracy\?"):
        runs(by="acuracy")


def test_the_table_says_it_in_columns(in_folder: Path) -> None:
    write_run("2026-01-01T00-00-01", HEADER + "0,.5,.1,.9,.6,.3\n", accuracy=0.6)
    write_run("2026-01-01T00-00-02", HEADER + "0,.5,.1,.9,.7,.25\n")
    write_run("2026-01-01T00-00-03")
    assert runs_table(runs(by="training_loss"), "training_loss") == (
        "training_loss  accuracy    loss  epoch  status       seconds  model   run"
        "                            accuracy-95%\n"
        "       0.9000    0.7000  0.2500    1/1  interrupted        -  -       "
        "runs/pets/2026-01-01T00-00-02  -\n"
        "       0.9000    0.6000  0.3000    1/2  finished          61  pets 3  "
        "runs/pets/2026-01-01T00-00-01  0.502-0.691\n"
        "            -         -       -      -  interrupted        -  -       "
        "runs/pets/2026-01-01T00-00-03  -"
    )


def differing(changes: dict[str, str], pictures: dict[str, str] | None = None) -> list[Run]:
    """Runs whose configs differ by the line with the epochs, by the end of their names."""
    for stamp, text in changes.items():
        folder = write_run(f"2026-01-01T00-00-{stamp}", accuracy=0.5 + int(stamp) / 100)
        config = CONFIG.replace("training: {epochs: 4}\n", text)
        assert config != CONFIG
        Path("pets.yaml").write_text(config)
        (folder / "config.resolved.yaml").write_text(load_config(Path("pets.yaml")).resolved_yaml())
        if pictures:
            run = RunFolder(folder)
            record = run.read()
            assert record is not None
            run.write(msgspec.structs.replace(record, data_fingerprint=pictures[stamp]))
    return runs()


def test_what_differs_between_trainings_of_one_name_is_said(in_folder: Path) -> None:
    found = differing(
        {
            "01": "training: {epochs: 4, optimizer: sgd}\n",
            "02": "training: {epochs: 5}\ncallbacks: [{EarlyStopping: {patience: 3}}]\n",
            "03": "training: {epochs: 5, publish: last}\n",
        },
        {"01": "aaaaaaaaaaaa", "02": "bbbbbbbbbbbb", "03": "aaaaaaaaaaaa"},
    )
    write_run("2026-01-01T00-00-09", name="birds", accuracy=0.1)
    third, second, first = found
    assert first.differs == {
        "training.epochs": 4,
        "training.optimizer": "SGD",
        "training.publish": "best",
        "pictures": "aaaaaa",
    }
    assert second.differs == {
        "training.epochs": 5,
        "training.optimizer": "Adam",
        "training.publish": "best",
        "callbacks.EarlyStopping": "EarlyStopping",
        "callbacks.EarlyStopping.patience": 3,
        "pictures": "bbbbbb",
    }
    rows = runs_table(runs(), "accuracy").splitlines()
    assert rows[0].endswith("run                             accuracy-95%  differs in")
    assert rows[1].endswith(
        "  0.433-0.625   pictures=aaaaaa training.epochs=5 training.optimizer=Adam "
        "training.publish=last"
    )
    assert rows[2].endswith("training.optimizer=Adam training.publish=best and 2 more")
    assert rows[4].endswith("runs/birds/2026-01-01T00-00-09  0.055-0.174   -")
    assert third.differs["training.publish"] == "last"


def test_what_makes_no_difference_is_not_said_and_damage_hides_none(in_folder: Path) -> None:
    same = "training: {epochs: 4}\n"
    found = differing({"01": same + "name: pets\n", "02": f"{same}# by hand\n"})
    assert [run.differs for run in found] == [{}, {}]
    assert "differs" not in runs_table(found, "accuracy")
    found = differing({"03": "training: {epochs: 9}\n"})
    Path(found[-1].path, "config.resolved.yaml").write_bytes(b"\xff")
    assert [run.differs for run in runs()] == [
        {"training.epochs": 9},
        {"training.epochs": 4},
        {},
    ]


def test_a_training_that_an_error_ended_has_failed_and_says_why(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn / "dataset", "dataset")
    Path("pets.yaml").write_text(CONFIG.replace("Dropout: 0.1", "MaxPooling2D: 400"))
    with pytest.raises(ConfigError, match="can't follow the layers before it"):
        train(Path("pets.yaml"))
    [run] = runs()
    assert run.status == "failed"
    assert run.failure is not None
    assert "MaxPooling2D can't follow the layers before it" in run.failure
    assert "\n" not in run.failure
    with lock(Path("runs/pets")):
        assert [run.status for run in runs()] == ["running"]


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), WriteError("can't write it: no space")])
def test_what_was_stopped_is_interrupted_and_no_record_is_lost_on_a_full_disk(
    in_folder: Path, stopped: BaseException
) -> None:
    run = RunFolder(write_run("2026-01-01T00-00-01"))
    before = run.read()
    with pytest.raises(type(stopped)), failure_noted(run):
        raise stopped
    if isinstance(stopped, KeyboardInterrupt):
        assert run.read() == before
        assert runs()[0].status == "interrupted"
    else:
        assert runs()[0].failure == "can't write it: no space"


@pytest.mark.slow
def test_the_command_prints_rows_and_says_how_to_overlay_the_curves(trained: Trained) -> None:
    done = imgclf("runs")
    assert done.returncode == 0
    assert done.stdout == runs_table(runs(), "accuracy") + "\n"
    assert done.stderr == "their curves together: tensorboard --logdir runs\n"
    [run] = json.loads(imgclf("runs", "pets", "--by", "val_loss", "--json").stdout)
    assert run["path"] == str(trained.run.path)
    assert run["scores"]["loss"] > 0
    here = Path.cwd()
    done = imgclf("-C", str(here), "runs", "pets")
    assert done.stderr == f"their curves together: tensorboard --logdir {here}/runs/pets\n"


def test_the_command_names_the_damaged_and_ends_with_status_4(in_folder: Path) -> None:
    folder = write_run("2026-01-01T00-00-01")
    (folder / "run.json").write_text("")
    done = imgclf("runs")
    assert done.returncode == 4
    assert done.stderr == f"warning: {folder}: its run.json can't be read\n"
    assert len(done.stdout.splitlines()) == 2


def test_the_command_says_when_there_is_nothing_yet(in_folder: Path) -> None:
    done = imgclf("runs")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no trainings in runs/ yet; imgclf train CONFIG makes one\n"
    assert imgclf("runs", "--json").stdout == "[]\n"


@pytest.mark.slow
def test_it_does_without_numpy_pydantic_and_keras(trained: Trained) -> None:
    heavy = {"tensorflow", "keras", "numpy", "matplotlib", "pydantic"}
    assert not imported_by("runs") & heavy
    assert not imported_by("runs", "--by", "loss", "--json") & heavy


@pytest.mark.slow
def test_the_time_of_an_extended_training_is_that_of_both_parts(trained: Trained) -> None:
    longer = train(Path("pets.yaml"), ["training.epochs=5"])
    assert longer.outcome == "resumed"
    assert longer.record.seconds == trained.seconds + longer.seconds
