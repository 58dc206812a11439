"""Whether a model that was trained anew may take the place of the one in use.

Both are judged by the held-out pictures that neither was trained on or corrected by, and compared
pair by pair (`imgclf.model.paired_test`): a model that is trained once more has others right, and
half a dozen fewer of a hundred may be chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.data.cache import decode_all
from imgclf.data.dataset import Part
from imgclf.data.decoder import DecoderSettings
from imgclf.model.multi_label import given_labels
from imgclf.model.paired_test import CHANCE, probability
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import PicturesSeen, short_digest
from imgclf.model_file.seen_before import find_pictures_seen

FEWEST_PICTURES = 30
"""By fewer nothing is refused.

With 30 the test notices three times in four that a model is worse by 30 points, if 10 % of the
pictures are right in the new one alone; with 60, as often that it is by 20.
"""

_Right = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidate:
    """A model that was trained anew, and how it does on what was held out from it.

    Attributes:
        seen: What it was trained on.
        held_out: Its validation and test pictures.
        settings: How these are decoded.
        probabilities: What it says of them, shape (pictures, classes).
        class_names: In output order.
        thresholds: How probable each must be to be given, where there may be several; else empty.
    """

    seen: PicturesSeen
    held_out: Part
    settings: DecoderSettings
    probabilities: Probabilities
    class_names: tuple[str, ...]
    thresholds: tuple[float, ...] = ()

    def judged(self) -> HeldOut | None:
        """What it says of them; those that it was trained on as well are none of them.

        Returns:
            None where a picture may have several labels, of which some may be right.
        """
        if self.thresholds:
            return None
        digests = [short_digest(picture.digest) for picture in self.held_out.pictures]
        places = [place for place, one in enumerate(digests) if one not in self.seen.training]
        labels = self.held_out.labels[places]
        said = self.probabilities[places]
        right = said.argmax(axis=1) == labels
        chosen = [digests[place] for place in places]
        return HeldOut.of(chosen, labels, self.class_names, (right, right), said)


class Compared(Struct, frozen=True):
    """Two models on the same pictures, of the classes that both know.

    Attributes:
        version: Of the model in use.
        pictures: How many there are.
        before: Accuracy of the model in use, between 0 and 1.
        after: That of the new one.
        worse: Whether the new one is worse on all of them together, beyond chance.
        classes: Of which it is, with both accuracies.
    """

    version: int
    pictures: int
    before: float
    after: float
    worse: bool
    classes: dict[str, tuple[float, float]]

    @property
    def refused(self) -> bool:
        """Whether the new one may not take the place of the one in use."""
        return self.worse or bool(self.classes)


def compare(model: Path, candidate: Candidate) -> Compared | str:
    """Runs the model in use on what was held out from both.

    Args:
        model: The file of the model in use.
        candidate: The new one.

    Returns:
        What came of it; or, if there is too little to judge by, why.

    Raises:
        ModelFileError: The model in use is damaged.
        DataError: A picture that isn't kept decoded can't be read any more.
    """
    classifier = open_classifier(model)
    manifest = classifier.manifest
    shared = [name for name in candidate.class_names if name in manifest.class_names]
    if len(shared) < 2:
        return f"version {manifest.version} has other classes"
    if manifest.multi_label != bool(candidate.thresholds):
        gives = "several labels" if manifest.multi_label else "one label"
        return f"version {manifest.version} gives a picture {gives}, and the new one does not"
    seen = find_pictures_seen(model, manifest)
    if seen is None:
        return f"what version {manifest.version} was trained on can't be told"
    places = _unknown_to_both(candidate, seen, manifest, shared)
    pictures = candidate.held_out.at(places)
    if len(pictures) < FEWEST_PICTURES:
        return (
            f"it and version {manifest.version} have {len(pictures)} held-out pictures in common "
            f"that neither was trained on or corrected by, and it takes {FEWEST_PICTURES}"
        )
    settings = manifest.decoder.settings()
    given = pictures if settings == candidate.settings else _decoded(pictures, settings)
    said = classifier.probabilities_of(given.batches())
    own = candidate.probabilities[places]
    labels = pictures.labels
    names, own_names = manifest.class_names, candidate.class_names
    if candidate.thresholds:
        wanted = labels[:, _places(own_names, shared)] == 1
        return _compared_sets(
            manifest.version,
            given_labels(said, manifest.label_thresholds)[:, _places(names, shared)] == wanted,
            given_labels(own, candidate.thresholds)[:, _places(own_names, shared)] == wanted,
            dict(zip(shared, wanted.T, strict=True)),
        )
    before = _right(said, names, labels, own_names, shared)
    after = _right(own, own_names, labels, own_names, shared)
    groups = {name: labels == own_names.index(name) for name in shared}
    return Compared(
        version=manifest.version,
        pictures=len(pictures),
        before=float(before.mean()),
        after=float(after.mean()),
        worse=_is_worse(before, after, CHANCE),
        # Each alone may be worse by chance, so of many one would be more often (Bonferroni).
        classes={
            name: (float(before[mine].mean()), float(after[mine].mean()))
            for name, mine in groups.items()
            if _is_worse(before[mine], after[mine], CHANCE / len(shared))
        },
    )


def _places(class_names: tuple[str, ...], shared: list[str]) -> list[int]:
    return [class_names.index(name) for name in shared]


def _compared_sets(
    version: int, before: _Right, after: _Right, groups: dict[str, _Right]
) -> Compared:
    """By the pictures whose labels are all right, and by the labels that they have.

    Args:
        version: Of the model in use.
        before: Which of its answers are right, shape (pictures, classes).
        after: Those of the new one.
        groups: By class, which pictures have its label.
    """
    whole: tuple[_Right, _Right] = np.all(before, axis=1), np.all(after, axis=1)
    of_class = {
        name: (before[mine, place], after[mine, place])
        for place, (name, mine) in enumerate(groups.items())
    }
    return Compared(
        version=version,
        pictures=len(before),
        before=float(whole[0].mean()),
        after=float(whole[1].mean()),
        worse=_is_worse(*whole, CHANCE),
        classes={
            name: (float(one.mean()), float(other.mean()))
            for name, (one, other) in of_class.items()
            if _is_worse(one, other, CHANCE / len(groups))
        },
    )


def _unknown_to_both(
    candidate: Candidate, seen: PicturesSeen, manifest: Manifest, shared: list[str]
) -> NDArray[np.int64]:
    """Where the pictures stand that neither knows, of the classes that both know."""
    corrected = {short_digest(one.digest) for one in manifest.corrections}
    known = seen.training | corrected | candidate.seen.training
    places = [
        place
        for place, picture in enumerate(candidate.held_out.pictures)
        if short_digest(picture.digest) not in known
        and all(candidate.class_names[label] in shared for label in picture.labels)
    ]
    return np.array(places, np.int64)


def _decoded(part: Part, settings: DecoderSettings) -> Part:
    """The same pictures as another model takes them."""
    decoded = decode_all(part.pictures, settings, keep="memory")
    return Part(part.pictures, decoded.pixels, np.arange(len(part)), part.labels)


def _right(
    probabilities: Probabilities,
    names: tuple[str, ...],
    labels: NDArray[np.int64],
    label_names: tuple[str, ...],
    shared: list[str],
) -> _Right:
    """Which are right if only the shared classes are asked for: more classes are a harder task."""
    columns = probabilities[:, [names.index(name) for name in shared]]
    wanted = np.array([shared.index(label_names[label]) for label in labels.tolist()], np.int64)
    right: _Right = columns.argmax(axis=1) == wanted
    return right


def _is_worse(before: _Right, after: _Right, chance: float) -> bool:
    mended, spoiled = int((after & ~before).sum()), int((before & ~after).sum())
    return probability(mended, spoiled) < chance
