"""The replay memory beside a model: read as it was written, or refused in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.corrections.replay_memory import ReplayMemory, Samples, load_memory, save_memory
from imgclf.errors import ModelFileError

MODEL = Path("models/pets.keras")
FILE = Path("models/pets.history/memory.npz")

Arrays = dict[str, Any]


def samples(count: int) -> Samples:
    pixels = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    return Samples(pixels, np.arange(count) % 2)


def test_it_is_read_as_it_was_written(in_folder: Path) -> None:
    assert load_memory(MODEL) is None
    saved = ReplayMemory(samples(3), samples(2), ("cat", "dog"))
    save_memory(MODEL, saved)
    found = load_memory(MODEL)
    assert found is not None
    assert found.class_names == saved.class_names
    for mine, theirs in ((found.replay, saved.replay), (found.judge, saved.judge)):
        np.testing.assert_array_equal(mine.pixels, theirs.pixels)
        np.testing.assert_array_equal(mine.labels, theirs.labels)


def other(**changes: Any) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | changes


@pytest.mark.parametrize(
    "edit",
    [
        other(replay_labels=np.array([0, 1, 2])),
        other(judge_labels=np.array([0, -1])),
        other(judge_labels=np.array([0, 1, 0])),
        other(judge_labels=np.array(["0", "1"])),
        other(judge_labels=np.array([0.0, 1.0])),
        other(replay_pixels=np.zeros((3, 2, 2, 3), np.float32)),
        other(replay_pixels=np.zeros((3, 12), np.uint8)),
        other(class_names=np.array([])),
        other(class_names=np.array(3)),
        other(class_names=np.array("cat")),
        other(class_names=np.array([["cat", "dog"]])),
        lambda arrays: {name: array for name, array in arrays.items() if name != "judge_pixels"},
    ],
)
def test_what_does_not_fit_together_is_refused(
    edit: Callable[[Arrays], Arrays], in_folder: Path
) -> None:
    save_memory(MODEL, ReplayMemory(samples(3), samples(2), ("cat", "dog")))
    with np.load(FILE) as arrays:
        edited = edit(dict(arrays))
    np.savez(FILE, **edited)
    with pytest.raises(ModelFileError, match=r"^models/pets\.history/memory\.npz is damaged: "):
        load_memory(MODEL)


def test_a_pipe_in_its_place_is_not_waited_for(in_folder: Path) -> None:
    FILE.parent.mkdir(parents=True)
    os.mkfifo(FILE)
    with pytest.raises(ModelFileError, match="it is no regular file") as raised:
        load_memory(MODEL)
    assert raised.value.hint == "train the model again"
