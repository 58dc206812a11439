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
from imgclf.model.multi_label import MultiLabelEvaluation, evaluate_labels
from imgclf.model.probabilities import Probabilities
from imgclf.model.scoring import Evaluation, evaluate_probabilities
from imgclf.model.selective import score_selective
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.lookup import find_model
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.one_label import require_one_label
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
) -> Evaluation | MultiLabelEvaluation:
    """Accuracy, the scores of each class, who is taken for whom, and calibration.

    Where pictures may have several labels, each is judged by itself, and all of a picture together.

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
        UsageError: A callback can't be made, the precision can't be promised, or there is nothing
            to look at of several labels.
    """
    model = find_model(Path(model), None)
    classifier = open_classifier(model)
    manifest = classifier.manifest
    if look is not None:
        require_one_label(manifest, "--review", "imgclf evaluate --json has the scores of each")
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
    if manifest.multi_label:
        if judged.part == "validation":
            console.note(
                f"the thresholds of {manifest.name} were chosen on these pictures, so that F1 is a "
                "little higher than on others"
            )
        of_labels = evaluate_labels(
            probabilities,
            judged.pictures.labels,
            manifest.class_names,
            manifest.label_thresholds,
            part=judged.part,
            trained_on=judged.trained_on,
            unreadable=judged.unreadable,
            temperature=manifest.temperature,
        )
        looks = _looks(judged, model, manifest, of_labels.subset_accuracy)
        return replace(of_labels, scored_before=looks)
    evaluation = evaluate_probabilities(
        probabilities,
        judged.pictures.labels,
        manifest.class_names,
        part=judged.part,
        trained_on=judged.trained_on,
        corrected=judged.corrected,
        unreadable=judged.unreadable,
        temperature=manifest.temperature,
    )
    if thresholds is not None:
        selective = score_selective(thresholds, probabilities, judged.pictures.labels, unlike)
        evaluation = replace(evaluation, selective=selective)
    return replace(evaluation, scored_before=_looks(judged, model, manifest, evaluation.accuracy))


def _looks(judged: _Judged, model: Path, manifest: Manifest, accuracy: float) -> int:
    """How often these test pictures have been looked at before; this time is written down."""
    part = judged.pictures
    if judged.part != "test":
        return 0
    earlier = scored_before(model, part.pictures)
    note_scoring(model, manifest, part.pictures, accuracy, "evaluate")
    if earlier:
        times = "once" if len(earlier) == 1 else f"{len(earlier)} times"
        versions = sorted({one.version for one in earlier})
        which = f"version{'s' * (len(versions) > 1)} {', '.join(map(str, versions))}"
        console.note(
            f"{model} was scored on these {len(part)} test pictures {times} before ({which}); "
            "if the model is changed by what they say, they score it better than others would"
        )
    return len(earlier)


@dataclass(frozen=True)
class _Judged:
    """Pictures that a model is judged by; see `Evaluation` for what is said of them."""

    pictures: Part
    part: Literal["training", "validation", "test", "mixed"]
    trained_on: int | None
    corrected: int = 0
    left_out: tuple[Skipped, ...] = ()

    @property
    def unreadable(self) -> int:
        """How many more there were."""
        return sum(skipped.why == "unreadable" for skipped in self.left_out)


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
    pictures, them = ("1 picture", "it") if corrected == 1 else (f"{corrected} pictures", "them")
    return (
        f"left out: {pictures} that {manifest.name} was corrected by; that it has {them} right "
        "says nothing of others"
    )


def _pictures_of(model: Path, manifest: Manifest, place: Path) -> _Judged:
    """Those of a folder or a table, and what they are to the model."""
    settings = manifest.decoder.settings()
    names, several = manifest.class_names, manifest.multi_label
    found = read_labelled(place, names, settings, "held out", multi_label=several)
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
