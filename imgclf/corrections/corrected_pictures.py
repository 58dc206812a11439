"""The pictures that people corrected, kept beside the model: they must stay right, and the next
training learns from them.

They lie in `NAME.history/corrected/` as the files they were, by the SHA-256 of their content:
another model may take pictures of another size. Earlier versions kept them as they had decoded
them, in PNG files by the same names; these are read as well.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imgclf.corrections.replay_memory import Samples
from imgclf.data.decoder import PICTURE_SUFFIXES, DecoderSettings, Pixels, decode
from imgclf.data.picture_files import file_digest
from imgclf.errors import PictureError
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.system.files import atomic_write_bytes

LARGEST_KEPT = 64_000_000
"""In bytes; of a larger file its pixels are kept, at the model's size."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def keep_picture(model: Path, digest: str, source: Path, pixels: Pixels) -> None:
    """Keeps a corrected picture as the file it is.

    If that is too large, or is not what it was a moment ago, its pixels are kept instead.

    Args:
        model: The model file.
        digest: SHA-256 of the picture's file.
        source: That file.
        pixels: What was decoded of it.

    Raises:
        WriteError: There is no room for it.
    """
    kept = kept_file(model, digest)
    if kept is not None and file_digest(kept) == digest:
        return
    content, suffix = _content(source, digest), source.suffix.lower()
    if content is None:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")  # lossless
        content, suffix = stream.getvalue(), ".png"
    target = _folder(model) / (digest + (suffix if suffix in PICTURE_SUFFIXES else ""))
    atomic_write_bytes(target, content)
    if kept is not None and kept != target:  # damaged, or of an earlier version
        kept.unlink(missing_ok=True)


def kept_file(model: Path, digest: str) -> Path | None:
    """Where a corrected picture is kept; None if it isn't.

    Args:
        model: The model file.
        digest: SHA-256 of the file that was corrected. A PNG file by this name may be the pixels
            of it, and then has another SHA-256 itself.
    """
    if not _DIGEST.fullmatch(digest):  # of a journal that somebody else wrote
        return None
    names = (digest, *(f"{digest}{suffix}" for suffix in sorted(PICTURE_SUFFIXES)))
    return next((path for path in (_folder(model) / name for name in names) if _whole(path)), None)


def load_picture(model: Path, digest: str, settings: DecoderSettings) -> Pixels | None:
    """A corrected picture, uint8 (height, width, 3); None if it is gone or damaged."""
    path = kept_file(model, digest)
    try:
        return None if path is None else decode(path, settings)
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


def _content(source: Path, digest: str) -> bytes | None:
    """What a file holds, if that is what it held when it was decoded, and not too much."""
    try:
        with source.open("rb") as stream:
            content = stream.read(LARGEST_KEPT + 1)
    except OSError:  # it went away in between
        return None
    if len(content) > LARGEST_KEPT or hashlib.sha256(content).hexdigest() != digest:
        return None
    return content


def _whole(path: Path) -> bool:
    """Whether it is a file, of a size that we would have kept."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and 0 < found.st_size <= LARGEST_KEPT


def _stack(pixels: Sequence[Pixels], settings: DecoderSettings) -> Pixels:
    empty = np.zeros((0, settings.height, settings.width, 3), np.uint8)
    return np.stack(pixels) if pixels else empty


def _folder(model: Path) -> Path:
    return history_directory(model) / "corrected"
