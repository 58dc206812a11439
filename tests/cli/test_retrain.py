"""`retrain`, `history` and `rollback` as cron sees them: exit statuses, the last line, JSON."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from imgclf.cli import app
from imgclf.commands.predict import find_inputs, predict
from imgclf.commands.train import Trained
from imgclf.corrections.replay_memory import ReplayMemory, Samples, load_memory, save_memory
from imgclf.data.decoder import decode
from imgclf.errors import ImgclfError
from imgclf.model.prediction import Prediction
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.system.lock import lock

MODEL = Path("models/pets.keras")


def imgclf(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def status(result: Result) -> int:
    if isinstance(result.exception, ImgclfError):
        return result.exception.exit_status
    return result.exit_code


def rows(*, right: bool) -> list[Prediction]:
    answers = predict(open_classifier(MODEL), find_inputs(["new"], []))
    return [row for row in answers if (row.label == Path(row.path).parent.name) == right]


def test_a_list_on_stdin_with_an_unreadable_picture_ends_with_4(trained: Trained) -> None:
    picture = rows(right=True)[0]
    done = imgclf("retrain", "-", stdin=f"gone.jpg,{picture.label}\n{picture.path},{picture.label}")
    assert status(done) == 4
    assert done.stdout.splitlines() == [
        f"{picture.path}: {picture.label} {picture.confidence:.1%} (right already)",
        "gone.jpg: no such file (unreadable)",
        "models/pets.keras stays at version 1: nothing to learn "
        "(0 corrected, 1 right already, 0 left out, 1 unreadable)",
    ]


@pytest.mark.slow
def test_json_says_what_became_of_each_picture(trained: Trained) -> None:
    picture = rows(right=False)[0]
    label = Path(picture.path).parent.name
    Path("said.csv").write_text(f"path,label\n{picture.path},{label}\n")
    done = imgclf("retrain", "said.csv", "--json")
    assert status(done) == 0
    found = json.loads(done.stdout)
    assert (found["outcome"], found["version"], found["model"]) == ("corrected", 2, str(MODEL))
    [one] = found["pictures"]
    assert (one["before"]["path"], one["label"], one["outcome"]) == (
        picture.path,
        label,
        "corrected",
    )
    assert one["before"]["label"] != one["after"]["label"] == label
    assert set(found["judged"]["after"]) == {"(all)", "cat", "dog"}

    versions = json.loads(imgclf("history", "--json").stdout)
    assert [(one["version"], one["in_use"]) for one in versions] == [(1, False), (2, True)]
    assert versions[1]["score"] == found["judged"]["after"]["(all)"]
    assert versions[1]["new"][0]["label"] == label

    done = imgclf("rollback", "1")
    assert done.stdout.splitlines() == [
        f"no longer in force: {Path(picture.path).absolute()} ({label})",
        "models/pets.keras is now version 1, byte for byte, instead of 2 "
        "(1 correction is no longer in force)",
    ]


@pytest.mark.slow
def test_what_would_do_harm_is_refused_with_3_and_a_table_of_what_it_would_have_cost(
    trained: Trained,
) -> None:
    """Half of the held-out pictures are the corrected one, but for one pixel, and are right."""
    picture = rows(right=False)[0]
    wrong_label = ("cat", "dog").index(str(picture.label))
    pixels = decode(Path(picture.path), read_manifest(MODEL).decoder.settings()).copy()
    pixels[0, 0] ^= 1
    memory = load_memory(MODEL)
    assert memory is not None
    count = len(memory.judge)
    judge = Samples(
        np.concatenate([memory.judge.pixels, np.repeat(pixels[np.newaxis], count, axis=0)]),
        np.append(memory.judge.labels, np.full(count, wrong_label)),
    )
    save_memory(MODEL, ReplayMemory(memory.replay, judge, memory.class_names))
    before = MODEL.read_bytes()
    done = imgclf("retrain", picture.path, "--label", Path(picture.path).parent.name)
    assert status(done) == 3
    assert MODEL.read_bytes() == before
    lines = done.stdout.splitlines()
    assert lines[0].endswith("(left out: held-out accuracy would drop)")
    assert " ".join(lines[1].split()) == "held-out pictures trained before asked after least"
    _, pictures, trained_, before_, asked, after, _ = lines[2].split()
    assert int(pictures) == 2 * count
    assert float(asked) < float(trained_) == float(before_) == float(after)
    assert float(trained_) - float(asked) <= 0.5
    # Rounded up, so that it really lets it through.
    needed = math.ceil((float(trained_) - float(asked)) * 10_000) / 10_000
    [allowed] = re.findall(r"--max-drop (\S+) would let it through", done.stderr)
    assert float(allowed) >= needed
    assert lines[-1] == (
        "models/pets.keras stays at version 1: nothing could be learned without harm "
        "(0 corrected, 0 right already, 1 left out, 0 unreadable)"
    )


def test_while_another_process_is_at_work_it_ends_with_75(trained: Trained) -> None:
    with lock(MODEL):
        assert status(imgclf("retrain", "new/cat/cat-001.jpg", "--label", "cat")) == 75
        assert status(imgclf("rollback")) == 75


def test_sizes_of_the_replay_memory_are_checked_before_anything_else(trained: Trained) -> None:
    done = imgclf("train", "pets.yaml", "--replay-memory", "lots")
    assert status(done) == 2
    assert "--replay-memory lots: a size is wanted" in str(done.exception)
