"""What is said about a training while it runs."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any

import pytest

from imgclf.backend import keras
from imgclf.callbacks.epoch import SetEpoch
from imgclf.callbacks.progress import Progress, epoch_lines
from tests.support.heard import Heard
from tests.support.terminal import shown
from tests.support.tiny_training import BATCHES, Script, run, sources

ALONE = """
- TensorBoard: none
- BackupAndRestore: none
- ModelCheckpoint: none
"""
SCRIPT = {
    "accuracy": [0.5, 0.73119],
    "loss": [0.0005, 0.5401],
    "val_accuracy": [0.5, 1.0],
    "val_loss": [12345.678, 0.57224],
}


def plain(text: str) -> str:
    """Without the escape sequences of a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_piped_it_is_one_plain_line_an_epoch(tmp_path: Path) -> None:
    stream = io.StringIO()
    run(tmp_path, ALONE, first=[Script(**SCRIPT)], epochs=2, heard=Heard(stream))
    lines = re.sub(r"- \d+\.\d s -", "- 1.2 s -", stream.getvalue()).splitlines()
    assert lines == [
        "epoch 1/2 - 1.2 s - accuracy 0.5000 - loss 0.0005 - val_accuracy 0.5000 "
        "- val_loss 12345.6780 - learning_rate 0.01",
        "epoch 2/2 - 1.2 s - accuracy 0.7312 - loss 0.5401 - val_accuracy 1.0000 "
        "- val_loss 0.5722 - learning_rate 0.01",
    ]


PARTS = ["epoch 1/30", "0.7 s", "accuracy 0.9734", "loss 0.1241", "val_accuracy 0.9750"]
PARTS += ["val_loss 0.0651", "learning_rate 0.001"]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, [" - ".join(PARTS)]),
        (len(" - ".join(PARTS)), [" - ".join(PARTS)]),
        (
            80,
            [
                "epoch 1/30 - 0.7 s - accuracy 0.9734 - loss 0.1241",
                "  val_accuracy 0.9750 - val_loss 0.0651 - learning_rate 0.001",
            ],
        ),
        (
            40,
            [
                "epoch 1/30 - 0.7 s - accuracy 0.9734",
                "  loss 0.1241",
                "  val_accuracy 0.9750 - val_loss 0.0651",
                "  learning_rate 0.001",
            ],
        ),
        (5, [PARTS[0], *(f"  {part}" for part in PARTS[1:])]),
    ],
)
def test_an_epoch_is_broken_between_metrics_where_a_line_is_too_short(
    width: int | None, lines: list[str]
) -> None:
    assert epoch_lines(PARTS, width) == lines


def test_on_a_narrow_terminal_no_line_is_too_long(tmp_path: Path) -> None:
    heard = Heard(terminal=True)
    heard.rich.width = 80
    run(tmp_path, ALONE, first=[Script(**SCRIPT)], epochs=1, heard=heard)
    lines = [line for line in shown(heard.text.replace("\n", "\r\n")) if line]
    assert re.sub(r"- \d+\.\d s -", "- 1.2 s -", lines[0]) == (
        "epoch 1/1 - 1.2 s - accuracy 0.5000 - loss 0.0005"
    )
    assert lines[1] == "  val_accuracy 0.5000 - val_loss 12345.6780 - learning_rate 0.01"
    assert len(lines) == 2


class Look(keras.callbacks.Callback):
    """Notes after each step what stands on the last line of the terminal."""

    def __init__(self, stream: io.StringIO) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._stream = stream

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        deadline, line = time.monotonic() + 10, ""
        while f" {batch + 1}/{BATCHES} " not in line and time.monotonic() < deadline:
            time.sleep(0.02)  # the bar is drawn ten times a second
            line = plain(self._stream.getvalue()).rsplit("\r", 1)[-1]
        self.lines.append(line)


@pytest.mark.slow
def test_on_a_terminal_a_bar_shows_step_time_left_and_metrics(tmp_path: Path) -> None:
    stream = io.StringIO()
    heard = Heard(stream, terminal=True)
    heard.rich.width = 120
    look = Look(stream)
    run(tmp_path, ALONE, last=[look], epochs=2, batches=BATCHES, heard=heard)
    assert re.search(r"epoch 1/2 .* 1/4 +accuracy \d", look.lines[0])
    assert re.search(r"epoch 2/2 .* 3/4 0:00:0\d left +accuracy 0\.\d{4} loss \d", look.lines[6])
    assert "epoch 1/2 - " in plain(stream.getvalue())


def test_the_bar_goes_away_when_the_training_raises(tmp_path: Path) -> None:
    class Raises(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, ALONE, last=[Raises()], heard=Heard(stream, terminal=True))
    hidden, shown = stream.getvalue().rfind("\x1b[?25l"), stream.getvalue().rfind("\x1b[?25h")
    assert 0 <= hidden < shown, "the cursor has to be there again"


@pytest.mark.slow
def test_quiet_says_nothing_and_progbar_logger_means_this(tmp_path: Path) -> None:
    stream = io.StringIO()
    stack, _ = run(tmp_path, "- ProgbarLogger" + ALONE, heard=Heard(stream, quiet=True), epochs=1)
    assert stream.getvalue() == ""
    assert [type(one).__name__ for one in stack.callbacks].count("Progress") == 1
    stack, _ = run(tmp_path, "- ProgbarLogger: none" + ALONE, heard=Heard(stream), epochs=1)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("phases", "expected", "may_end_early", "words"),
    [
        (1, (), False, "0:01:05 left"),
        (1, (), True, "at most 0:01:05 left"),
        (2, (None, 600.0), False, "0:11:05 left"),
        (2, (None, 600.0), True, "at most 0:11:05 left"),
        (2, (None, None), False, "0:01:05 left of this phase"),
        (2, (), True, "at most 0:01:05 left of this phase"),
    ],
)
def test_the_time_left_is_that_of_all_phases_where_it_is_known(
    phases: int, expected: tuple[float | None, ...], may_end_early: bool, words: str
) -> None:
    training, _ = sources()
    set_epoch = SetEpoch(training, phases)
    set_epoch.expected, set_epoch.may_end_early = expected, may_end_early
    assert Progress(set_epoch)._left_in_words(65) == words
    set_epoch.phase = phases - 1  # after which nothing comes
    assert Progress(set_epoch)._left_in_words(65).endswith("0:01:05 left")
