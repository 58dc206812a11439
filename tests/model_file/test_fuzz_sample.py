"""A few of the changed files of benchmarks/fuzz_models.py, the same ones each time.

Those of models are looked at as they are before Keras is given them.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from imgclf.commands.train import Trained
from imgclf.errors import ModelFileError
from imgclf.model_file.archive import CONFIG, METADATA, WEIGHTS, ModelArchive
from imgclf.model_file.screening import screen, screen_graph
from tests.support.changed_keras import changed_config, changed_weights
from tests.support.fuzz_beside import case_of
from tests.support.fuzz_keras import members_of, write_archive


def test_changed_configs_and_weights_are_let_pass_or_refused_in_a_line(trained: Trained) -> None:
    whole = members_of(trained.model)
    plain = {name: whole[name] for name in (METADATA, CONFIG, WEIGHTS)}
    target, refused = Path("changed.keras"), 0
    for number in range(60):
        chance = random.Random(f"sample {number}")
        change, member = random.Random(number).choice(
            [(changed_config, CONFIG), (changed_weights, WEIGHTS)]
        )
        write_archive(target, plain | {member: change(plain[member], chance)})
        for look in (screen, screen_graph):
            try:
                with ModelArchive(target) as archive:
                    look(archive)
            except ModelFileError as error:
                assert error.message.startswith("changed.keras")
                assert "\n" not in error.message
                refused += 1
    assert 40 < refused < 120


@pytest.mark.parametrize("kind", ["memory", "run", "resolved", "log", "facts", "entries"])
def test_changed_files_beside_a_model_and_in_a_run_are_no_faults(
    kind: str, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.cli.raise_at_signals", lambda: None)
    case = case_of(kind, Path.cwd())
    for number in range(3):
        assert case(number).startswith(f"{kind}: status ")
