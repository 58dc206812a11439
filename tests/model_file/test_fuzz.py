"""Damaged and hostile model files: a row or one clear error, never a traceback or a crash.

Damaged pictures are in tests/data/test_decoder.py, damaged configs in tests/config/test_fuzz.py.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.commands.train import Trained
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.neurons import Neurons
from tests.support.pretrained import as_loaded, on_backbone, written
from tests.support.trainings import published_in_one_piece

ROOT = Path(__file__).parents[2]
MEMORY = 3 << 30
SECONDS = 300


@pytest.mark.slow
def test_mutated_model_files_in_one_piece_give_rows_or_errors(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_in_one_piece(monkeypatch)
    outcomes = outcomes_of(trained.model)
    assert sum(outcomes.values()) == 360


@pytest.mark.slow
def test_mutated_model_files_in_parts_give_rows_or_errors(trained: Trained) -> None:
    model = on_backbone(keras.layers.Dense(3, activation="softmax"))
    network = CorrectableNetwork(as_loaded(model))
    keys = np.full((len(network.neurons.keys), 2), 0.1, np.float32)
    corrected = network.with_neurons(Neurons(keys, np.ones((2, 3), np.float32)))
    written(corrected, trained.model)
    outcomes = outcomes_of(trained.model)
    assert sum(outcomes.values()) == 480
    assert outcomes["head: error"] > 60


def outcomes_of(model: Path) -> dict[str, int]:
    """How many mutated files of each kind gave rows, and how many errors."""
    picture = str(Path("new/cat/cat-001.jpg").absolute())
    given = [str(model.absolute()), picture, "120"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fuzz_model_files", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: dict[str, int] = json.loads(done.stdout)
    assert outcomes["bytes: error"] > 0
    assert outcomes["manifest: error"] > 0
    assert outcomes["graph: refused"] > 0
    assert "Traceback" not in done.stderr
    return outcomes
