"""Remembered pictures stay on the disk until they are looked at, and are what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgclf.corrections.replay_memory import (
    ReplayMemory,
    Samples,
    digests_of,
    load_memory,
    save_memory,
)
from imgclf.errors import ModelFileError
from imgclf.system.mapped_arrays import map_array

MODEL = Path("pets.keras")
FILE = Path("pets.history/memory.npz")
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
MEMORY = ReplayMemory(
    Samples(PIXELS[:4], np.array([0, 1, 0, 1])), Samples(PIXELS[4:], np.array([1, 0])), ("a", "b")
)


@pytest.fixture
def saved(in_folder: Path) -> Path:
    """The memory of a model."""
    FILE.parent.mkdir()
    save_memory(MODEL, MEMORY)
    return FILE


def test_what_was_saved_is_what_is_loaded(saved: Path) -> None:
    memory = load_memory(MODEL)
    assert memory is not None
    np.testing.assert_array_equal(memory.replay.pixels, PIXELS[:4])
    np.testing.assert_array_equal(memory.judge.pixels, PIXELS[4:])
    assert memory.replay.labels.tolist() == [0, 1, 0, 1]
    assert memory.replay.pixel_digests == digests_of(PIXELS[:4])
    assert memory.class_names == ("a", "b")


def test_some_of_them_are_what_they_are_of_all(saved: Path) -> None:
    memory = load_memory(MODEL)
    assert memory is not None
    some = memory.replay.without(PIXELS[1:2])
    assert some.labels.tolist() == [0, 0, 1]
    assert some.pixel_digests == digests_of(PIXELS[[0, 2, 3]])
    np.testing.assert_array_equal(some.pixels_at(np.array([2, 0])), PIXELS[[3, 0]])
    np.testing.assert_array_equal(np.concatenate(list(some.batches())), PIXELS[[0, 2, 3]])
    assert memory.replay.renamed(("a", "b"), ("b",)).labels.tolist() == [0, 0]


def test_pictures_that_are_not_what_was_written_are_not_taken_for_it(saved: Path) -> None:
    """Only the one that is looked at."""
    content = saved.read_bytes()
    place = content.index(PIXELS[2].tobytes())
    saved.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    memory = load_memory(MODEL)
    assert memory is not None
    np.testing.assert_array_equal(memory.replay.pixels_at(np.array([1])), PIXELS[[1]])
    with pytest.raises(ModelFileError, match="replay memory is damaged") as caught:
        memory.replay.pixels_at(np.array([2]))
    assert caught.value.hint == "train the model again"


def test_a_memory_of_an_earlier_version_has_no_digests(in_folder: Path) -> None:
    FILE.parent.mkdir()
    arrays = {
        "replay_pixels": PIXELS[:4],
        "replay_labels": MEMORY.replay.labels,
        "judge_pixels": PIXELS[4:],
        "judge_labels": MEMORY.judge.labels,
        "class_names": np.array(MEMORY.class_names),
    }
    np.savez(FILE, **arrays)  # type: ignore[arg-type]
    memory = load_memory(MODEL)
    assert memory is not None
    assert memory.judge.pixel_digests == digests_of(PIXELS[4:])
    np.testing.assert_array_equal(memory.replay.pixels, PIXELS[:4])


@pytest.mark.parametrize(
    "change",
    [
        {"judge_pixel_digests": np.zeros((2, 31), np.uint8)},
        {"judge_pixel_digests": np.zeros((1, 32), np.uint8)},
        {"judge_labels": np.zeros(3, np.int64)},
        {"judge_pixels": np.zeros((2, 4, 5, 3), np.float32)},
        {"judge_pixels": np.zeros((2, 60), np.uint8)},
    ],
)
def test_parts_that_do_not_fit_together_are_said(
    saved: Path, change: dict[str, np.ndarray]
) -> None:
    with np.load(saved) as arrays:
        contents = dict(arrays)
    np.savez(saved, **contents | change)  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match=r"memory\.npz is damaged"):
        load_memory(MODEL)


def test_a_file_that_was_cut_is_said(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-40])
    with pytest.raises(ModelFileError, match=r"memory\.npz is damaged"):
        load_memory(MODEL)


def test_only_plain_arrays_are_mapped(in_folder: Path) -> None:
    np.savez("plain.npz", rows=PIXELS, columns=np.asfortranarray(PIXELS), none=PIXELS[:0])
    np.testing.assert_array_equal(map_array(Path("plain.npz"), "rows"), PIXELS)
    assert map_array(Path("plain.npz"), "none").shape == (0, 4, 5, 3)
    with pytest.raises(ValueError, match="no plain array"):
        map_array(Path("plain.npz"), "columns")
    with pytest.raises(KeyError):
        map_array(Path("plain.npz"), "others")
    np.savez_compressed("packed.npz", rows=PIXELS)
    with pytest.raises(ValueError, match="packed"):
        map_array(Path("packed.npz"), "rows")
    np.savez("objects.npz", rows=np.array([{}], object))
    with pytest.raises(ValueError, match="no plain array"):
        map_array(Path("objects.npz"), "rows")
