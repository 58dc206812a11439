"""Responses to pictures that stay the same, kept so that a correction need not run them again.

The trained network never changes by a correction, so its responses to the replay memory and to
the pictures corrected earlier are good until the next training. They lie in
`NAME.history/responses.npz` and can be deleted at any time: without them a correction takes as
long again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from imgclf.corrections.neurons import Responses
from imgclf.corrections.replay_memory import Samples
from imgclf.data.decoder import Pixels
from imgclf.model_file.lookup import history_directory
from imgclf.system.files import atomic_write
from imgclf.system.kept_arrays import load_arrays

_DIGEST_BYTES = hashlib.sha256().digest_size
_AT_ONCE = 256  # pictures: each call of Keras costs a tenth of a second, each picture memory


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
        nothing = network.responses(np.zeros((0, 0, 0, 3), np.uint8))
        self._parts = [Responses(nothing.features.astype(np.float16), nothing.logits)]
        self._load()

    def responses(self, samples: Samples) -> Responses:
        """To pictures, in their order.

        Features are rounded to float16, as on the disk, which changes probabilities by some 1e-6.

        Raises:
            ModelFileError: The pictures are damaged, or the network can't be run on them.
        """
        keys = samples.pixel_digests
        new = [row for row, key in enumerate(keys) if key not in self._rows]
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            responses = self._network.responses(samples.pixels_at(np.array(some, np.int64)))
            self.add([keys[row] for row in some], responses)
        rows = np.array([self._rows[key] for key in keys], np.int64)
        known = self._joined()
        return Responses(known.features[rows].astype(np.float32), known.logits[rows])

    def add(self, digests: Sequence[bytes], responses: Responses) -> None:
        """Takes responses that are known already.

        Args:
            digests: Of the pictures' pixels; see `digests_of`.
            responses: To these, in their order.
        """
        count = sum(map(len, self._parts))
        self._parts.append(Responses(responses.features.astype(np.float16), responses.logits))
        self._rows |= {key: count + index for index, key in enumerate(digests)}

    def keep(self) -> None:
        """Writes the responses, each picture's once.

        Raises:
            WriteError: There is no room for them.
        """
        rows, known = np.array(list(self._rows.values()), np.int64), self._joined()
        atomic_write(
            self._file,
            lambda stream: np.savez(
                stream,
                fingerprint=np.array(self._fingerprint),
                keys=np.array([list(key) for key in self._rows], np.uint8),
                features=known.features[rows],
                logits=known.logits[rows],
            ),
        )

    def _joined(self) -> Responses:
        if len(self._parts) > 1:
            features = np.concatenate([part.features for part in self._parts])
            logits = np.concatenate([part.logits for part in self._parts])
            self._parts = [Responses(features, logits)]
        return self._parts[0]

    def _load(self) -> None:
        nothing = self._parts[0]
        try:
            arrays = load_arrays(self._file)
            if str(arrays["fingerprint"]) != self._fingerprint:
                return
            known = Responses(arrays["features"], arrays["logits"])
            keys = arrays["keys"]
            if keys.dtype != np.uint8 or keys.shape[1:] != (_DIGEST_BYTES,):
                return
            rows = {bytes(key): row for row, key in enumerate(keys)}
        except (OSError, ValueError, KeyError):
            return
        counts = {(len(rows),), *(one.shape[:1] for one in (keys, known.features, known.logits))}
        if _kind(known) == _kind(nothing) and len(counts) == 1 and np.isfinite(known.logits).all():
            self._parts, self._rows = [known], rows


def _kind(responses: Responses) -> tuple[object, ...]:
    """What is the same of all responses of a network."""
    features, logits = responses.features, responses.logits
    return features.shape[1:], features.dtype, logits.shape[1:], logits.dtype.kind
