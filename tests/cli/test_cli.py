"""The command line: exit statuses, messages, and what is not imported."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.train import Trained
from tests.support.command_line import RUN, imgclf, imported_by


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "pets.yaml"],
        ["train", "pets.yaml", "--set", "training.epoch=1"],
        ["train", "gone.yaml"],
        ["predict", "new", "gone.jpg"],
        ["predict", "new", "--format", "cvs"],
        ["evaluate", "new"],
        ["retrain", "new/cat/cat-001.jpg", "--label", "wolf"],
        ["history"],
        ["rollback", "7"],
    ],
)
def test_what_can_do_without_tensorflow_does(trained: Trained, arguments: list[str]) -> None:
    assert not imported_by(*arguments) & {"tensorflow", "keras", "matplotlib"}


@pytest.mark.slow
def test_a_new_training_with_too_few_pictures_ends_without_tensorflow(trained: Trained) -> None:
    for path in Path("dataset/dog").glob("*[!1].jpg"):
        path.unlink()
    command = ["train", "pets.yaml", "--fresh"]
    assert not imported_by(*command, "--set", "data.validation_split=0.1") & {"tensorflow"}
    assert imgclf(*command, "--set", "data.validation_split=0.1").returncode == 2


@pytest.mark.slow
def test_the_check_above_sees_tensorflow(trained: Trained) -> None:
    Path("hooks.py").write_text("from imgclf.backend import keras\n")
    assert "tensorflow" in imported_by("predict", "new", "--callback", "hooks.py:Gone")


def test_results_go_to_stdout_and_nothing_to_stderr(trained: Trained) -> None:
    done = imgclf("predict", "new/cat/cat-001.jpg")
    assert done.returncode == 0
    assert done.stderr == ""
    header, row = done.stdout.splitlines()
    assert header == "path\tlabel\tconfidence\tprobability_cat\tprobability_dog\terror\tunlike"
    assert row.startswith("new/cat/cat-001.jpg\t")


def test_an_unreadable_input_is_a_row_and_status_4(trained: Trained) -> None:
    done = imgclf("predict", "-", stdin="gone.jpg\nnew/cat/cat-001.jpg\n")
    assert done.returncode == 4
    assert done.stdout.splitlines()[1] == "gone.jpg\t\t\t\t\tno such file\t"
    assert len(done.stdout.splitlines()) == 3


def test_a_picture_in_a_pipe_is_a_row_as_any_other(trained: Trained) -> None:
    command = f"cat new/cat/cat-001.jpg | {shlex.join(RUN)} predict -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    row = imgclf("predict", "new/cat/cat-001.jpg").stdout.splitlines()[1]
    assert done.stdout.splitlines()[1] == row.replace("new/cat/cat-001.jpg", "-")
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["bash", "-c", f"{command} --sort-into sorted"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert "--sort-into, --suggest and --review are for files" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "pet.yaml"], "pets.yaml"),
        (["train", "pets.yaml", "--set", "training.epoch=1"], "did you mean: epochs"),
        (["predict", "new", "--format", "cvs"], "did you mean csv?"),
        (["predict", "new", "--model", "pet"], "did you mean models/pets.keras?"),
        (["retrain", "new/cat/cat-001.jpg", "--label", "catt"], "did you mean cat?"),
        (["retrain", "gone.jpg", "--label", "cat"], "gone.jpg: no such file"),
        (["-C", "gone", "history"], "-C gone: No such file or directory"),
        (["evaluate", "dataset/cat"], "no pictures in folders called cat, dog"),
        (["rollback", "7"], "has no version 7"),
    ],
)
def test_a_mistake_of_the_user_is_a_message_and_status_2(
    trained: Trained, arguments: list[str], says: str
) -> None:
    done = imgclf(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_what_to_type_next_is_right_where_it_was_started(trained: Trained) -> None:
    folder = Path("a b")
    folder.mkdir()
    for path in ("models", "dataset", "new", "pets.yaml"):
        (folder / path).symlink_to(Path(path).absolute())
    done = imgclf("-C", "a b", "check", "pets.yaml")
    assert done.stderr.splitlines()[-1] == "next: imgclf -C 'a b' train pets.yaml"
    done = imgclf("-C", "a b", "rollback", "7")
    assert done.stderr.splitlines()[-1] == "versions: 1; see: imgclf -C 'a b' history"
    again = done.stderr.splitlines()[-1].partition("imgclf ")[2]
    assert imgclf(*shlex.split(again)).returncode == 0


FAULTY = """\
from imgclf.commands import runs
runs.runs = lambda *given, **named: 1 / 0
from imgclf.cli import main
main()
"""


@pytest.mark.slow
def test_a_fault_of_imgclf_is_status_1_with_a_log_and_a_traceback_only_on_demand(
    in_folder: Path, tmp_path: Path
) -> None:
    def fail(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", FAULTY, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )

    done = fail("runs")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    log = next(tmp_path.glob("imgclf-*.log"))
    assert str(log) in done.stderr
    assert "ZeroDivisionError" in log.read_text()
    assert "Traceback" in fail("--debug", "runs").stderr


def test_a_run_whose_stored_config_is_damaged_is_named(trained: Trained) -> None:
    trained.run.config_resolved.write_bytes(b"\xff")
    done = imgclf("train", "pets.yaml")
    assert done.returncode == 2
    assert f"{trained.run.config_resolved}: 1 problem" in done.stderr
    assert done.stderr.splitlines()[-1] == "start over: add --fresh"


def test_it_works_as_cron_runs_it(trained: Trained) -> None:
    """No HOME, hardly any PATH, another working directory, no terminal, nothing on stdin."""
    done = subprocess.run(
        [*RUN, "-C", str(Path.cwd()), "predict", "new/cat/cat-001.jpg"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_a_working_directory_that_somebody_has_removed_is_named(in_folder: Path) -> None:
    Path("gone").mkdir()
    os.chdir("gone")
    Path("../gone").rmdir()
    done = imgclf("init", "pictures")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("imgclf: the working directory isn't there any more\n")


def test_a_reader_that_has_had_enough_ends_it_quietly(trained: Trained) -> None:
    command = f"{' '.join(RUN)} predict {'new ' * 50} | head -n 2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_the_model_can_be_named_by_the_environment(trained: Trained) -> None:
    done = imgclf("predict", "new/cat/cat-001.jpg", IMGCLF_MODEL="models/gone.keras")
    assert done.returncode == 2
    assert "models/gone.keras" in done.stderr


@pytest.mark.slow
def test_history_and_rollback_show_and_restore_versions(trained: Trained) -> None:
    rows = predict(load(trained.model, []), find_inputs(["new"], []))
    wrong = next(row for row in rows if row.label != Path(row.path).parent.name)
    label = Path(wrong.path).parent.name
    first = trained.model.read_bytes()

    done = imgclf("retrain", wrong.path, "--label", label)
    assert done.returncode == 0
    assert f"{wrong.path}: {wrong.label}" in done.stdout
    assert "models/pets.keras is now version 2 (1 corrected" in done.stdout
    assert "WARNING" not in done.stderr
    assert "UserWarning" not in done.stderr

    listed = imgclf("history").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["version", "1", "2"]
    assert imgclf("rollback").returncode == 0
    assert trained.model.read_bytes() == first


@pytest.mark.slow
def test_the_demo_runs_from_a_drawing_to_a_correction(in_folder: Path) -> None:
    done = imgclf("demo", "try")
    assert done.returncode == 0
    assert "$ imgclf train demo.yaml" in done.stdout
    assert "$ imgclf retrain new/" in done.stdout
    was, now = (
        line.split(": ")[1].split()[0]
        for line in done.stdout.splitlines()
        if line.startswith(("was ", "is "))
    )
    assert {was, now} == {"cat", "dog"}
    assert (in_folder / "try/models/demo.keras").exists()


@pytest.mark.slow
def test_rows_in_a_file_are_those_on_stdout(trained: Trained) -> None:
    on_stdout = imgclf("predict", "new", "--format", "csv").stdout
    done = imgclf("predict", "new", "--output", "rows.csv")
    assert done.stdout == ""
    assert Path("rows.csv").read_text() == on_stdout


def test_an_output_of_another_kind_than_rows_is_refused(trained: Trained) -> None:
    picture = Path("new/cat/cat-001.jpg")
    before = picture.read_bytes()
    done = imgclf("predict", "new", "--output", str(picture))
    assert done.returncode == 2
    assert "end in .tsv, .csv, .jsonl or .txt" in done.stderr
    assert picture.read_bytes() == before


def test_a_folder_without_pictures_is_said(trained: Trained) -> None:
    Path("unmounted").mkdir()
    done = imgclf("predict", "unmounted")
    assert (done.returncode, len(done.stdout.splitlines())) == (4, 1)
    assert done.stderr == "warning: no pictures in unmounted\n"


def test_quiet_keeps_results_and_warnings_and_nothing_else(trained: Trained) -> None:
    Path("unmounted").mkdir()
    check = imgclf("check", "pets.yaml")
    assert check.stderr.endswith("next: imgclf train pets.yaml\n")
    for option in ("-q", "--quiet"):
        quiet = imgclf(option, "check", "pets.yaml")
        assert (quiet.stdout, quiet.stderr) == (check.stdout, "")
    assert imgclf("-q", "predict", "unmounted").stderr == "warning: no pictures in unmounted\n"


def test_a_model_s_name_is_not_hidden_by_the_folder_that_it_is_called_after(
    trained: Trained,
) -> None:
    Path("pets").mkdir()
    assert imgclf("predict", "new", "--model", "pets").returncode == 0


def test_an_output_that_cannot_be_written_is_an_error(trained: Trained) -> None:
    Path("rows.csv").mkdir()
    done = imgclf("predict", "new", "--output", "rows.csv")
    assert done.returncode == 2
    assert "can't write rows.csv" in done.stderr
    assert not list(Path().glob(".rows*"))


@pytest.mark.slow
def test_pictures_are_filed_by_label_and_the_unsure_apart(trained: Trained) -> None:
    arguments = ["predict", "new", "--sort-into", "sorted", "--min-confidence", "0.6"]
    first = imgclf(*arguments)
    assert first.returncode == 0
    for line in first.stdout.splitlines()[1:]:
        path, label, confidence = line.split("\t")[:3]
        assert (label == "unsure") == (float(confidence) < 0.6)
        assert Path("sorted", label, Path(path).name).read_bytes() == Path(path).read_bytes()
    filed = sorted(Path("sorted").rglob("*.jpg"))
    assert len(filed) == 20
    assert imgclf(*arguments).stdout == first.stdout
    assert sorted(Path("sorted").rglob("*.jpg")) == filed


def test_two_ways_of_filing_at_once_are_refused(trained: Trained) -> None:
    done = imgclf("predict", "new", "--sort-into", "sorted", "--copy", "--move")
    assert done.returncode == 2
    assert not Path("sorted").exists()
