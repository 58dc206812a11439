"""The replay memory: training and held-out pictures kept beside a model.

Retraining needs both: some to stay silent on, others to be judged by. They are kept as decoded
pixels in `NAME.history/memory.npz`, so that a model can be corrected where its data set isn't.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgclf.data.dataset import Part
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.versions import history_directory
from imgclf.spelling import composed
from imgclf.system.files import atomic_write
from imgclf.system.mapped_arrays import map_array

DEFAULT_BYTES = 64_000_000


class Samples:
    """Labelled pictures, which may stay on the disk until somebody looks at them.

    Args:
        pixels: uint8, shape (pictures, height, width, 3).
        labels: Shape (pictures,).
        digests: SHA-256 of each picture's pixels, uint8, shape (pictures, 32), if that is known:
            then what comes from the disk is compared with it.

    Attributes:
        labels: Shape (pictures,).
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: NDArray[np.int64],
        digests: NDArray[np.uint8] | None = None,
    ) -> None:
        self.labels = labels
        self._all, self._rows = pixels, np.arange(len(labels))
        self._stored = digests

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pixels(self) -> Pixels:
        """All pixels, uint8, shape (pictures, height, width, 3).

        Raises:
            ModelFileError: They are not those that were written.
        """
        return self.pixels_at(np.arange(len(self)))

    def pixels_at(self, rows: NDArray[np.int64]) -> Pixels:
        """Those of some of the pictures, in the order of `rows`; the errors are the same."""
        chosen = self._rows[rows]
        in_place = len(chosen) == len(self._all) and np.array_equal(chosen, np.arange(len(chosen)))
        found = self._all if in_place else self._all[chosen]
        if self._stored is not None and digests_of(found) != self._digests_at(chosen):
            raise ModelFileError(
                "the replay memory of the model is damaged: its pictures are not those it says",
                "train the model again",
            )
        return np.asarray(found)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a picture, (height, width, 3)."""
        return self._all.shape[1:]

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each picture's pixels."""
        if self._stored is None:
            return digests_of(self._all[self._rows])
        return self._digests_at(self._rows)

    def batches(self) -> Iterator[Pixels]:
        """The pixels, as many at a time as an engine takes at once."""
        for start in range(0, len(self), BATCH_SIZE):
            yield self.pixels_at(np.arange(start, min(start + BATCH_SIZE, len(self))))

    def without(self, pixels: Pixels) -> Samples:
        """Less the pictures that have exactly these pixels, shape (n, height, width, 3)."""
        unwanted = set(digests_of(pixels))
        kept = [row for row, digest in enumerate(self.digests) if digest not in unwanted]
        return self._chosen(np.array(kept, np.int64), self.labels)

    def with_labels(self, pixels: Pixels, labels: NDArray[np.int64]) -> Samples:
        """The same, but pictures that have exactly these pixels get these labels."""
        known = dict(zip(digests_of(pixels), labels.tolist(), strict=True))
        mine = zip(self.digests, self.labels.tolist(), strict=True)
        given = np.array([known.get(digest, label) for digest, label in mine], np.int64)
        return self._chosen(np.arange(len(self)), given)

    def renamed(self, before: Sequence[str], now: Sequence[str]) -> Samples:
        """With labels that are indices into other class names; classes not among them go."""
        index = np.array([now.index(name) if name in now else -1 for name in before], np.int64)
        labels = index[self.labels]
        return self._chosen(np.flatnonzero(labels >= 0), labels)

    def _chosen(self, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> Samples:
        """Some of them, with labels of the shape that those of all have."""
        found = Samples(self._all, labels[rows], self._stored)
        found._rows = self._rows[rows]
        if "digests" in self.__dict__:  # to hash pixels takes longer than anything else here
            found.__dict__["digests"] = [self.digests[row] for row in rows.tolist()]
        return found

    def _digests_at(self, rows: NDArray[np.int64]) -> list[bytes]:
        assert self._stored is not None
        return [row.tobytes() for row in self._stored[rows]]


def digests_of(pixels: Pixels) -> list[bytes]:
    """SHA-256 of each picture's pixels, shape (pictures, height, width, 3)."""
    return [hashlib.sha256(np.ascontiguousarray(picture).data).digest() for picture in pixels]


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
        if self.judge.shape[:2] != (decoder.height, decoder.width):
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
    parts = {"replay": memory.replay, "judge": memory.judge}
    arrays: dict[str, Any] = {"class_names": np.array(memory.class_names)}
    for name, part in parts.items():
        arrays |= {
            f"{name}_pixels": part.pixels,
            f"{name}_labels": part.labels,
            f"{name}_digests": np.array([list(one) for one in part.digests], np.uint8),
        }
    atomic_write(
        history_directory(model) / "memory.npz",
        lambda stream: np.savez(stream, **arrays),
        size=sum(array.nbytes for array in arrays.values()),
    )


def load_memory(model: Path) -> ReplayMemory | None:
    """The memory of a model; None if it has none. Its pixels are read when they are asked for.

    Raises:
        ModelFileError: It is damaged.
    """
    path = history_directory(model) / "memory.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return ReplayMemory(
                _part(path, arrays, "replay"),
                _part(path, arrays, "judge"),
                tuple(map(composed, arrays["class_names"].tolist())),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is damaged: {error}", "train the model again") from error


def _part(path: Path, arrays: Any, name: str) -> Samples:
    labels, digests = arrays[f"{name}_labels"], arrays.get(f"{name}_digests")
    if digests is None:  # as earlier versions wrote it: only all of it can be checked
        return Samples(arrays[f"{name}_pixels"], labels)
    pixels = map_array(path, f"{name}_pixels")
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or digests.shape != (len(labels), 32):
        raise ValueError(f"its {name} pictures are of another kind")
    if len(pixels) != len(labels) or digests.dtype != np.uint8:
        raise ValueError(f"it has {len(pixels)} {name} pictures and {len(labels)} labels")
    return Samples(pixels, labels, digests)


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
    return Samples(np.asarray(part.pixels[part.rows[chosen]]), part.labels[chosen])
