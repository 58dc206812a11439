"""How sure of each class a model must be for its answers to be right as often as is asked for."""

from __future__ import annotations

from pathlib import Path

from imgclf.errors import UsageError
from imgclf.model.class_thresholds import (
    ClassThresholds,
    HeldOutAnswers,
    class_thresholds,
    most_precise,
    pictures_wanted,
)
from imgclf.model_file.held_out_answers import held_out_answers
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.one_label import require_one_label


def choose_thresholds(model: Path, manifest: Manifest, min_precision: float) -> ClassThresholds:
    """By what the model file says of the pictures that were held out from its training.

    Args:
        model: The model file.
        manifest: Its manifest.
        min_precision: The share of the answers given that are to be right.

    Raises:
        ModelFileError: The file doesn't say, or is damaged.
        UsageError: These pictures are too few for any answer to be given, or the model is not
            good enough.
    """
    require_one_label(manifest, "--min-precision", "its thresholds: imgclf evaluate")
    answers = held_out_answers(model, manifest)
    found = class_thresholds(answers, manifest.class_names, min_precision)
    if not found.given:
        raise _none(model, manifest, min_precision, answers)
    return found


def _none(
    model: Path, manifest: Manifest, min_precision: float, answers: HeldOutAnswers
) -> UsageError:
    count, wanted = len(answers.said), pictures_wanted(answers, min_precision)
    if wanted is None:
        what = "its surest answers are not right that often"
    elif wanted > count:
        what = f"as it answers, it takes at least about {wanted} (data.validation_split)"
    else:
        what = "among its surest answers too many are wrong"
    most = most_precise(answers, manifest.class_names)
    return UsageError(
        f"--min-precision {min_precision}: that can't be promised by the {count} pictures that "
        f"were held out from the training of {model}: {what}",
        None if most is None else f"what can be: --min-precision {most:g}",
    )
