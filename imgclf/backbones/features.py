"""What a pretrained network makes of pictures: computed once, by LiteRT, and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.feature_store import Features, FeatureStore, StoreInMemory, store_in
from imgclf.backbones.views import View, seen
from imgclf.data.cache import DECODER_VERSION
from imgclf.data.dataset import Part
from imgclf.data.decoder import DecoderSettings, Pixels
from imgclf.system.cache_folders import cache_folders
from imgclf.system.threads import work_through
from imgclf.work_folders import CACHE_DIRECTORY

# As many as the graph is fed at once; enough of them that adding rows to the store costs nothing.
_CHUNK = 64
# Of what is computed of them: maps of a lower part can be a thousand times as large as features.
_CHUNK_NUMBERS = 1 << 23
# That may wait to be written: a disk can be slower than the network.
_WAITING_NUMBERS = 1 << 26


class Network(Protocol):
    """A network, or its lower part, that makes a row of numbers of a picture."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def identity(self) -> str:
        """Changes when the numbers do."""

    @property
    def width(self) -> int:
        """How many there are of a picture."""

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Shape (pictures, width), of uint8 (pictures, height, width, 3)."""


@dataclass(frozen=True)
class PartFeatures:
    """Features of the pictures of a part, in one or more views.

    Attributes:
        values: float16, shape (rows, features), memory-mapped; more rows than these.
        rows: Of each picture in each view, shape (views, pictures).
    """

    values: Features
    rows: NDArray[np.int64]


def compute_features(
    network: Network,
    part: Part,
    settings: DecoderSettings,
    views: Sequence[View] = ("clean",),
    cache_directory: Path = CACHE_DIRECTORY,
) -> PartFeatures:
    """The features of pictures; the network is run only on those that it has not seen before.

    Args:
        network: From `features_network`, say.
        part: The pictures.
        settings: How they were decoded.
        views: What of each of them.
        cache_directory: Where features are kept; where that can't be written, they are among the
            user's caches, and where these can't either, in memory.

    Raises:
        WriteError: The cache can't be written.
        DataError: A picture that isn't kept decoded can't be read any more.
        ModelFileError: The network's graph can't be run.
    """
    names = [[_name(picture.digest, view) for picture in part.pictures] for view in views]
    key, wanted = _key(network, settings), set(chain.from_iterable(names))
    store = store_in(cache_folders(cache_directory), key, network.width, wanted)
    places = store.places()
    for view, of_view in zip(views, names, strict=True):
        missing = [index for index, name in enumerate(of_view) if name not in places]
        if missing:
            _fill(store, network, part, view, of_view, missing)
            places = store.places()
    rows = np.array([[places[name] for name in of_view] for of_view in names], np.int64)
    return PartFeatures(store.rows(), rows)


def _fill(
    store: FeatureStore | StoreInMemory,
    network: Network,
    part: Part,
    view: View,
    names: Sequence[bytes],
    missing: Sequence[int],
) -> None:
    # Equal files count once.
    first = list({names[index]: index for index in missing}.values())
    size = max(1, min(_CHUNK, _CHUNK_NUMBERS // network.width))
    chunks = [first[start : start + size] for start in range(0, len(first), size)]

    def run(chunk: list[int]) -> tuple[list[int], NDArray[np.float32]]:
        pixels = part.pixels[part.rows[np.array(chunk, np.int64)]]
        return chunk, network.run(seen(pixels, view))

    what = f"looking at {'mirrored ' * (view == 'mirrored')}pictures with {network.name}"
    # One thread, for the graph has a thread for each core itself; this one is free meanwhile.
    with closing(
        work_through(
            run,
            chunks,
            what,
            meanwhile="needed",
            threads=1,
            window=max(2, _WAITING_NUMBERS // (size * network.width)),
            counts=len,
        )
    ) as computed:
        for chunk, rows in computed:
            store.add([names[index] for index in chunk], rows)


def _key(network: Network, settings: DecoderSettings) -> str:
    made_of = f"{network.identity} {DECODER_VERSION} {settings}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]


def _name(digest: str, view: View) -> bytes:
    return hashlib.sha256(f"{digest} {view}".encode()).digest()
