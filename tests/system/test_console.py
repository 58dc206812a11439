"""What is said while it works, and what of it is left when it shall be quiet."""

from __future__ import annotations

import io
import logging

import pytest

from imgclf.system import console


def said(*, terminal: bool, quiet: bool) -> str:
    """A note, a warning and two steps of progress, as they reach the stream."""
    stream = io.StringIO()
    console.use(console.Console(stream, terminal=terminal, quiet=quiet))
    console.note("a note")
    console.warning("something is odd")
    with console.track("working", 2) as advance:
        advance(1)
        advance(1)
    return stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_leaves_warnings_alone_and_no_bar(terminal: bool) -> None:
    assert said(terminal=terminal, quiet=True) == "warning: something is odd\n"


def test_in_a_pipe_there_are_plain_lines_and_no_bar() -> None:
    assert said(terminal=False, quiet=False) == "a note\nwarning: something is odd\n"


def test_on_a_terminal_a_bar_comes_and_goes() -> None:
    lines = said(terminal=True, quiet=False)
    assert "a note\nwarning: something is odd\n" in lines
    assert "working" in lines
    assert "2/2" in lines


def test_a_bar_without_an_end_says_what_is_done_and_no_question_mark() -> None:
    stream = io.StringIO()
    console.use(console.Console(stream, terminal=True))
    with console.track("working") as advance:
        advance(7)
        advance(5)
    assert "?" not in stream.getvalue().replace("\x1b[?", "")
    assert " 12 " in stream.getvalue()
    assert "0:00:00" in stream.getvalue()


def test_until_somebody_listens_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    console.use(console.Console(None))
    console.note("a note")
    console.warning("something is odd")
    assert capfd.readouterr() == ("", "")


def test_who_listens_by_logging_is_told_in_letters_that_any_stream_takes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="imgclf"):
        console.Console(None).note("caf\u00e9-\udcff.jpg")
    [record] = caplog.records
    assert record.getMessage() == "caf\u00e9-\\udcff.jpg"
