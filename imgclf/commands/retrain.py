"""Correcting a model: predict, learn, judge, and replace it only if that did no harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from imgclf.corrections.assess import Case, Corrected, assess, refuse_contradictions
from imgclf.corrections.copy_features import CopyFeatures
from imgclf.corrections.corrected_pictures import keep_picture
from imgclf.corrections.doubtful import with_doubts
from imgclf.corrections.entries import entries_of
from imgclf.corrections.feature_sources import find_features
from imgclf.corrections.guard import Judged
from imgclf.corrections.inputs import Labelled, read_inputs, require_classes
from imgclf.corrections.journal import append_to_journal, as_text
from imgclf.corrections.judged_pictures import judged_features
from imgclf.corrections.learners import open_in_keras, open_learner
from imgclf.corrections.misfiled import Misfiled, find_misfiled
from imgclf.corrections.new_class import require_enough, say_expected
from imgclf.corrections.replay_memory import save_memory
from imgclf.data.decoder import Pixels
from imgclf.data.left_out import LeftOut
from imgclf.errors import DataError, UsageError
from imgclf.model.engine import SplitEngine
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.held_out import PictureRecords
from imgclf.model_file.last_layer import read_last_layer, write_last_layer
from imgclf.model_file.lookup import find_model
from imgclf.model_file.manifest import Correction, Manifest, installed_versions
from imgclf.model_file.one_label import BY_TRAINING, require_one_label
from imgclf.model_file.versions import keep_version, next_version
from imgclf.spelling import composed
from imgclf.system import console
from imgclf.system.clock import time_with_zone
from imgclf.system.lock import lock
from imgclf.system.signals import raise_again

_COMPARED = 4  # pictures on which a new version's LiteRT graph is compared with Keras

Outcome = Literal["corrected", "right already", "refused", "dry run", "unguarded"]


@dataclass(frozen=True)
class Options:
    """How to correct.

    Attributes:
        dry_run: Change nothing.
        max_drop: By how much held-out accuracy, overall and of each class, may be below the
            trained model's and that of the one in use; None for what chance explains.
        relabel: A picture that was corrected to another label before loses that correction.
        fix_dataset: Move pictures of the data set that lie under the wrong label.
        data: Class folders to replay and to judge by; None for the model's replay memory.
        new_class: One of the labels may be a class that the model doesn't have yet.
        unguarded_epochs: Fit on the pictures alone, so many times over, and publish whatever
            comes of it; None for the neurons and the guard.
    """

    dry_run: bool = False
    max_drop: float | None = None
    relabel: bool = False
    fix_dataset: bool = False
    data: Path | None = None
    new_class: bool = False
    unguarded_epochs: int | None = None


@dataclass(frozen=True)
class Retrained:
    """What a retraining came to.

    Attributes:
        outcome: Only "corrected" and "unguarded" changed the model.
        version: Of the model in use afterwards.
        pictures: In the order in which they were given, those that can't be read last.
        judged: Accuracy on the held-out pictures; None if there was nothing to learn.
        misfiled: Pictures of the data set that lie under another label than was said.
    """

    outcome: Outcome
    model: Path
    version: int
    pictures: tuple[Corrected, ...]
    judged: Judged | None
    misfiled: tuple[Misfiled, ...] = ()


def retrain(
    model: str | Path,
    pictures: str | Path | Mapping[str, str] | Mapping[Path, str] | Sequence[Labelled],
    options: Options | None = None,
) -> Retrained:
    """Corrects a model by pictures that it has wrong.

    The model file is replaced by a new version only if pictures come out right and the held-out
    pictures, overall and of each class, come out no worse than chance explains. If that can't
    be had for all of them, those that do harm are left out. Otherwise it stays as it is, byte
    for byte. The earlier version is kept, and all that was said goes into the journal.

    Args:
        model: A model file, or its name in models/.
        pictures: What each picture is, by its path; or a table (`corrections.csv`), or a folder
            with a folder for each class; or what `read_inputs` makes of such.
        options: How to correct.

    Raises:
        UsageError: No such class, or a picture with two labels.
        DataError: No picture can be read, or nothing is there to judge by.
        ModelFileError: The model can't be read, or not corrected.
        BusyError: Another process is at work on the model.
    """
    options = options or Options()
    model = find_model(Path(model), None)
    require_one_label(read_manifest(model), "imgclf retrain", BY_TRAINING)
    labelled = _labelled(model, pictures)
    with lock(model):
        classifier = open_classifier(model)
        manifest = classifier.manifest
        new_class = require_classes(labelled, manifest.class_names, new_class=options.new_class)
        cases, unreadable = assess(classifier, labelled)
        cases = with_doubts(model, classifier, cases)
        teaching = [case for case in cases if case.teaches]
        if new_class is not None:
            require_enough(new_class, sum(case.picture.label == new_class for case in cases))
        if not options.relabel:
            refuse_contradictions(cases, manifest)
        if not options.dry_run:
            for case in teaching:
                keep_picture(model, case.picture.digest, Path(case.path), case.pixels)
        if not teaching:
            done = Retrained("right already", model, manifest.version, (), None)
        elif options.unguarded_epochs is None:
            solved = _solve_last_layer(model, classifier, teaching, new_class, options)
            done = solved or _learn(model, classifier, cases, new_class, options)
        else:
            if new_class is not None or options.relabel:
                raise UsageError("--unguarded goes neither with --new-class nor with --relabel")
            done = _fit_unguarded(model, manifest, teaching, options, options.unguarded_epochs)
        if options.dry_run and done.outcome in ("corrected", "unguarded"):
            done = replace(done, outcome="dry run")
        learned = {picture.digest: picture for picture in done.pictures}
        judged = tuple(learned.get(case.picture.digest, case.picture) for case in cases)
        done = replace(done, pictures=judged)
        if not options.dry_run:
            append_to_journal(model, entries_of(judged, manifest, done.version))
        said = {case.picture.digest: case.picture.label for case in cases}
        misfiled = find_misfiled(
            manifest,
            said,
            {case.size for case in cases},
            fix=options.fix_dataset and not options.dry_run,
        )
    return replace(done, pictures=(*judged, *unreadable), misfiled=tuple(misfiled))


def _labelled(
    model: Path, pictures: str | Path | Mapping[str, str] | Mapping[Path, str] | Sequence[Labelled]
) -> Sequence[Labelled]:
    if isinstance(pictures, Mapping):
        return [
            Labelled(Path(path), composed(label), str(path)) for path, label in pictures.items()
        ]
    if not isinstance(pictures, str | Path):
        return pictures
    left_out = LeftOut()
    found = read_inputs([str(pictures)], None, (), read_manifest(model).class_names, left_out)
    left_out.say()
    return found


def _solve_last_layer(
    model: Path,
    classifier: Classifier,
    cases: Sequence[Case],
    new_class: str | None,
    options: Options,
) -> Retrained | None:
    """Without Keras; None if the model has no such layer, or that won't do."""
    from imgclf.corrections.refit import Refit

    manifest, engine = classifier.manifest, classifier.engine
    if not isinstance(engine, SplitEngine):
        return None
    with ModelArchive(model) as archive, console.track(f"correcting {model}"):
        layer = read_last_layer(archive, manifest)
        if layer is None:
            return None
        known = find_features(model, manifest, engine.features, options.data)
        if known is None:
            return None
        memory = known.memory
        features = CopyFeatures(model, memory.graph, engine.features)
        solver = Refit(model, manifest, layer, memory, features, options.max_drop)
        after = manifest if new_class is None else manifest.with_class(new_class)
        found = solver.learn(cases, after.class_names)
        if found is None:
            console.note("the last layer alone can't take this without harm: each gets a neuron")
            return None
        if new_class is not None:
            say_expected(
                new_class,
                solver.recognised_unseen(cases, after.class_names, new_class),
                sum(case.picture.label == new_class for case in cases),
            )
        version = manifest.version
        if not options.dry_run:
            after = _next_version(
                model, after, found.pictures, found.kept, found.judged, "last layer"
            )
            after = msgspec.structs.replace(after, temperature=found.temperature)
            held_out = judged_features(archive, manifest, found.judge, found.right)
            corrected = [one.digest for one in after.corrections]
            layer = layer.corrected_by(corrected, features.of_pictures())
            write_last_layer(
                archive, after, layer, found.kernel, found.bias, found.trained, held_out
            )
            features.keep()
            known.keep(model)
            version = after.version
    console.note(
        f"the last layer was solved again over {memory.training.pictures} remembered pictures and "
        f"all corrections ({len(found.kept) + len(found.pictures)})"
    )
    return Retrained("corrected", model, version, found.pictures, found.judged)


