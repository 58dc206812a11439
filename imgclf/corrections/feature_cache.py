"""Responses to pictures that stay the same, kept so that a correction need not run them again.

The trained network never changes by a correction, so its responses to the replay memory and to
the pictures corrected earlier are good until the next training. They lie in
`NAME.history/responses.npz` and can be deleted at any time: without them a correction takes as
long again.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np

from imgclf.corrections.neurons import Responses
from imgclf.data.decoder import Pixels
from imgclf.model_file.versions import history_directory
from imgclf.system.files import atomic_write


class RespondingNetwork(Protocol):
    """A network whose responses are kept."""

    def responses(self, pixels: Pixels) -> Responses:
        """What it makes of uint8 pictures of shape (pictures, height, width, 3)."""

    def fingerprint(self) -> str:
        """Changes when its responses do."""


class ResponseCache:
    """Responses by picture; the network is asked only for those that aren't known.

    Args:
        model: The model file; the responses are kept beside it.
        network: Its network.
    """

    def __init__(self, model: Path, network: RespondingNetwork) -> None:
        self._file = history_directory(model) / "responses.npz"
        self._network = network
        self._fingerprint = network.fingerprint()
        self._rows: dict[bytes, int] = {}
        self._known = network.responses(np.zeros((0, 0, 0, 3), np.uint8))
        self._load()

    def responses(self, pixels: Pixels) -> Responses:
        """To uint8 pictures of shape (pictures, height, width, 3), in their order.

        Features are rounded to float16 on the way to the disk and back, which changes
        probabilities by some 1e-6.
        """
        keys = [hashlib.sha256(picture.tobytes()).digest() for picture in pixels]
        new = [row for row, key in enumerate(keys) if key not in self._rows]
        if new:
            self.add(pixels[new], self._network.responses(pixels[new]))
        return self._known[np.array([self._rows[key] for key in keys], np.int64)]

    def add(self, pixels: Pixels, responses: Responses) -> None:
        """Takes responses that are known already.

        Args:
            pixels: uint8, shape (pictures, height, width, 3).
            responses: To these, in their order.
        """
        count = len(self._known)
        self._known = Responses(
            np.concatenate([self._known.features, responses.features]),
            np.concatenate([self._known.logits, responses.logits]),
        )
        keys = (hashlib.sha256(picture.tobytes()).digest() for picture in pixels)
        self._rows |= {key: count + index for index, key in enumerate(keys)}

    def keep(self) -> None:
        """Writes the responses, each picture's once.

        Raises:
            WriteError: There is no room for them.
        """
        rows = np.array(list(self._rows.values()), np.int64)
        atomic_write(
            self._file,
            lambda stream: np.savez(
                stream,
                fingerprint=np.array(self._fingerprint),
                keys=np.array([list(key) for key in self._rows], np.uint8),
                features=self._known.features[rows].astype(np.float16),
                logits=self._known.logits[rows],
            ),
        )

    def _load(self) -> None:
        try:
            with np.load(self._file, allow_pickle=False) as arrays:
                if str(arrays["fingerprint"]) != self._fingerprint:
                    return
                known = Responses(arrays["features"].astype(np.float32), arrays["logits"])
                rows = {bytes(key): row for row, key in enumerate(arrays["keys"])}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return
        shapes = (known.features.shape[1:], known.logits.shape[1:])
        expected = (self._known.features.shape[1:], self._known.logits.shape[1:])
        if shapes == expected and len(rows) == len(known) == len(known.features):
            self._known, self._rows = known, rows
