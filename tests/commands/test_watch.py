"""`imgclf predict --watch`: real processes that are stopped, killed and started again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from imgclf.commands import watch as watching
from imgclf.commands.train import Trained
from imgclf.report.prediction_rows import RowFormat
from imgclf.report.row_log import RowLog
from imgclf.system.signals import StopRequest
from tests.support.command_line import RUN, imgclf
from tests.support.heard import Heard

WATCH = [*RUN, "predict", "--watch", "in", "--output", "rows.jsonl"]


def started() -> subprocess.Popen[str]:
    """A watcher that is at work."""
    process = subprocess.Popen(WATCH, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("watching in; rows.jsonl has rows of ")
    return process


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """What one says at its end, when it is told to."""
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    return said


def rows() -> list[dict[str, object]]:
    if not Path("rows.jsonl").exists():
        return []
    whole, _, _ = Path("rows.jsonl").read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def wait_for(done: Callable[[], bool]) -> None:
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it didn't come to that")


def put(pictures: list[Path], prefix: str = "") -> None:
    for picture in pictures:
        shutil.copy(picture, Path("in") / f"{prefix}{picture.name}")


@pytest.fixture
def pictures(trained: Trained) -> list[Path]:
    Path("in").mkdir()
    return sorted(Path("new/cat").iterdir())


@pytest.mark.slow
def test_each_picture_is_answered_once_by_one_process_or_the_next(pictures: list[Path]) -> None:
    put(pictures[:2])
    first = started()
    wait_for(lambda: len(rows()) == 2)
    busy = imgclf(*WATCH[3:])
    assert busy.returncode == 75
    assert "another imgclf is at work on rows.jsonl" in busy.stderr
    put(pictures[2:4])
    wait_for(lambda: len(rows()) == 4)
    assert ended(first) == "ended; rows of 4 pictures were written\n"
    put(pictures[4:5])
    second = started()
    # Slowly, as a camera does that has much to do; and by a name of its own until it is whole.
    content = pictures[5].read_bytes()
    with Path("in/slow.jpg").open("wb") as slow:
        for k in range(5):
            slow.write(content[k * len(content) // 5 : (k + 1) * len(content) // 5])
            slow.flush()
            time.sleep(0.4)
    Path("in/late.jpg.part").write_bytes(content)
    wait_for(lambda: len(rows()) == 6)
    Path("in/late.jpg.part").replace("in/late.jpg")
    wait_for(lambda: len(rows()) == 7)
    # What replaces the model answers from then on.
    model = next(Path("models").glob("*.keras"))
    shutil.copy(model, "models/new")
    Path("models/new").replace(model)
    put(pictures[6:7])
    wait_for(lambda: len(rows()) == 8)
    said = ended(second, signal.SIGINT).splitlines()
    assert said == [
        f"{model} was replaced: version 1 answers from here on",
        "ended; rows of 4 pictures were written",
    ]
    named = [*(picture.name for picture in pictures[:5]), "slow.jpg", "late.jpg", pictures[6].name]
    assert sorted(str(row["path"]) for row in rows()) == sorted(f"in/{name}" for name in named)
    assert {row["error"] for row in rows()} == {None}


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_no_picture_and_has_none_twice(pictures: list[Path]) -> None:
    rng, count = random.Random(3), 0
    for kill in range(3):
        for _ in range(8):
            count += 1
            put(pictures[:10], f"{count}-")
        process = started()
        if kill:
            before = len(rows())
            wait_for(lambda before=before: len(rows()) > before)  # type: ignore[misc]
        time.sleep(rng.random())
        process.kill()
        process.communicate()
        if kill == 2:  # as if it had been in the middle of a row
            with Path("rows.jsonl").open("rb+") as stream:
                stream.truncate(os.fstat(stream.fileno()).st_size - 40)
    last = started()
    wait_for(lambda: len(rows()) >= count * 10)
    ended(last)
    assert Counter(str(row["path"]) for row in rows()) == Counter(
        f"in/{name}" for name in sorted(path.name for path in Path("in").iterdir())
    )


def watch_for(seconds: float, output: str = "rows.jsonl") -> watching.Watch:
    stop = StopRequest(says_so=False)
    timer = Timer(seconds, lambda: setattr(stop, "signal", signal.SIGTERM))
    timer.start()
    log = RowLog(Path(output), RowFormat(Path(output).suffix[1:]), None)
    model = next(Path("models").glob("*.keras"))
    return watching.watch([Path("in")], model, log, {}, stop)


@pytest.mark.slow
def test_what_cant_be_read_gets_its_row_when_nobody_writes_it_any_more(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    monkeypatch.setattr(watching, "_PATIENCE", 0.5)
    monkeypatch.setattr(watching, "_REST", 0.2)
    Path("in/half.jpg").write_bytes(pictures[0].read_bytes()[:400])
    put(pictures[1:2])
    done = watch_for(2, "rows.csv")
    assert (done.answered, done.unreadable) == (2, 1)
    first, whole, half = Path("rows.csv").read_text().splitlines()
    assert first.startswith("path,label,confidence,probability_cat,")
    assert whole.startswith(f"in/{pictures[1].name},")
    assert half.startswith("in/half.jpg,,,,,")
    assert watch_for(1, "rows.csv").answered == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in"], "imgclf: --watch needs a file of rows, which says what was answered before\n"),
        (["in", "-o", "rows.txt", "--review", "page.html"], "imgclf: --watch does not go with"),
        (["models", "in/none", "-o", "rows.tsv"], "imgclf: --watch is for folders, and in/none"),
        (["in", "-o", "models/rows.tsv"], "imgclf: --output models/rows.tsv: this "),
    ],
)
def test_what_cant_be_watched_is_said(
    pictures: list[Path], arguments: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgclf", "-q", "predict", "--watch", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
