"""A command on a terminal of its own, and what is left on that terminal's screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from dataclasses import dataclass

_ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


@dataclass(frozen=True)
class OnTerminal:
    """What came of a command.

    Attributes:
        written: All that was written to the terminal, escape sequences included.
        screen: The lines that are to be seen at the end, without spaces at their ends.
    """

    returncode: int
    written: str
    screen: list[str]


def on_terminal(command: str, columns: int = 80) -> OnTerminal:
    """Gives a shell command in the working directory, with the terminal as stdin, stdout, stderr.

    Args:
        command: For bash.
        columns: How wide the terminal is.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shell = subprocess.Popen(
        ["bash", "-c", command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    written = b""
    try:
        while more := os.read(ours, 65536):
            written += more
    except OSError:  # what Linux says when nobody has the terminal open any more
        pass
    os.close(ours)
    text = written.decode()
    return OnTerminal(shell.wait(timeout=60), text, shown(text, columns))


def shown(written: str, columns: int = 80) -> list[str]:
    """The lines that a terminal shows in the end; knows what rich sends, and no more."""
    lines, row, column, at = [""], 0, 0, 0
    while at < len(written):
        escape = _ESCAPE.match(written, at)
        character = written[at]
        at = escape.end() if escape else at + 1
        if escape:
            count, what = escape.groups()
            if what == "A":
                row = max(0, row - int(count or 1))
            elif what == "K":
                lines[row] = ""
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
        else:
            if column == columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]
