"""The replay memory: training and held-out pictures kept beside a model.

Retraining needs both: some to stay silent on, others to be judged by. They are kept as decoded
pixels in `NAME.history/memory.npz`, so that a model can be corrected where its data set isn't.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import Part
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import DIGEST_SIZE, short_digest
from imgclf.model_file.versions import history_directory
from imgclf.spelling import composed
from imgclf.system.files import atomic_write

DEFAULT_BYTES = 64_000_000


@dataclass(frozen=True)
class Samples:
    """Labelled pictures.

    Attributes:
        pixels: uint8, shape (pictures, height, width, 3).
        labels: Shape (pictures,).
        digests: Of the pictures' files, as `short_digest` gives them, uint8, shape (pictures, 16);
            None in memories of earlier versions.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    digests: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self) -> Iterator[Pixels]:
        """The pixels, as many at a time as an engine takes at once."""
        for start in range(0, len(self), BATCH_SIZE):
            yield self.pixels[start : start + BATCH_SIZE]

    def at(self, rows: NDArray[np.int64]) -> Samples:
        """Some of them."""
        digests = None if self.digests is None else self.digests[rows]
        return Samples(self.pixels[rows], self.labels[rows], digests)

    def without(self, pixels: Pixels, digests: Collection[str] = ()) -> Samples:
        """Less some pictures.

        Args:
            pixels: Of those that go, shape (n, height, width, 3).
            digests: SHA-256 of files that go, in hexadecimal.
        """
        unwanted = {picture.tobytes() for picture in pixels}
        files = set(map(short_digest, digests))
        kept = [
            row
            for row in range(len(self))
            if self.pixels[row].tobytes() not in unwanted
            and (self.digests is None or self.digests[row].tobytes() not in files)
        ]
        return self.at(np.array(kept, np.int64))

    def renamed(self, before: Sequence[str], now: Sequence[str]) -> Samples:
        """With labels that are indices into other class names; classes not among them go."""
        index = np.array([now.index(name) if name in now else -1 for name in before], np.int64)
        renamed = Samples(self.pixels, index[self.labels], self.digests)
        known = renamed.labels >= 0
        return renamed if known.all() else renamed.at(np.flatnonzero(known))


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
    digests: dict[str, Any] = (
        {} if memory.judge.digests is None else {"judge_digests": memory.judge.digests}
    )
    atomic_write(
        history_directory(model) / "memory.npz",
        lambda stream: np.savez(
            stream,
            replay_pixels=memory.replay.pixels,
            replay_labels=memory.replay.labels,
            judge_pixels=memory.judge.pixels,
            judge_labels=memory.judge.labels,
            class_names=np.array(memory.class_names),
            **digests,
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
        with np.load(path, allow_pickle=False) as arrays:
            return ReplayMemory(
                Samples(arrays["replay_pixels"], arrays["replay_labels"]),
                Samples(
                    arrays["judge_pixels"],
                    arrays["judge_labels"],
                    _read_digests(arrays, len(arrays["judge_labels"])),
                ),
                tuple(map(composed, arrays["class_names"].tolist())),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is damaged: {error}", "train the model again") from error


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


def _sample(part: Part, count: int, seed: int) -> Samples:
    chosen = balanced_rows(part.labels, count, seed)
    digests = b"".join(short_digest(part.pictures[place].digest) for place in chosen.tolist())
    return Samples(
        np.asarray(part.pixels[part.rows[chosen]]),
        part.labels[chosen],
        np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_SIZE),
    )


def _read_digests(arrays: np.lib.npyio.NpzFile, count: int) -> NDArray[np.uint8] | None:
    if "judge_digests" not in arrays:  # as earlier versions wrote it
        return None
    digests: NDArray[np.uint8] = arrays["judge_digests"]
    if digests.dtype != np.uint8 or digests.shape != (count, DIGEST_SIZE):
        raise ValueError("its pictures and their digests don't fit together")
    return digests
