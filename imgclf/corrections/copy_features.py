"""Features of corrected pictures and of light copies of them, kept beside the model.

The network that they are from never changes by a correction, so they are good until the next
training. They lie in `NAME.history/corrected-features.npz` and can be deleted at any time: without
them the next correction takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.augmented_copies import COPIES, light_copies
from imgclf.corrections.feature_memory import pixels_digest
from imgclf.data.decoder import Pixels
from imgclf.model.engine import LiteRTFeatures
from imgclf.model_file.lookup import history_directory
from imgclf.system.files import atomic_write
from imgclf.system.kept_arrays import load_arrays
from imgclf.system.threads import map_in_threads

Floats = NDArray[np.float32]

# So many pictures in one command get half of the copies, each of which counts twice: what the
# network takes for copies is most of the time, and fewer teach nearly as much.
_MANY = 20


@dataclass(frozen=True)
class _Known:
    features: Floats
    pixels: str


class CopyFeatures:
    """Features by picture; the network is run only for those that aren't known.

    Args:
        model: The model file.
        graph: SHA-256 of the network's graph.
        network: That graph, running.
    """

    def __init__(self, model: Path, graph: str, network: LiteRTFeatures) -> None:
        self._file = history_directory(model) / "corrected-features.npz"
        self._graph, self._network = graph, network
        self._known: dict[str, _Known] = self._load()

    def __contains__(self, digest: str) -> bool:
        return digest in self._known

    def __getitem__(self, digest: str) -> Floats:
        """Of a picture that is known: the picture's own first, shape (copies + 1, features)."""
        return self._known[digest].features

    def of_pictures(self) -> dict[str, Floats]:
        """Of each known picture itself, shape (features,)."""
        return {digest: one.features[0] for digest, one in self._known.items()}

    def pixels_digest(self, digest: str) -> str:
        """SHA-256 of a known picture as it was decoded, in hexadecimal."""
        return self._known[digest].pixels

    def add(self, pictures: Mapping[str, Pixels]) -> None:
        """Looks at those that aren't known yet.

        Args:
            pictures: uint8, shape (height, width, 3), by the SHA-256 of their files.
        """
        unknown = {one: pixels for one, pixels in pictures.items() if one not in self._known}
        times = 2 if len(unknown) >= _MANY else 1
        # Copies of the next are made while the network, which takes longer, looks at one's.
        of_each = map_in_threads(
            lambda pixels: light_copies(pixels, COPIES // times), unknown.values(), window=4
        )
        for (digest, pixels), copies in zip(unknown.items(), of_each, strict=True):
            own, *others = self._network.run(copies)[1]
            features = np.stack([own, *others * times])
            # As they will be read again, so that a correction comes to the same each time.
            stored = features.astype(np.float16).astype(np.float32)
            self._known[digest] = _Known(stored, pixels_digest(pixels))

    def keep(self) -> None:
        """Writes all that is known.

        Raises:
            WriteError: There is no room for it.
        """
        known = self._known.values()
        values = np.stack([one.features for one in known]).astype(np.float16)
        atomic_write(
            self._file,
            lambda stream: np.savez(
                stream,
                graph=np.array(self._graph),
                digests=np.array(list(self._known)),
                pixels=np.array([one.pixels for one in known]),
                values=values,
            ),
            size=values.nbytes,
        )

    def _load(self) -> dict[str, _Known]:
        try:
            arrays = load_arrays(self._file)
            digests, values = arrays["digests"].tolist(), arrays["values"]
            pixels = arrays["pixels"].tolist()
        except (OSError, ValueError, KeyError):
            return {}
        if str(arrays.get("graph")) != self._graph or values.dtype != np.float16:
            return {}
        if values.ndim != 3 or values.shape[2] != self._network.width:
            return {}
        known = map(_Known, values.astype(np.float32), pixels)
        return dict(zip(digests, known, strict=False))