def _learn(
    model: Path,
    classifier: Classifier,
    cases: Sequence[Case],
    new_class: str | None,
    options: Options,
) -> Retrained:
    # Reading a data set takes all that a config can say, which the last layer does without.
    from imgclf.corrections.replay_sources import find_memory

    manifest = classifier.manifest
    memory, is_new = find_memory(model, manifest, options.data)
    with console.track(f"correcting {model}"):
        samples, max_drop = _samples(cases), options.max_drop
        if new_class is None:
            learner = open_learner(model, classifier, memory, max_drop, samples)
        else:
            of_class = [case for case in cases if case.picture.label == new_class]
            learner = open_in_keras(model, classifier, memory, max_drop, samples)
            learner.add_class(new_class, of_class)
        learned = learner.learn([case for case in cases if case.teaches])
        version = manifest.version
        if learned.accepted and not options.dry_run:
            if is_new:
                save_memory(model, memory)
            learner.response_cache.keep()
            after = _next_version(
                model,
                learner.manifest,
                learned.pictures,
                learned.kept,
                learned.judged,
                "neuron",
            )
            learner.write(after, learned)
            version = after.version
    outcome: Outcome = "corrected" if learned.accepted else "refused"
    return Retrained(outcome, model, version, learned.pictures, learned.judged)


