"""What the report of a training tells, in a form that can be kept."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.config.choices import Publish
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.manifest import Manifest
from imgclf.report.explanations import Why
from imgclf.runs.folder import RunRecord

# Sums of rounded numbers may be a little more than 1.
_ROUNDING = 1e-6


class Declared(Struct, frozen=True, kw_only=True):
    """The config that a training was made by, as far as the report tells of it.

    Attributes:
        path: Of the file.
        text: As it was written, without the overrides of the command line.
        overridden: Whether there were any.
        resolved: With the overrides and every default, as YAML.
        augmentation: Its part of that; empty if none is declared.
        seed: Of weights, augmentation and shuffling.
        split_seed: Of the choice of the validation pictures.
        publish: Whose weights are published.
        made_up_for: The training makes up for classes of different sizes.
    """

    path: str
    text: str
    overridden: bool
    resolved: str
    augmentation: str
    seed: int
    split_seed: int
    publish: Publish
    made_up_for: bool = False


class Answers(Struct, frozen=True):
    """What the published model says of the validation pictures, calibrated.

    Attributes:
        label_bytes: True class indices, little-endian int64, shape (pictures,); or 0 or 1 for each
            class, shape (pictures, classes).
        probability_bytes: Little-endian float64, shape (pictures, classes).
    """

    label_bytes: bytes
    probability_bytes: bytes

    @classmethod
    def of(cls, labels: NDArray[np.int64], probabilities: Probabilities) -> Answers:
        """As they are kept.

        Args:
            labels: True class indices, shape (pictures,); or 0 or 1, shape (pictures, classes).
            probabilities: Shape (pictures, classes).
        """
        return cls(labels.astype("<i8").tobytes(), probabilities.astype("<f8").tobytes())

    def labels(self, classes: int | None = None) -> NDArray[np.int64]:
        """True class indices, shape (pictures,).

        Args:
            classes: How many there are, where a picture may have several; it is then 0 or 1 for
                each, shape (pictures, classes).
        """
        flat = np.frombuffer(self.label_bytes, "<i8").astype(np.int64)
        return flat if classes is None else flat.reshape(-1, classes)

    def probabilities(self, classes: int) -> Probabilities:
        """Of each class, shape (pictures, classes)."""
        flat = np.frombuffer(self.probability_bytes, "<f8").astype(np.float64)
        return flat.reshape(-1, classes)


class Mistake(Struct, frozen=True, kw_only=True):
    """A picture held out from training that the model takes for something else.

    Attributes:
        path: Where it lay.
        name: The path inside the data set.
        truth: Its label.
        said: What the model says, with this `confidence`.
        truth_probability: What it gives the label.
        thumbnail: A JPEG file.
        why: What explains the answer.
    """

    path: str
    name: str
    truth: str
    said: str
    confidence: float
    truth_probability: float
    thumbnail: bytes
    why: Why | None = None


class PictureMap(Struct, frozen=True, kw_only=True):
    """Pictures of a data set laid out by their features.

    Attributes:
        method: How.
        position_bytes: Two numbers of each from 0 to 65535, little-endian uint16.
        labels: Positions in the class names.
        said: Likewise what the model says of it; None of a training picture.
        names: Their paths inside the data set.
        of: How many pictures they were drawn from.
        sprite: All of them in one JPEG file.
        side: Of each in it, in pixels.
        columns: How many stand side by side.
    """

    method: Literal["t-SNE", "PCA"]
    position_bytes: bytes
    labels: tuple[int, ...]
    said: tuple[int | None, ...]
    names: tuple[str, ...]
    of: int
    sprite: bytes
    side: int
    columns: int

    def __post_init__(self) -> None:
        counts = {len(self.position_bytes) / 4, len(self.labels), len(self.said), len(self.names)}
        if len(counts) != 1 or self.side < 1 or self.columns < 1:
            raise ValueError("the parts of the map don't go together")

    def positions(self) -> NDArray[np.float64]:
        """From 0 to 1, shape (pictures, 2)."""
        return np.frombuffer(self.position_bytes, "<u2").reshape(-1, 2) / 65535


class Augmented(Struct, frozen=True):
    """A training picture as the network sees it, and what augmentation makes of it.

    Attributes:
        original: A JPEG file, as are the draws.
    """

    label: str
    original: bytes
    draws: tuple[bytes, ...]


class Augmentation(Struct, frozen=True):
    """What happens to pictures while training.

    Attributes:
        random: Whether they are changed at random.
        samples: Of that; empty if there are none to show.
    """

    random: bool
    samples: tuple[Augmented, ...]


class FindingGroup(Struct, frozen=True):
    """Findings of a kind about the data set.

    Attributes:
        count: How many there are.
        shown: The first of them.
    """

    kind: str
    count: int
    shown: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.shown)


class RunFacts(Struct, frozen=True, kw_only=True):
    """All that a report tells.

    Attributes:
        run: The run's folder, as it was named.
        started: In local time; None if the folder's name doesn't say.
        tensorboard: Whose trainings TensorBoard can show together; None if it was turned off.
        record: As it is when the run is finished.
        manifest: Of the published model.
        history: Values by epoch, by Keras's names; what is no number as text.
        answers: Of the published model, on the validation pictures.
        mistakes: The most confident first.
        counts: By class: pictures to train on, to validate on and to test on.
        findings: What may have spoiled the training.
        map: Of its pictures; None where there is none, as of a network from scratch.
        python: The version that it ran on.
        system: Likewise.
    """

    declared: Declared
    run: str
    started: datetime | None
    tensorboard: str | None
    record: RunRecord
    manifest: Manifest
    history: dict[str, list[float | str]]
    answers: Answers
    mistakes: tuple[Mistake, ...]
    augmentation: Augmentation
    counts: dict[str, tuple[int, int, int]]
    findings: tuple[FindingGroup, ...]
    map: PictureMap | None = None
    python: str = msgspec.field(default_factory=platform.python_version)
    system: str = msgspec.field(default_factory=platform.platform)

    def __post_init__(self) -> None:
        """Makes sure that its parts go together; msgspec takes this for a part of the schema.

        Raises:
            ValueError: They don't.
        """
        if not 1 <= (self.record.published_epoch or 0) <= self.record.epochs_run:
            raise ValueError("no epoch of it was published")
        if self.manifest.data is None or not any(parts[0] for parts in self.counts.values()):
            raise ValueError("it was trained on nothing")
        self._check_answers()
        if self.map is not None:
            used = {*self.map.labels, *(one for one in self.map.said if one is not None)}
            if not used <= set(range(len(self.manifest.class_names))):
                raise ValueError("a picture on the map is of no class")

    def _check_answers(self) -> None:
        classes, several = len(self.manifest.class_names), self.manifest.multi_label
        labels_each = classes if several else 1
        pictures = len(self.answers.label_bytes) // (8 * labels_each)
        sizes = len(self.answers.label_bytes), len(self.answers.probability_bytes)
        if not pictures or sizes != (8 * pictures * labels_each, 8 * pictures * classes):
            raise ValueError("the probabilities don't go with the validation pictures")
        if len(self.manifest.label_thresholds) != (classes if several else 0):
            raise ValueError("the thresholds don't go with the classes")
        labels, probabilities = self.answers.labels(), self.answers.probabilities(classes)
        if labels.min() < 0 or labels.max() >= (2 if several else classes):
            raise ValueError("a validation picture is of no class")
        # Written so that it is false of NaN.
        if not (probabilities.min() >= 0 and probabilities.max() <= 1 + _ROUNDING):
            raise ValueError("a probability is not between 0 and 1")


def plain_history(history: Mapping[str, Sequence[object]]) -> dict[str, list[float | str]]:
    """A history that can be kept: numbers as floats, and whatever else it has as text."""
    return {name: [_plain(value) for value in values] for name, values in history.items()}


def _plain(value: object) -> float | str:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)
