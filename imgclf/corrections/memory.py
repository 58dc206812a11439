"""The replay memory: training and held-out pictures kept beside a model.

Retraining needs both: some to stay silent on, others to be judged by. They are kept as decoded
pixels in `NAME.history/memory.npz`, so that a model can be corrected where its data set isn't.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.cache import Pixels
from imgclf.data.dataset import Part
from imgclf.errors import ModelFileError
from imgclf.files import atomic_write
from imgclf.model.versions import history_directory

DEFAULT_BYTES = 64_000_000


@dataclass(frozen=True)
class Samples:
    """Labelled pictures: pixels uint8 (pictures, height, width, 3), labels (pictures,)."""

    pixels: Pixels
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def without(self, pixels: Pixels) -> Samples:
        """Less the pictures that have exactly these pixels, shape (n, height, width, 3)."""
        unwanted = {picture.tobytes() for picture in pixels}
        kept = [row for row in range(len(self)) if self.pixels[row].tobytes() not in unwanted]
        return Samples(self.pixels[kept], self.labels[kept])


@dataclass(frozen=True)
class ReplayMemory:
    """Pictures that the model was trained on, and pictures that it wasn't, to judge it by."""

    replay: Samples
    judge: Samples


def choose_memory(
    training: Part, validation: Part, seed: int, size: int = DEFAULT_BYTES
) -> ReplayMemory:
    """Chooses what to keep of a data set, balanced over the classes.

    A third of the room is for judging and the rest for replaying; what one part can't fill, the
    other gets.

    Args:
        training: To replay.
        validation: To judge by.
        seed: Of the choice.
        size: Bytes to stay below.
    """
    room = max(size // int(np.prod(training.pixels.shape[1:])), 2)
    to_judge = min(len(validation), max(room // 3, room - len(training)))
    return ReplayMemory(
        replay=_sample(training, room - to_judge, seed), judge=_sample(validation, to_judge, seed)
    )


def save_memory(model: Path, memory: ReplayMemory) -> None:
    """Writes the memory of a model, replacing what there was."""
    atomic_write(
        history_directory(model) / "memory.npz",
        lambda stream: np.savez(
            stream,
            replay_pixels=memory.replay.pixels,
            replay_labels=memory.replay.labels,
            judge_pixels=memory.judge.pixels,
            judge_labels=memory.judge.labels,
        ),
    )


def load_memory(model: Path) -> ReplayMemory | None:
    """The memory of a model; None if it has none.

    Raises:
        ModelFileError: It is damaged.
    """
    path = history_directory(model) / "memory.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return ReplayMemory(
                Samples(arrays["replay_pixels"], arrays["replay_labels"]),
                Samples(arrays["judge_pixels"], arrays["judge_labels"]),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is damaged: {error}", "train the model again") from error


def _sample(part: Part, count: int, seed: int) -> Samples:
    """Takes turns among the classes, so that a rare class is kept whole before a common one."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(part))
    turn = np.empty(len(part), np.int64)
    for label in np.unique(part.labels):
        of_class = order[part.labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    chosen = np.sort(np.lexsort((part.labels, turn))[:count])
    return Samples(np.asarray(part.pixels[part.rows[chosen]]), part.labels[chosen])
