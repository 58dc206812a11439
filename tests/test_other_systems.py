"""What Windows and macOS lack, imgclf does without; CI there runs the rest of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_without_what_only_posix_has_everything_is_imported_and_files_are_written(
    in_folder: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.elsewhere"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (done.returncode, done.stderr) == (0, "")
    imported, written = done.stdout.splitlines()
    same, without_keras, with_keras = imported.split()
    assert (same, int(without_keras) > 350, int(with_keras) < 70) == ("True", True, True), imported
    assert written == "written/file.txt written/folder written/folder/inside.txt second"
