"""What the report of a training tells, gathered from where it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.config.loaded import LoadedConfig
from imgclf.data.dataset import DataSet, Part
from imgclf.data.decoder import Pixels
from imgclf.data.findings import Finding, count_pictures, find_problems
from imgclf.data.resampling import Resampling
from imgclf.model.calibration import Bin, reliability
from imgclf.model.probabilities import Probabilities
from imgclf.model.scoring import Evaluation, evaluate_probabilities
from imgclf.model_file.manifest import Manifest
from imgclf.report.pages import as_jpeg, data_address, thumbnail
from imgclf.runs.folder import RunFolder, RunRecord

if TYPE_CHECKING:
    from imgclf.backend import keras

MOST_MISTAKES = 24
_AUGMENTED_PICTURES, _DRAWS = 4, 7  # with the original eight, which fill rows of four too
_THUMBNAIL = 192
_SAMPLE = 160


@dataclass(frozen=True)
class Mistake:
    """A picture held out from training that the model takes for something else.

    Attributes:
        truth: Its label.
        name: The path inside the data set.
        said: What the model says, with this `confidence`.
        truth_probability: What it gives the label.
        thumbnail: A `data:` address.
    """

    path: Path
    name: str
    truth: str
    said: str
    confidence: float
    truth_probability: float
    thumbnail: str


@dataclass(frozen=True)
class Augmented:
    """A training picture as the network sees it, and what augmentation makes of it.

    Attributes:
        original: A `data:` address, as are the draws.
    """

    path: Path
    label: str
    original: str
    draws: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """All that a report tells.

    Attributes:
        history: Values by epoch, by Keras's names.
        evaluation: Of the published model on the validation pictures.
        bins: Its confidence against its accuracy on them.
        mistakes: The most confident first, `MOST_MISTAKES` at most.
        augments: Whether pictures are changed at random while training.
        augmented: Samples of that; empty if there are none to show.
        counts: By class: pictures to train on, to validate on and to test on.
    """

    loaded: LoadedConfig
    run: RunFolder
    record: RunRecord
    manifest: Manifest
    history: Mapping[str, Sequence[Any]]
    evaluation: Evaluation
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]
    augments: bool
    augmented: tuple[Augmented, ...]
    counts: dict[str, tuple[int, int, int]]
    findings: tuple[Finding, ...]


def gather_facts(
    loaded: LoadedConfig,
    data: DataSet,
    network: keras.Model,
    resampling: Resampling | None,
    *,
    run: RunFolder,
    record: RunRecord,
    manifest: Manifest,
    history: Mapping[str, Sequence[Any]],
    probabilities: Probabilities,
) -> RunFacts:
    """Looks at what a training came to.

    Args:
        loaded: What it was trained by.
        data: What it was trained on.
        network: As trained, with its augmentation layers; their random seeds move on.
        resampling: What the feed did in place of the first of them.
        run: Its folder.
        record: As it will be when the run is finished.
        manifest: Of the published model.
        history: Values by epoch, by Keras's names.
        probabilities: Of the published model on the validation pictures, calibrated.
    """
    names = data.folder.class_names
    labels = data.validation.labels
    evaluation = evaluate_probabilities(
        probabilities, labels, names, part="validation", temperature=manifest.temperature
    )
    layers = _augmentation(loaded, network, resampling)
    return RunFacts(
        loaded,
        run,
        record,
        manifest,
        history,
        evaluation,
        tuple(reliability(probabilities, labels)),
        tuple(_mistakes(data, probabilities)),
        bool(loaded.config.augmentation) or any(map(_is_random, network.layers)),
        tuple(_augmented(resampling, layers, data.training, names)),
        count_pictures(data),
        find_problems(data),
    )


def _mistakes(data: DataSet, probabilities: Probabilities) -> Iterator[Mistake]:
    part, folder, names = data.validation, data.folder, data.folder.class_names
    said, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != part.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    for index in worst.tolist():
        truth = int(part.labels[index])
        path = part.pictures[index].path
        yield Mistake(
            path,
            str(path.relative_to(folder.directory)),
            names[truth],
            names[said[index]],
            float(confidence[index]),
            float(probabilities[index, truth]),
            # From the file, for what the network sees may be too small for people; it may be gone.
            thumbnail(path, _THUMBNAIL)
            or thumbnail(part.pixels[part.rows[index]], _THUMBNAIL)
            or "",
        )


def _augmentation(
    loaded: LoadedConfig, network: keras.Model, resampling: Resampling | None
) -> list[Any]:
    """The layers of the network that augment, also if they are declared with the others."""
    layers: list[Any] = network.layers[1:]  # the first takes the pictures in
    count = len(loaded.config.augmentation) - (len(resampling.layers) if resampling else 0)
    while count < len(layers) and _is_random(layers[count]):
        count += 1
    return layers[:count]


def _is_random(layer: Any) -> bool:
    return type(layer).__name__.startswith("Random")


def _augmented(
    resampling: Resampling | None, layers: Sequence[Any], part: Part, names: Sequence[str]
) -> Iterator[Augmented]:
    if not layers and resampling is None:
        return
    chosen = _one_of_each(part.labels)
    pixels = part.pixels[part.rows[chosen]]
    copies = np.repeat(pixels, _DRAWS, axis=0)
    if resampling is not None:
        random = np.random.default_rng(0)
        copies = resampling.apply(copies, resampling.draw(random, *copies.shape[:3]))
    drawn: Any = copies.astype(np.float32)
    for layer in layers:
        drawn = layer(drawn, training=True)
    draws = np.asarray(drawn)
    if draws.ndim != 4 or draws.shape[-1] != 3:  # no pictures any more
        return
    for position, index in enumerate(chosen.tolist()):
        of_it = draws[position * _DRAWS : (position + 1) * _DRAWS]
        yield Augmented(
            part.pictures[index].path,
            names[part.labels[index]],
            _sample(pixels[position]),
            tuple(_sample(draw.clip(0, 255).astype(np.uint8)) for draw in of_it),
        )


def _one_of_each(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pictures of as many classes as there is room for, and several of a class if there are few."""
    turns = np.empty_like(labels)
    for label in np.unique(labels):
        of_it = np.flatnonzero(labels == label)
        turns[of_it] = np.arange(len(of_it))
    return np.lexsort((labels, turns))[:_AUGMENTED_PICTURES]


def _sample(pixels: Pixels) -> str:
    return data_address(as_jpeg(pixels, _SAMPLE))
