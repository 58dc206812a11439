"""Damaged and hostile model files: a row or one clear error, never a traceback or a crash.

Damaged pictures are in tests/data/test_decoder.py, damaged configs in tests/config/test_fuzz.py.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from imgclf.commands.train import Trained

ROOT = Path(__file__).parents[2]
MEMORY = 3 << 30
SECONDS = 300


@pytest.mark.slow
def test_mutated_model_files_give_rows_or_errors(trained: Trained) -> None:
    picture = str(Path("new/cat/cat-001.jpg").absolute())
    model = str(trained.model.absolute())
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fuzz_model_files", model, picture, "120"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = json.loads(done.stdout)
    assert sum(outcomes.values()) == 360
    assert outcomes["bytes: error"] > 0
    assert outcomes["manifest: error"] > 0
    assert outcomes["graph: error"] > 0
    assert "Traceback" not in done.stderr
