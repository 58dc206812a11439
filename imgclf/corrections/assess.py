"""Looking at pictures before anything is learned: what the model says of them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgclf.corrections.inputs import Labelled
from imgclf.corrections.journal import Outcome
from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.data.picture_files import file_digest
from imgclf.errors import DataError, PictureError, UsageError
from imgclf.model.engine import BATCH_SIZE
from imgclf.model.prediction import Prediction
from imgclf.model_file.classifier import Classifier
from imgclf.model_file.manifest import Manifest
from imgclf.spelling import Lines
from imgclf.system.threads import map_in_threads


@dataclass(frozen=True)
class Corrected:
    """What came of one picture.

    Attributes:
        label: What the user says it is.
        digest: SHA-256 of the file; empty if it can't be read.
        before: What the model said.
        after: What the new version says; the same as `before` if there is none.
        outcome: Pictures that are "right already" teach nothing; those "left out" would have done
            harm or could not be learned.
        reason: Why it was left out; None if it wasn't.
        doubtful: Its features speak for what the model said before; see `find_doubtful`.
    """

    label: str
    digest: str
    before: Prediction
    after: Prediction
    outcome: Outcome
    reason: str | None = None
    doubtful: bool = False


@dataclass(frozen=True)
class Case:
    """A picture that can be read.

    Attributes:
        pixels: uint8, shape (height, width, 3).
        size: Of the file, in bytes.
        replaces: The label that it was corrected to before; None if it wasn't, or to this one.
        picture: What is known of it so far.
    """

    pixels: Pixels
    size: int
    replaces: str | None
    picture: Corrected

    @property
    def path(self) -> str:
        """As it was given."""
        return self.picture.before.path

    @property
    def teaches(self) -> bool:
        """Whether the model has something to learn from it."""
        return self.picture.outcome != "right already" or self.replaces is not None


def assess(
    classifier: Classifier, labelled: Sequence[Labelled]
) -> tuple[list[Case], list[Corrected]]:
    """What the model says of each picture now; equal files count once.

    Returns:
        The pictures, and those that can't be read.

    Raises:
        UsageError: Equal files with different labels.
        DataError: Not one picture can be read.
    """
    manifest = classifier.manifest
    in_force = {correction.digest: correction.label for correction in manifest.corrections}
    cases: dict[str, Case] = {}
    unreadable: list[Corrected] = []
    contradictions: list[str] = []
    read = map_in_threads(lambda one: _read(one, manifest.decoder.settings()), labelled)
    batch: list[_Read] = []

    def answer() -> None:
        if not batch:
            return
        rows = classifier.probabilities(np.stack([one.pixels for one in batch]))
        for one, row in zip(batch, rows, strict=True):
            before = Prediction.of(str(one.labelled.path), row, manifest.class_names)
            label = one.labelled.label
            outcome: Outcome = "right already" if before.label == label else "left out"
            earlier = in_force.get(one.digest, label)
            case = Case(
                one.pixels,
                one.size,
                replaces=None if earlier == label else earlier,
                picture=Corrected(label, one.digest, before, before, outcome),
            )
            known = cases.setdefault(one.digest, case).picture
            if known.label != label:
                contradictions.append(
                    f"{known.before.path} and {before.path} are the same picture, and are said "
                    f"to be {known.label} and {label}"
                )
        batch.clear()

    for found in read:
        if isinstance(found, Prediction):
            unreadable.append(Corrected("", "", found, found, "unreadable"))
        else:
            batch.append(found)
        if len(batch) == BATCH_SIZE:
            answer()
    answer()
    if contradictions:
        raise UsageError(Lines.of(*contradictions), "nothing was changed")
    if not cases:
        first = unreadable[:10]
        reasons = [f"{one.before.path}: {one.before.error}" for one in first]
        more = len(unreadable) - len(reasons)
        raise DataError(Lines.of(*reasons, *([f"and {more} more"] if more else [])))
    return list(cases.values()), unreadable


def refuse_contradictions(cases: Sequence[Case], manifest: Manifest) -> None:
    """Makes sure that no picture was corrected to another label before.

    Raises:
        UsageError: With all that were.
    """
    versions = {correction.digest: correction.version for correction in manifest.corrections}
    lines = [
        f"{case.path} was corrected to {case.replaces} before, in version "
        f"{versions[case.picture.digest]}; now it is to be {case.picture.label}"
        for case in cases
        if case.replaces is not None
    ]
    if lines:
        raise UsageError(Lines.of(*lines), "if the new label is the right one: --relabel")


def left_out(case: Case, reason: str) -> Corrected:
    """The picture of a case that was not learned."""
    return replace(case.picture, outcome="left out", reason=reason)


@dataclass(frozen=True)
class _Read:
    labelled: Labelled
    pixels: Pixels
    digest: str
    size: int


def _read(one: Labelled, settings: DecoderSettings) -> _Read | Prediction:
    try:
        pixels = decode(one.path, settings)
        return _Read(one, pixels, file_digest(one.path), one.path.stat().st_size)
    except PictureError as error:
        return Prediction.unreadable(str(one.path), error.message)
    except OSError as error:  # it went away in between
        return Prediction.unreadable(str(one.path), error.strerror or str(error))
