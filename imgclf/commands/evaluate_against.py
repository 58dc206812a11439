"""Two models compared on the same pictures, which neither of them knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.cache import decode_all
from imgclf.data.dataset import Part, read_labelled
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import DataError
from imgclf.model.two_models import Answers, TwoModels, compare
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.one_label import require_one_label
from imgclf.model_file.pictures_seen import short_digest
from imgclf.model_file.seen_before import find_pictures_seen
from imgclf.model_file.trained_on import held_out_pictures
from imgclf.system import console


def evaluate_against(model: Path, other: Path, directory: Path | None) -> TwoModels:
    """Both scores on the same pictures, and whether they differ by more than chance.

    Pictures that one of the models was trained on or corrected by are no evidence and left out,
    and so are those of a class that one of them doesn't have.

    Args:
        model: A model file.
        other: Another one.
        directory: Whatever can be trained on, a folder or a table, of which the test part is
            judged if it has one; None for the validation part of what `model` was trained on.

    Raises:
        ModelFileError: A model can't be read.
        DataError: The pictures can't be used, or none is left.
    """
    rivals = _Rival.open(model), _Rival.open(other)
    names = tuple(dict.fromkeys(name for one in rivals for name in one.class_names))
    part, unreadable = _pictures(rivals[0], directory, names)
    evidence = _evidence(part, rivals, names)
    judged = part.at(evidence)
    _say_who_is_favoured(judged, rivals)
    one, another = (rival.answers(judged, names) for rival in rivals)
    return compare(
        judged.labels,
        names,
        one,
        another,
        left_out=len(part) - len(judged),
        unreadable=unreadable,
    )


@dataclass(frozen=True)
class _Rival:
    """One of the two.

    Attributes:
        knows: By short digest, the pictures that it was trained on or corrected by.
        chosen_by: Those by which its epoch was chosen.
    """

    path: Path
    classifier: Classifier
    knows: frozenset[bytes]
    chosen_by: frozenset[bytes]

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.classifier.manifest.class_names

    @classmethod
    def open(cls, path: Path) -> _Rival:
        classifier = open_classifier(path)
        manifest = classifier.manifest
        require_one_label(manifest, "--against", "score each by itself: imgclf evaluate FOLDER")
        corrected = frozenset(short_digest(one.digest) for one in manifest.corrections)
        seen = find_pictures_seen(path, manifest)
        if seen is None:
            console.warning(
                f"which pictures {path} was trained on can't be told; if these are among them, the "
                "comparison favours it"
            )
            return cls(path, classifier, corrected, frozenset())
        return cls(path, classifier, seen.training | corrected, seen.validation)

    def answers(self, part: Part, names: tuple[str, ...]) -> Answers:
        """What it says, each picture decoded as it takes them."""
        manifest = self.classifier.manifest
        decoded = decode_all(part.pictures, manifest.decoder.settings())
        if decoded.failures:  # it could be read a moment ago
            failure = decoded.failures[0]
            raise DataError(f"{failure.path}: {failure.reason}", "run it again")
        own = Part(part.pictures, decoded.pixels, np.arange(len(part)), part.labels)
        said = self.classifier.probabilities_of(own.batches()).argmax(axis=1)
        positions = np.array([names.index(name) for name in self.class_names], np.int64)
        return Answers(str(self.path), manifest.version, positions[said])


def _pictures(rival: _Rival, directory: Path | None, names: tuple[str, ...]) -> tuple[Part, int]:
    """The pictures with labels that are positions in `names`, and how many can't be read."""
    manifest = rival.classifier.manifest
    if directory is None:
        return held_out_pictures(manifest), 0
    found = read_labelled(directory, names, manifest.decoder.settings(), "held out")
    if found.divided:
        console.note(f"{directory} comes divided: its {found.name} part is judged")
    warn_of_left_out(found.skipped)
    return found.part, sum(skipped.why == "unreadable" for skipped in found.skipped)


def _say_who_is_favoured(judged: Part, rivals: tuple[_Rival, _Rival]) -> None:
    """Where the epoch of one of them was chosen by pictures that the other has never seen."""
    digests = {short_digest(picture.digest) for picture in judged.pictures}
    for one, other in (rivals, rivals[::-1]):
        count = len(digests & one.chosen_by - other.chosen_by)
        if count:
            console.note(
                f"the epoch of {one.path} was chosen by {count} of these pictures, which favours "
                "it a little"
            )


def _evidence(
    part: Part, rivals: tuple[_Rival, _Rival], names: tuple[str, ...]
) -> NDArray[np.int64]:
    """Positions of the pictures that say something of both.

    Raises:
        DataError: None does.
    """
    known = rivals[0].knows | rivals[1].knows
    new = [
        place
        for place, picture in enumerate(part.pictures)
        if short_digest(picture.digest) not in known
    ]
    if not new:
        raise DataError(
            f"{rivals[0].path} or {rivals[1].path} was trained on or corrected by each of these "
            f"{len(part)} pictures, so they don't say which is better",
            "judge by other pictures: imgclf evaluate FOLDER --against MODEL",
        )
    for rival in rivals:
        lacking = [name for name in names if name not in rival.class_names]
        of_those = [place for place in new if names[int(part.labels[place])] in lacking]
        if of_those:
            console.note(
                f"{len(of_those)} pictures of {', '.join(lacking)} left out: {rival.path} has no "
                "such class"
            )
            new = sorted(set(new) - set(of_those))
    if not new:
        raise DataError(
            f"none of these pictures is of a class that both {rivals[0].path} "
            f"({', '.join(rivals[0].class_names)}) and {rivals[1].path} "
            f"({', '.join(rivals[1].class_names)}) have",
            "compare models of the same classes",
        )
    return np.array(new, np.int64)
