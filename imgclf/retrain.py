"""Correcting a model: predict, learn, judge, and replace it only if that did no harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from imgclf.corrections.copies import light_copies
from imgclf.corrections.guard import Judge, Judged
from imgclf.corrections.memory import ReplayMemory, load_memory
from imgclf.corrections.neurons import solve_neurons
from imgclf.corrections.past import keep_picture, load_corrected
from imgclf.corrections.seen import SeenPictures
from imgclf.data.cache import Pixels
from imgclf.data.decoder import decode
from imgclf.data.folder import file_digest
from imgclf.errors import DataError, PictureError, UsageError, nearest_match
from imgclf.lock import lock
from imgclf.model.engine import Classifier, KerasEngine, open_classifier
from imgclf.model.manifest import Correction, Manifest, installed_versions
from imgclf.model.prediction import Prediction
from imgclf.model.versions import history_directory, keep_version, next_version
from imgclf.talk import Talk

Fate = Literal["right already", "corrected", "left out"]
Outcome = Literal["corrected", "right already", "refused", "dry run"]


@dataclass(frozen=True)
class Corrected:
    """What came of one picture.

    Attributes:
        label: What the user says it is.
        digest: SHA-256 of the file.
        before: What the model said.
        after: What the new version says; the same as `before` if there is none.
        fate: Pictures that are "right already" teach nothing; those "left out" would have done
            harm or could not be learned.
    """

    label: str
    digest: str
    before: Prediction
    after: Prediction
    fate: Fate


@dataclass(frozen=True)
class Retrained:
    """What a retraining came to.

    Attributes:
        outcome: Only "corrected" changed the model.
        version: Of the model in use afterwards.
        judged: Accuracy on the held-out pictures; None if there was nothing to learn.
    """

    outcome: Outcome
    model: Path
    version: int
    pictures: tuple[Corrected, ...]
    judged: Judged | None


@dataclass(frozen=True)
class _Case:
    """A picture with its pixels, uint8 (height, width, 3)."""

    pixels: Pixels
    picture: Corrected


def retrain(
    model: Path, paths: Sequence[Path], label: str, talk: Talk, *, dry_run: bool = False
) -> Retrained:
    """Corrects a model by pictures that it has wrong.

    The model file is replaced by a new version only if the pictures come out right and the
    held-out pictures, overall and of each class, come out no worse than chance explains.
    Otherwise it stays as it is, byte for byte. The earlier version is kept.

    Args:
        model: The model file.
        paths: The pictures.
        label: What they all are.
        talk: Where notes and progress go.
        dry_run: Change nothing.

    Raises:
        UsageError: No such class, or a picture that was corrected to another label before.
        DataError: A picture can't be read, or the model has no replay memory.
        ModelFileError: The model can't be read, or not corrected.
        BusyError: Another process is at work on the model.
    """
    with lock(model):
        classifier = open_classifier(model, talk.warning)
        manifest = classifier.manifest
        _require_class(label, manifest)
        cases = _look_at(classifier, paths, label)
        right = [case.picture for case in cases if case.picture.fate == "right already"]
        wrong = [case for case in cases if case.picture.fate != "right already"]
        if not wrong:
            return Retrained("right already", model, manifest.version, tuple(right), None)
        memory = _require_memory(model)
        with talk.track(f"correcting {model}"):
            done = _correct(model, manifest, wrong, memory, talk, dry_run)
        return replace(done, pictures=(*right, *done.pictures))


def _require_class(label: str, manifest: Manifest) -> None:
    if label not in manifest.class_names:
        near = nearest_match(label, manifest.class_names)
        raise UsageError(
            f"--label {label}: the model's classes are {', '.join(manifest.class_names)}"
            + (f"; did you mean {near}?" if near else "")
        )


def _require_memory(model: Path) -> ReplayMemory:
    memory = load_memory(model)
    if memory is None:
        raise DataError(
            f"{model} has no replay memory beside it, so nothing could tell whether a correction "
            "does harm",
            f"it lies in {history_directory(model)}: copy it along with the model, or train anew",
        )
    return memory


def _look_at(classifier: Classifier, paths: Sequence[Path], label: str) -> list[_Case]:
    """What the model says of each picture now; equal files count once."""
    manifest = classifier.manifest
    known = {correction.digest: correction for correction in manifest.corrections}
    cases: dict[str, _Case] = {}
    unreadable = []
    for path in paths:
        try:
            pixels = decode(path, manifest.decoder.settings())
        except PictureError as error:
            unreadable.append(f"  {path}: {error.message}")
            continue
        digest = file_digest(path)
        if digest in known and known[digest].label != label:
            raise UsageError(
                f"{path} was corrected to {known[digest].label} before, in version "
                f"{known[digest].version}; now it is to be {label}"
            )
        row = classifier.probabilities(pixels[np.newaxis])[0]
        said = Prediction.of(str(path), row, manifest.class_names)
        fate: Fate = "right already" if said.label == label else "left out"
        cases[digest] = _Case(pixels, Corrected(label, digest, said, said, fate))
    if unreadable:
        raise DataError("can't read:\n" + "\n".join(unreadable), "nothing was changed")
    return list(cases.values())


def _correct(
    model: Path,
    manifest: Manifest,
    cases: Sequence[_Case],
    memory: ReplayMemory,
    talk: Talk,
    dry_run: bool,
) -> Retrained:
    # Keras's import takes seconds, which pictures that are right already should not cost.
    from imgclf.corrections.network import CorrectableNetwork
    from imgclf.model.keras_file import load_keras_model, write_model_file

    keras_model = load_keras_model(model)
    network = CorrectableNetwork(keras_model)
    earlier, gone = load_corrected(model, manifest)
    for correction in gone:
        talk.warning(f"{correction.path}, corrected before, is no longer there to watch over")

    pixels = np.stack([case.pixels for case in cases])
    labels = np.array([manifest.class_names.index(case.picture.label) for case in cases])
    replay = memory.replay.without(pixels)
    seen = SeenPictures(model, network)
    judge = Judge(
        responses=seen.responses(memory.judge.pixels),
        labels=memory.judge.labels,
        class_names=manifest.class_names,
        earlier=seen.responses(earlier.pixels),
        earlier_labels=earlier.labels,
    )
    new = solve_neurons(
        [network.responses(light_copies(case.pixels)) for case in cases],
        labels,
        present=network.neurons,
        silent_on=np.concatenate([seen.responses(replay.pixels).features, judge.earlier.features]),
    )
    accepted, judged = judge.choose(network.responses(pixels), labels, network.neurons, new)
    left_out = tuple(case.picture for case in cases)
    if not accepted.any():
        return Retrained("refused", model, manifest.version, left_out, judged)

    corrected = network.with_neurons(network.neurons.joined(new, accepted))
    corrected.compile_from_config(keras_model.get_compile_config())
    rows = Classifier(manifest, KerasEngine(corrected)).probabilities(pixels)
    pictures = tuple(
        replace(
            picture,
            after=Prediction.of(picture.before.path, row, manifest.class_names),
            fate="corrected" if is_accepted else "left out",
        )
        for picture, row, is_accepted in zip(left_out, rows, accepted.tolist(), strict=True)
    )
    if dry_run:
        return Retrained("dry run", model, manifest.version, pictures, judged)

    for case, picture in zip(cases, pictures, strict=True):
        if picture.fate == "corrected":
            keep_picture(model, picture.digest, case.pixels)
    seen.keep()
    keep_version(model)
    after = _next_manifest(manifest, next_version(model), pictures, judged)
    write_model_file(corrected, after, model, samples=pixels)
    return Retrained("corrected", model, after.version, pictures, judged)


def _next_manifest(
    manifest: Manifest, number: int, pictures: Sequence[Corrected], judged: Judged
) -> Manifest:
    corrections = tuple(
        Correction(
            path=str(Path(picture.before.path).absolute()),
            digest=picture.digest,
            label=picture.label,
            was=str(picture.before.label),
            version=number,
        )
        for picture in pictures
        if picture.fate == "corrected"
    )
    return msgspec.structs.replace(
        manifest,
        version=number,
        parent=manifest.version,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        corrections=(*manifest.corrections, *corrections),
        scores=judged.scores(),
        made_with=installed_versions(),
    )
