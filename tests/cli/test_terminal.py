"""What is left on a real terminal when a command has ended."""

from __future__ import annotations

import shlex
from pathlib import Path

from imgclf.commands.train import Trained
from tests.support.command_line import RUN
from tests.support.terminal import on_terminal

IMGCLF = shlex.join(RUN)


def test_one_picture_is_a_head_and_a_row_and_draws_no_bar(trained: Trained) -> None:
    done = on_terminal(f"{IMGCLF} predict new/cat/cat-001.jpg")
    assert done.returncode == 0
    assert len(done.screen) == 2
    assert done.screen[0] == "label   confidence  picture"
    assert "\x1b" not in done.written


def test_the_bar_says_of_how_many_and_is_gone_before_the_first_row(trained: Trained) -> None:
    done = on_terminal(f"{IMGCLF} predict new")
    assert "0/20" in done.written
    assert done.written.rindex("0/20") < done.written.index("label   confidence  picture")
    assert len(done.screen) == 21
    assert done.screen[0] == "label   confidence  picture"
    assert all(line.startswith(("cat  ", "dog  ")) for line in done.screen[1:])
    assert done.written.rindex("\x1b[?25h") > done.written.rindex("\x1b[?25l"), "cursor is hidden"


def test_a_reader_of_a_pipe_may_write_where_the_bar_was(trained: Trained) -> None:
    done = on_terminal(f"{IMGCLF} predict new new new | head -n 3")
    assert "0/60" in done.written
    assert len(done.screen) == 3
    assert done.screen[0].startswith("path\tlabel\t")
    assert done.screen[2].startswith("new/cat/cat-002.jpg\t")


def test_rows_that_go_to_a_file_leave_the_bar_where_it_is_until_the_end(trained: Trained) -> None:
    done = on_terminal(f"{IMGCLF} predict new > rows.tsv")
    assert "20/20" in done.written
    assert done.screen == []
    assert len(Path("rows.tsv").read_text().splitlines()) == 21


def test_what_would_steer_the_terminal_is_shown_escaped(trained: Trained) -> None:
    Path("new/cat/cat-001.jpg").rename("new/cat/\x1b[2J\x9b31m\u202e.jpg")
    done = on_terminal(f"{IMGCLF} predict new/cat/*31m*")
    assert done.screen[1].split()[2] == r"new/cat/\x1b[2J\x9b31m\u202e.jpg"
    assert not set(done.written) & {"\x1b", "\x9b", "\u202e"}
