"""The shell and Python blocks of a page of the documentation, and a shell that runs them in order.

A comment before a block, which readers don't see, says what a test has to know of it:

    <!-- not run: WHY -->       what can't be run in a test
    <!-- run: COMMANDS -->      anywhere: what the test does there, on several lines if need be

Besides those of the machine there are the programs `imgclf`, `python` and `small`, which makes of a
config as `init` writes it one that is trained in seconds, from scratch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import page_server

ROOT = Path(__file__).parent.parent.parent
_PART = re.compile(
    r"^<!-- run:\s(?P<hidden>.*?)\s-->$"
    r"|^(?P<comments>(?:<!-- [^\n]* -->\n)*)```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


_SMALL = r"""#!/bin/sh
sed -i '/backbone:/d
s/# image_size: .*/image_size: 32/
s/epochs: 30/epochs: 2/
s/    - Dropout: 0.2/    - Rescaling: 1\/255\n    - Conv2D: {filters: 8, kernel_size: 3}\n&/
s/    - Dropout: 0.2/    - Flatten\n&/
' "$1"
"""


@dataclass(frozen=True)
class Block:
    """Commands of a page."""

    line: int
    text: str
    not_run: str | None = None


def shell_blocks(page: str) -> Iterator[Block]:
    """All of a page, in order, those that readers don't see included."""
    for part in _PART.finditer(page):
        line = page.count("\n", 0, part.start()) + 1
        if part["hidden"] is not None:
            yield Block(line, part["hidden"] + "\n")
        elif part["language"] in ("sh", "python"):
            not_run = re.search("<!-- not run: (.+) -->", part["comments"])
            yield Block(line, _as_shell(part), not_run[1] if not_run else None)


def _as_shell(part: re.Match[str]) -> str:
    """A block of Python is a file, which may say its name in its first line, and is run."""
    if part["language"] == "sh":
        return part["text"]
    named = re.match(r"# (\w+\.py)\n", part["text"])
    file = named[1] if named else "block.py"
    return f"cat > {file} <<'END OF BLOCK'\n{part['text']}END OF BLOCK\npython {file}\n"


def script_of(name: str, blocks: list[Block]) -> str:
    """One script of those that can be run, which ends at the first command that fails."""
    lines = ["set -eu -o pipefail", """trap 'echo "$at: ended with $?" >&2' ERR"""]
    for block in blocks:
        if not block.not_run:
            lines += [f"at={name}:{block.line}", block.text]
    return "\n".join(lines)


@dataclass(frozen=True)
class Shell:
    """Runs scripts in which `imgclf` is answered at once."""

    programs: Path

    def run(self, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Runs it in a folder; the standard output has what both streams get."""
        home = folder / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            env={
                **os.environ,
                "HOME": str(home),
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
        )


@contextmanager
def a_shell(folder: Path) -> Iterator[Shell]:
    """A shell for scripts, with a process that answers as long as it is open."""
    address = folder / "server"
    caller = page_server.CALLER.format(python=sys.executable, address=str(address))
    for name, text in {"imgclf": caller, "python": caller, "small": _SMALL}.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.page_server", str(address)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        yield Shell(folder / "bin")
    finally:
        server.kill()
        server.wait()
