"""The pictures corrected so far, kept beside the model: they must stay right."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imgclf.corrections.replay_memory import Samples
from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.errors import PictureError
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.model_file.versions import history_directory
from imgclf.system.files import atomic_write


def keep_picture(model: Path, digest: str, pixels: Pixels) -> None:
    """Keeps a corrected picture as it was decoded, under its file's SHA-256."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")  # lossless, and people can look at it
    atomic_write(_file(model, digest), lambda stream: stream.write(content.getvalue()))


def kept_file(model: Path, digest: str) -> Path | None:
    """Where a corrected picture is kept; None if it isn't."""
    path = _file(model, digest)
    return path if path.is_file() else None


def load_picture(model: Path, digest: str, settings: DecoderSettings) -> Pixels | None:
    """A corrected picture, uint8 (height, width, 3); None if it is gone or damaged."""
    try:
        return decode(_file(model, digest), settings)
    except PictureError:
        return None


def load_corrected(model: Path, manifest: Manifest) -> tuple[Samples, list[Correction]]:
    """The pictures that this version of a model has been corrected by.

    Returns:
        Their pixels and labels, and the corrections whose pictures are gone or damaged. A
        picture corrected more than once has the last label.
    """
    settings = manifest.decoder.settings()
    last = {correction.digest: correction for correction in manifest.corrections}
    pixels, labels, gone = [], [], []
    for correction in last.values():
        picture = load_picture(model, correction.digest, settings)
        if picture is None:
            gone.append(correction)
        else:
            pixels.append(picture)
            labels.append(manifest.class_names.index(correction.label))
    return Samples(_stack(pixels, settings), np.array(labels, np.int64)), gone


def _stack(pixels: Sequence[Pixels], settings: DecoderSettings) -> Pixels:
    empty = np.zeros((0, settings.height, settings.width, 3), np.uint8)
    return np.stack(pixels) if pixels else empty


def _file(model: Path, digest: str) -> Path:
    return history_directory(model) / "corrected" / f"{digest}.png"
