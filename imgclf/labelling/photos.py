"""The pictures of a folder: which can be read, which are one, and what is seen in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.as_it_came import DEFAULT, features_as_it_came
from imgclf.backbones.feature_store import Features
from imgclf.config.backbone import Backbone, default_image_size
from imgclf.data.cache import decode_all
from imgclf.data.decoder import DecoderSettings
from imgclf.data.file_walk import Skipped, walk_files
from imgclf.data.near_copies import near_copies
from imgclf.data.picture_files import may_be_picture, read_pictures
from imgclf.errors import DataError
from imgclf.labelling.judging import draw
from imgclf.system import console

MOST = 20_000
"""More pictures than these are not looked at: a look takes 10 ms, and so many are plenty."""


@dataclass(frozen=True)
class Photos:
    """Pictures that can be read, each of them once.

    Attributes:
        paths: Where they lie.
        digests: SHA-256 of the files.
        groups: The same text for near copies; the digest of one of them.
        features: float16, shape (pictures, features).
    """

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    groups: tuple[str, ...]
    features: Features

    def __len__(self) -> int:
        return len(self.paths)


def look_at(
    directory: Path, also: Sequence[Path], skipped: list[Skipped], backbone: Backbone = DEFAULT
) -> Photos:
    """Finds the pictures below a folder and computes what a pretrained network sees in them.

    What was computed before is not computed again. Of more than `MOST` pictures so many are drawn.

    Args:
        directory: The folder, whatever folders are in it.
        also: Further pictures, that have labels; these are never left out by the draw.
        skipped: Gets the files that take no part.
        backbone: The network.

    Raises:
        DataError: There is no such folder, or no picture in it.
        ConfigError: The network or its weights can't be had.
        WriteError: The cache can't be written.
    """
    if not directory.is_dir():
        raise DataError(f"{directory} is no folder", "imgclf label FOLDER: one with pictures in it")
    below = [
        path for path in walk_files(directory, skipped.append) if may_be_picture(path, skipped)
    ]
    found = {path.resolve(): path for path in (*also, *below)}
    read = read_pictures([(path, 0) for path in found.values()], skipped)
    # In an order of their own, by which they are known for decoded, whichever have labels by now.
    by_digest = {picture.digest: picture for picture in reversed(read)}
    pictures = [by_digest[digest] for digest in sorted(by_digest)]
    if len(pictures) > MOST:
        wanted = set(also)
        pictures.sort(key=lambda one: (one.path not in wanted, draw(one.digest)))
        console.note(f"of {len(pictures):,} pictures {MOST:,} are looked at, drawn at random")
        pictures = pictures[:MOST]
    side = default_image_size(backbone.name)
    assert side is not None
    decoded = decode_all(pictures, DecoderSettings(side, side, "pad"), keep="none")
    skipped.extend(decoded.failures)
    failed = {failure.path for failure in decoded.failures}
    rows = [row for row, picture in enumerate(pictures) if picture.path not in failed]
    if not rows:
        raise DataError(f"{directory} has no pictures that can be read")
    readable = [pictures[row] for row in rows]
    return Photos(
        tuple(picture.path for picture in readable),
        tuple(picture.digest for picture in readable),
        _groups([picture.digest for picture in readable], decoded.looks["pixels"][rows]),
        features_as_it_came(readable, "pad", backbone),
    )


def _groups(digests: Sequence[str], looks: NDArray[np.uint8]) -> tuple[str, ...]:
    groups = list(digests)
    for places in near_copies(looks):
        first = min(digests[place] for place in places)
        for place in places:
            groups[place] = first
    return tuple(groups)
