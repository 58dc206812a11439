"""The pictures of a data set laid out in two dimensions by what a network makes of them.

By t-SNE (van der Maaten and Hinton 2008, Visualizing Data using t-SNE) where scikit-learn is
installed, which shows groups; else along the two directions of most variance, which shows them
only where they lie apart in these.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgclf.corrections.familiar_pictures import FeaturesOfSome
from imgclf.data.dataset import DataSet
from imgclf.model.probabilities import Probabilities
from imgclf.report.run_facts import PictureMap
from imgclf.system import console

MOST: Final = 1000
"""By t-SNE some 3 seconds of processor time."""
_FEWEST: Final = 10
_MOST_FEATURES: Final = 8192
_SIDE, _COLUMNS, _QUALITY = 48, 40, 60
_COMPONENTS: Final = 50
_PERPLEXITY: Final = 30
_ITERATIONS: Final = 500
_SHORTEST: Final = 1e-12
_ALIKE: Final = 1e-6
"""Spread over all of them, features of unit length this near to each other are the same."""

Method: TypeAlias = Literal["t-SNE", "PCA"]
_Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True)
class _Point:
    """A picture on the map: where it is in its part, and whether the part is held out."""

    part: int
    place: int


def map_pictures(
    data: DataSet, some: FeaturesOfSome, probabilities: Probabilities, *, quick: bool
) -> PictureMap | None:
    """Lays out some pictures of a data set, drawn by lot.

    Args:
        data: The data set.
        some: Features of some of its training and validation pictures.
        probabilities: What the model says of the validation pictures, shape (pictures, classes).
        quick: By nothing that takes seconds.

    Returns:
        None if there are too few pictures, or no features of them that tell them apart.
    """
    if some.seen is None:
        return None
    points = [
        _Point(part, place) for part, (rows, _) in enumerate(some.seen) for place in rows.tolist()
    ]
    features = np.concatenate([of_part.astype(np.float32) for _, of_part in some.seen])
    if len(points) < _FEWEST or features.shape[1] > _MOST_FEATURES:
        return None
    chosen = np.sort(np.random.default_rng(0).permutation(len(points))[:MOST])
    points = [points[one] for one in chosen.tolist()]
    laid_out = lay_out(features[chosen], quick=quick)
    if laid_out is None:
        return None
    positions, method = laid_out
    said = probabilities.argmax(axis=1)
    parts = data.training, data.validation
    return PictureMap(
        method=method,
        position_bytes=np.rint(positions * 65535).astype("<u2").tobytes(),
        labels=tuple(int(parts[one.part].labels[one.place]) for one in points),
        said=tuple(int(said[one.place]) if one.part else None for one in points),
        names=tuple(
            data.folder.relative(parts[one.part].pictures[one.place].path)
            .encode("utf-8", "replace")
            .decode()
            for one in points
        ),
        of=len(data.training) + len(data.validation),
        sprite=_sprite(data, points),
        side=_SIDE,
        columns=_COLUMNS,
    )


def lay_out(features: _Floats, *, quick: bool = False) -> tuple[NDArray[np.float64], Method] | None:
    """Two coordinates for each picture, between 0 and 1.

    Args:
        features: Shape (pictures, features).
        quick: By nothing that takes seconds.

    Returns:
        Shape (pictures, 2), and how they were found; None if the features are the same of all, or
        one number, or no numbers.
    """
    rows = features.astype(np.float64)
    if rows.shape[1] < 2 or not np.isfinite(rows).all():
        return None
    rows /= np.maximum(np.sqrt(np.square(rows).sum(axis=1, keepdims=True)), _SHORTEST)
    rows -= rows.mean(axis=0)
    left, lengths, _ = np.linalg.svd(rows, full_matrices=False)
    if lengths[0] < _ALIKE:  # of a network that died; t-SNE would take the process with it
        return None
    components = (left * lengths)[:, :_COMPONENTS]
    method: Method = "PCA"
    positions = components[:, :2]
    if not quick and importlib.util.find_spec("sklearn") is not None:
        positions, method = _by_tsne(components), "t-SNE"
    low, high = positions.min(axis=0), positions.max(axis=0)
    return (positions - low) / np.maximum(high - low, _SHORTEST), method


def _by_tsne(components: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(components) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=_ITERATIONS, init="pca", random_state=0)
    # On a busy machine its threads wait for each other for minutes.
    with console.track("laying out the map of the pictures"), threadpool_limits(1):
        return np.asarray(tsne.fit_transform(components), np.float64)


def _sprite(data: DataSet, points: Sequence[_Point]) -> bytes:
    """All of them in one JPEG file, row after row, as the network sees them."""
    lines = -(-len(points) // _COLUMNS)
    sheet = Image.new("RGB", (_SIDE * min(_COLUMNS, len(points)), _SIDE * lines))
    parts = data.training, data.validation
    for number, one in enumerate(points):
        part = parts[one.part]
        [pixels] = part.pixels[part.rows[[one.place]]]
        small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BOX)
        sheet.paste(small, (_SIDE * (number % _COLUMNS), _SIDE * (number // _COLUMNS)))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
