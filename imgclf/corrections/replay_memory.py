"""The replay memory: training and held-out pictures kept beside a model.

Retraining needs both: some to stay silent on, others to be judged by. They are kept as decoded
pixels in `NAME.history/memory.npz`, so that a model can be corrected where its data set isn't.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import DIGEST_SIZE, short_digest
from imgclf.spelling import composed
from imgclf.system.files import atomic_write
from imgclf.system.kept_arrays import load_arrays, texts_in
from imgclf.system.mapped_arrays import map_array

if TYPE_CHECKING:
    from imgclf.data.dataset import Part  # which brings all that a config can say

DEFAULT_BYTES = 64_000_000

_DIGEST_SIZE = 32  # bytes, of SHA-256


class Samples:
    """Labelled pictures, which may stay on the disk until somebody looks at them.

    Args:
        pixels: uint8, shape (pictures, height, width, 3).
        labels: Shape (pictures,).
        digests: Of the pictures' files, as `short_digest` gives them, uint8, shape (pictures, 16);
            None in memories of earlier versions.
        pixel_digests: From `digests_of`, if they are known: pixels from the disk are compared
            with them.

    Attributes:
        labels: Shape (pictures,).
        digests: Shape (pictures, 16), or None.
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: NDArray[np.int64],
        digests: NDArray[np.uint8] | None = None,
        *,
        pixel_digests: Sequence[bytes] | None = None,
    ) -> None:
        self.labels, self.digests = labels, digests
        self._held = _Held(pixels, pixel_digests)
        self._rows = np.arange(len(labels))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pixels(self) -> Pixels:
        """All pixels, uint8, shape (pictures, height, width, 3).

        Raises:
            ModelFileError: They are not those that were written.
        """
        return self._held.at(self._rows)

    def pixels_at(self, rows: NDArray[np.int64] | slice) -> Pixels:
        """Those of some of the pictures, in the order of `rows`; the errors are the same."""
        return self._held.at(self._rows[rows])

    @property
    def pixel_digests(self) -> list[bytes]:
        """SHA-256 of each picture's pixels."""
        digests = self._held.digests
        return [digests[row] for row in self._rows.tolist()]

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """(height, width, 3)."""
        return self._held.pixels.shape[1:]

    def batches(self) -> Iterator[Pixels]:
        """The pixels, as many at a time as an engine takes at once."""
        for start in range(0, len(self), BATCH_SIZE):
            yield self.pixels_at(slice(start, start + BATCH_SIZE))

    def at(self, rows: NDArray[np.int64]) -> Samples:
        """Some of them."""
        return self._at(rows, self.labels)

    def without(self, pixels: Pixels, digests: Collection[str] = ()) -> Samples:
        """Less some pictures.

        Args:
            pixels: Of those that go, shape (n, height, width, 3).
            digests: SHA-256 of files that go, in hexadecimal.
        """
        unwanted, files = set(digests_of(pixels)), set(map(short_digest, digests))
        kept = [
            row
            for row, one in enumerate(self.pixel_digests)
            if one not in unwanted
            and (self.digests is None or self.digests[row].tobytes() not in files)
        ]
        return self.at(np.array(kept, np.int64))

    def renamed(self, before: Sequence[str], now: Sequence[str]) -> Samples:
        """With labels that are indices into other class names; classes not among them go."""
        index = np.array([now.index(name) if name in now else -1 for name in before], np.int64)
        labels = index[self.labels]
        return self._at(np.flatnonzero(labels >= 0), labels)

    def _at(self, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> Samples:
        """Some of them, with other labels, of which there is one for each of all."""
        found = copy.copy(self)
        found.labels, found._rows = labels[rows], self._rows[rows]
        found.digests = None if self.digests is None else self.digests[rows]
        return found


class _Held:
    """Pixels that several `Samples` are some of, in memory or on the disk."""

    def __init__(self, pixels: Pixels, digests: Sequence[bytes] | None) -> None:
        self.pixels = pixels
        self._stored = digests

    @cached_property
    def digests(self) -> Sequence[bytes]:
        return digests_of(self.pixels) if self._stored is None else self._stored

    def at(self, rows: NDArray[np.int64]) -> Pixels:
        all_of_them = np.array_equal(rows, np.arange(len(self.pixels)))
        found = self.pixels if all_of_them else self.pixels[rows]
        if self._stored is not None:
            expected = [self._stored[row] for row in rows.tolist()]
            if digests_of(found) != expected:
                raise ModelFileError(
                    "the model's replay memory is damaged: its pictures are not what was written",
                    "train the model again",
                )
        return np.asarray(found)


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
        if self.judge.picture_shape[:2] != (decoder.height, decoder.width):
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
        pixel_digests = np.frombuffer(b"".join(part.pixel_digests), np.uint8)
        arrays |= {
            f"{name}_pixels": part.pixels,
            f"{name}_labels": part.labels,
            f"{name}_pixel_digests": pixel_digests.reshape(-1, _DIGEST_SIZE),
        }
        if part.digests is not None:
            arrays[f"{name}_digests"] = part.digests
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
        arrays = load_arrays(path, but=("replay_pixels", "judge_pixels"))
        names = tuple(map(composed, texts_in(arrays, "class_names")))
        if "replay_pixel_digests" not in arrays:  # of an earlier imgclf; only the whole is checked
            arrays = load_arrays(path)
        replay, judge = (_read(path, arrays, part, len(names)) for part in ("replay", "judge"))
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


def _read(path: Path, arrays: Mapping[str, NDArray[Any]], part: str, num_classes: int) -> Samples:
    labels, digests = arrays[f"{part}_labels"], arrays.get(f"{part}_pixel_digests")
    pixels = arrays.get(f"{part}_pixels")
    pixels = map_array(path, f"{part}_pixels") if pixels is None else pixels
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
    files = arrays.get(f"{part}_digests")
    for known, size in ((digests, _DIGEST_SIZE), (files, DIGEST_SIZE)):
        if known is not None and (known.dtype != np.uint8 or known.shape != (len(labels), size)):
            raise ValueError(f"its pictures to {part} and their digests don't fit together")
    pixel_digests = None if digests is None else [row.tobytes() for row in digests]
    return Samples(pixels, labels, files, pixel_digests=pixel_digests)


def _sample(part: Part, count: int, seed: int) -> Samples:
    chosen = balanced_rows(part.labels, count, seed)
    digests = b"".join(short_digest(part.pictures[place].digest) for place in chosen.tolist())
    return Samples(
        np.asarray(part.pixels[part.rows[chosen]]),
        part.labels[chosen],
        np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_SIZE),
    )
