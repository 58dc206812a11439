"""The replay memory: training and held-out pictures kept beside a model.

Retraining needs both: some to stay silent on, others to be judged by. They are kept as decoded
pixels in `NAME.history/memory.npz`, so that a model can be corrected where its data set isn't.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.versions import history_directory
from imgclf.spelling import composed
from imgclf.system.files import atomic_write
from imgclf.system.kept_files import load_arrays

if TYPE_CHECKING:
    from imgclf.data.dataset import Part  # which brings all that a config can say

DEFAULT_BYTES = 64_000_000


@dataclass(frozen=True)
class Samples:
    """Labelled pictures: pixels uint8 (pictures, height, width, 3), labels (pictures,)."""

    pixels: Pixels
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self) -> Iterator[Pixels]:
        """The pixels, as many at a time as an engine takes at once."""
        for start in range(0, len(self), BATCH_SIZE):
            yield self.pixels[start : start + BATCH_SIZE]

    def without(self, pixels: Pixels) -> Samples:
        """Less the pictures that have exactly these pixels, shape (n, height, width, 3)."""
        unwanted = {picture.tobytes() for picture in pixels}
        kept = [row for row in range(len(self)) if self.pixels[row].tobytes() not in unwanted]
        return Samples(self.pixels[kept], self.labels[kept])

    def with_labels(self, pixels: Pixels, labels: NDArray[np.int64]) -> Samples:
        """The same, but pictures that have exactly these pixels get these labels."""
        known = {one.tobytes(): label for one, label in zip(pixels, labels, strict=True)}
        mine = [known.get(self.pixels[row].tobytes(), self.labels[row]) for row in range(len(self))]
        return Samples(self.pixels, np.array(mine, np.int64))

    def renamed(self, before: Sequence[str], now: Sequence[str]) -> Samples:
        """With labels that are indices into other class names; classes not among them go."""
        index = np.array([now.index(name) if name in now else -1 for name in before], np.int64)
        labels = index[self.labels]
        if (labels >= 0).all():
            return Samples(self.pixels, labels)
        return Samples(self.pixels[labels >= 0], labels[labels >= 0])


@dataclass(frozen=True)
class ReplayMemory:
    """Pictures that the model was trained on, and pictures that it wasn't, to judge it by.

    Attributes:
        class_names: What the labels are indices into.
    """

    replay: Samples
    judge: Samples
    class_names: tuple[str, ...]

    def for_model(self, manifest: Manifest) -> ReplayMemory | None:
        """As a version of the model needs it, or None if it is of another size of pictures.

        A model that was trained anew may have other classes, and rolling back must not let the
        new labels judge the old model.
        """
        decoder = manifest.decoder
        if self.judge.pixels.shape[1:3] != (decoder.height, decoder.width):
            return None
        names = manifest.class_names
        memory = ReplayMemory(
            self.replay.renamed(self.class_names, names),
            self.judge.renamed(self.class_names, names),
            names,
        )
        return memory if len(memory.replay) and len(memory.judge) else None


def choose_memory(
    training: Part,
    validation: Part,
    class_names: Sequence[str],
    seed: int,
    size: int = DEFAULT_BYTES,
) -> ReplayMemory:
    """Chooses what to keep of a data set, balanced over the classes.

    A third of the room is for judging and the rest for replaying; what one part can't fill, the
    other gets.

    Args:
        training: To replay.
        validation: To judge by.
        class_names: Of both, in output order.
        seed: Of the choice.
        size: Bytes to stay below.
    """
    room = max(size // int(np.prod(training.pixels.shape[1:])), 2)
    to_judge = min(len(validation), max(room // 3, room - len(training)))
    return ReplayMemory(
        replay=_sample(training, room - to_judge, seed),
        judge=_sample(validation, to_judge, seed),
        class_names=tuple(class_names),
    )


def save_memory(model: Path, memory: ReplayMemory) -> None:
    """Writes the memory of a model, replacing what there was.

    Raises:
        WriteError: There is no room for it.
    """
    samples = (memory.replay, memory.judge)
    atomic_write(
        history_directory(model) / "memory.npz",
        lambda stream: np.savez(
            stream,
            replay_pixels=memory.replay.pixels,
            replay_labels=memory.replay.labels,
            judge_pixels=memory.judge.pixels,
            judge_labels=memory.judge.labels,
            class_names=np.array(memory.class_names),
        ),
        size=sum(one.pixels.nbytes + one.labels.nbytes for one in samples),
    )


def load_memory(model: Path) -> ReplayMemory | None:
    """The memory of a model; None if it has none.

    Raises:
        ModelFileError: It is damaged.
    """
    path = history_directory(model) / "memory.npz"
    try:
        arrays = load_arrays(path)
        names = tuple(map(composed, map(str, arrays["class_names"].tolist())))
        replay, judge = (_read(arrays, part, len(names)) for part in ("replay", "judge"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise ModelFileError(f"{path} is damaged: {error}", "train the model again") from error
    return ReplayMemory(replay, judge, names)


def forget_memory(model: Path) -> None:
    """Removes the memory of a model, if it has one."""
    (history_directory(model) / "memory.npz").unlink(missing_ok=True)


def balanced_rows(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """So many of the pictures with these labels, in their order.

    Classes take turns, so that a rare class is kept whole before a common one.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    return np.sort(np.lexsort((labels, turn))[:count])


def _read(arrays: Mapping[str, NDArray[Any]], part: str, num_classes: int) -> Samples:
    pixels, labels = arrays[f"{part}_pixels"], arrays[f"{part}_labels"]
    fits = (
        pixels.dtype == np.uint8
        and pixels.ndim == 4
        and pixels.shape[3] == 3
        and labels.dtype == np.int64
        and labels.shape == (len(pixels),)
        and ((labels >= 0) & (labels < num_classes)).all()
    )
    if not fits:
        raise ValueError(f"its pictures to {part} and their labels don't fit together")
    return Samples(pixels, labels)


def _sample(part: Part, count: int, seed: int) -> Samples:
    chosen = balanced_rows(part.labels, count, seed)
    return Samples(np.asarray(part.pixels[part.rows[chosen]]), part.labels[chosen])
