"""Scoring a model on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from msgspec.structs import replace

from imgclf.commands.min_precision import choose_thresholds
from imgclf.config.load import config_from_values
from imgclf.config.network import declared_network
from imgclf.data.dataset import Part, read_labelled
from imgclf.data.file_walk import Skipped
from imgclf.data.left_out import warn_of_left_out
from imgclf.data.source import Examples, Source, encode_labels, failures_as_they_were
from imgclf.errors import DataError, UsageError
from imgclf.model.probabilities import Probabilities
from imgclf.model.scoring import Evaluation, evaluate_probabilities
from imgclf.model.selective import score_selective
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.lookup import find_model
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.scorings import note_scoring, scored_before
from imgclf.model_file.seen_before import seen_before
from imgclf.model_file.trained_on import held_out_pictures
from imgclf.system import console

Look: TypeAlias = Callable[[Part, Probabilities, Classifier], object]


def evaluate(
    model: str | Path,
    directory: str | Path | None = None,
    callbacks: Sequence[str] = (),
    look: Look | None = None,
    min_precision: float | None = None,
) -> Evaluation:
    """Accuracy, the scores of each class, who is taken for whom, and calibration.

    Args:
        model: A model file, or its name in models/.
        directory: Whatever can be trained on, a folder or a table, of which the test part is
            judged if it has one; None for the validation part of the set it was trained on.
        callbacks: `file.py:Class` each; their test hooks are called, by `Model.evaluate`.
        look: Gets what was judged, what was said of it, shape (pictures, classes), and the model.
        min_precision: Judges as well what it says where it is sure enough for so many of its
            answers to be right.

    Raises:
        ModelFileError: The model can't be read.
        DataError: The pictures can't be used.
        UsageError: A callback can't be made, or the precision can't be promised.
    """
    model = find_model(Path(model), None)
    classifier = open_classifier(model)
    manifest = classifier.manifest
    thresholds = (
        None if min_precision is None else choose_thresholds(model, manifest, min_precision)
    )
    if directory is None:
        pictures, corrected = _evidence(held_out_pictures(manifest), manifest)
        judged = _Judged(pictures, "validation", trained_on=0, corrected=corrected)
    else:
        judged = _pictures_of(model, manifest, Path(directory))
    if judged.corrected:
        console.note(_left_out_line(judged.corrected, manifest))
    warn_of_left_out(judged.left_out)
    if callbacks:
        _call_test_hooks(model, manifest, judged.pictures, callbacks)
    why = manifest.why_the_log_differs()
    if directory is None and why is not None:
        console.note(why)
    probabilities, unlike = classifier.probabilities_and_unlike_of(judged.pictures.batches())
    if look is not None:
        look(judged.pictures, probabilities, classifier)
    evaluation = evaluate_probabilities(
        probabilities,
        judged.pictures.labels,
        manifest.class_names,
        part=judged.part,
        trained_on=judged.trained_on,
        corrected=judged.corrected,
        unreadable=sum(skipped.why == "unreadable" for skipped in judged.left_out),
        temperature=manifest.temperature,
    )
    if thresholds is not None:
        selective = score_selective(thresholds, probabilities, judged.pictures.labels, unlike)
        evaluation = replace(evaluation, selective=selective)
    if judged.part != "test":
        return evaluation
    return _counted(evaluation, model, manifest, judged.pictures)


def _counted(evaluation: Evaluation, model: Path, manifest: Manifest, part: Part) -> Evaluation:
    """With how often these test pictures have been looked at before; this time is written down."""
    earlier = scored_before(model, part.pictures)
    note_scoring(model, manifest, part.pictures, evaluation.accuracy, "evaluate")
    if earlier:
        times = "once" if len(earlier) == 1 else f"{len(earlier)} times"
        versions = sorted({one.version for one in earlier})
        which = f"version{'s' * (len(versions) > 1)} {', '.join(map(str, versions))}"
        console.note(
            f"{model} was scored on these {len(part)} test pictures {times} before ({which}); what "
            "is changed by what a test score says is less good on other pictures than it says"
        )
    return replace(evaluation, scored_before=len(earlier))


@dataclass(frozen=True)
class _Judged:
    """Pictures that a model is judged by; see `Evaluation` for what is said of them."""

    pictures: Part
    part: Literal["training", "validation", "test", "mixed"]
    trained_on: int | None
    corrected: int = 0
    left_out: tuple[Skipped, ...] = ()


def _evidence(part: Part, manifest: Manifest) -> tuple[Part, int]:
    """Less the pictures that the model was corrected by, and how many these are.

    Raises:
        DataError: It was corrected by all of them.
    """
    learned = {correction.digest for correction in manifest.corrections}
    others = [place for place, one in enumerate(part.pictures) if one.digest not in learned]
    if not others:
        raise DataError(
            f"{manifest.name} was corrected by each of these {len(part)} pictures, so they don't "
            "say how it does on others",
            "judge by other pictures: imgclf evaluate FOLDER",
        )
    return part.at(np.array(others, np.int64)), len(part) - len(others)


def _left_out_line(corrected: int, manifest: Manifest) -> str:
    pictures = "1 picture" if corrected == 1 else f"{corrected} pictures"
    return (
        f"{pictures} that {manifest.name} was corrected by left out: that it has them right says "
        "nothing of others"
    )


def _pictures_of(model: Path, manifest: Manifest, place: Path) -> _Judged:
    """Those of a folder or a table, and what they are to the model."""
    settings = manifest.decoder.settings()
    found = read_labelled(place, manifest.class_names, settings, "held out")
    if found.divided:
        console.note(f"{place} comes divided: its {found.name} part is judged")
    part, corrected = _evidence(found.part, manifest)
    count, seen = len(part), seen_before(model, manifest, part.pictures)
    if seen is None:  # then what they are called is all that is known
        console.note(
            f"whether {manifest.name} was trained on these pictures can't be told: its data set "
            "is not there"
        )
        return _Judged(part, found.name or "test", None, corrected, found.skipped)
    if seen.training:
        which = "all" if seen.training == count else f"{seen.training}"
        console.warning(
            f"{manifest.name} was trained on {which} of these {count} pictures, so this says "
            "little of how it does on new ones"
        )
    name: Literal["training", "validation", "test", "mixed"] = "mixed"
    if count in (seen.training, seen.validation):
        name = "training" if count == seen.training else "validation"
    elif not seen.training and not seen.validation:
        name = "test"
    return _Judged(part, name, seen.training, corrected, found.skipped)


def _call_test_hooks(model: Path, manifest: Manifest, part: Part, callbacks: Sequence[str]) -> None:
    from imgclf.callbacks.user_code import make_custom_callback
    from imgclf.model_file.keras_io import load_keras_model

    if not manifest.config:
        raise UsageError(
            f"{model} was adopted, and doesn't say what it was trained to minimize, which the "
            "hooks of --callback are told",
            "imgclf predict takes --callback for such a model",
        )
    made = [make_custom_callback(reference, {}) for reference in callbacks]
    num_classes = len(manifest.class_names)
    loaded = config_from_values(manifest.config, model)
    mode = declared_network(loaded, num_classes).head.label_mode
    labels = encode_labels(part.labels, mode, num_classes)
    examples = Examples(part.pixels, part.rows, labels)
    source = Source(examples, loaded.config.data.first_batch_size)
    with failures_as_they_were(source):
        load_keras_model(model).evaluate(source.dataset(), callbacks=made, verbose=0)
