"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

RUN = [sys.executable, "-m", "imgclf"]


# A program: the command line, which says at its end which modules it has imported.
NAMES_WHAT_IT_IMPORTED = """\
import atexit, sys
atexit.register(lambda: print(*sorted({m.split(".")[0] for m in sys.modules}), file=sys.stderr))
from imgclf.cli import main
main()
"""


def imgclf(
    *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Gives a command in the working directory; `environment` is added to the present one."""
    return subprocess.run(
        [*RUN, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=120,
        env={**os.environ, **environment},
    )


def imported_by(*arguments: str) -> set[str]:
    """The top-level modules that a command has imported when it ends; it must not fail itself."""
    done = subprocess.run(
        [sys.executable, "-c", NAMES_WHAT_IT_IMPORTED, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 2, 3, 4), done.stderr
    return set(done.stderr.splitlines()[-1].split())