def _samples(cases: Sequence[Case]) -> Pixels:
    """Pictures on which what answers without Keras is compared with it."""
    return np.stack([case.pixels for case in cases[:_COMPARED]])


def _fit_unguarded(
    model: Path, manifest: Manifest, cases: Sequence[Case], options: Options, epochs: int
) -> Retrained:
    from imgclf.corrections.replay_sources import find_memory

    try:
        held_out = find_memory(model, manifest, options.data)[0].judge
    except DataError:
        held_out = None  # which is why somebody would do it this way
    with console.track(f"fitting {model}"):
        from imgclf.corrections.unguarded import COST, fit_alone, with_silent_neurons
        from imgclf.model_file.keras_io import load_keras_model, write_model_file

        fitted = fit_alone(model, load_keras_model(model), manifest, cases, held_out, epochs)
        learned = {one.digest for one in fitted.pictures if one.outcome == "corrected"}
        version = manifest.version
        if learned and not options.dry_run:
            network = with_silent_neurons(fitted.model, len(learned))
            after = _next_version(
                model,
                fitted.manifest,
                fitted.pictures,
                manifest.corrections,
                fitted.judged,
                "neuron",
            )
            with ModelArchive(model) as archive:
                seen = archive.pictures_seen(archive.manifest())
            pictures = PictureRecords(seen, fitted.held_out)
            write_model_file(network, after, model, _samples(cases), pictures=pictures)
            version = after.version
    console.warning(COST)
    return Retrained("unguarded", model, version, fitted.pictures, fitted.judged)


def _next_version(
    model: Path,
    manifest: Manifest,
    pictures: Sequence[Corrected],
    kept: Sequence[Correction],
    judged: Judged | None,
    by: Literal["neuron", "last layer"],
) -> Manifest:
    """Keeps the version in use, and says what the next one is."""
    number = next_version(model)
    accepted = [picture for picture in pictures if picture.outcome == "corrected"]
    new = (
        Correction(
            path=as_text(Path(picture.before.path)),
            digest=picture.digest,
            label=picture.label,
            was=str(picture.before.label),
            version=number,
            by=by,
        )
        for picture in accepted
    )
    raise_again()
    keep_version(model)
    return msgspec.structs.replace(
        manifest,
        version=number,
        parent=manifest.version,
        created=time_with_zone(),
        corrections=(*kept, *new),
        scores=None if judged is None else judged.scores("after"),
        scores_before=None if judged is None else judged.scores("before"),
        made_with=installed_versions(),
    )
