"""Scoring a model on labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imgclf.config.load import config_from_values
from imgclf.config.network import declared_network
from imgclf.data.dataset import Part, read_labelled
from imgclf.data.file_walk import Skipped
from imgclf.data.left_out import warn_of_left_out
from imgclf.data.source import Examples, Source, encode_labels, failures_as_they_were
from imgclf.errors import DataError, UsageError
from imgclf.model.scoring import Evaluation, evaluate_probabilities
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.trained_on import positions_in_outputs, training_data


def evaluate(model: Path, directory: Path | None, callbacks: Sequence[str]) -> Evaluation:
    """Accuracy, the scores of each class, who is taken for whom, and calibration.

    Args:
        model: The model file.
        directory: Class folders; None for the validation part of the set it was trained on.
        callbacks: `file.py:Class` each; their test hooks are called, by `Model.evaluate`.

    Raises:
        ModelFileError: The model can't be read.
        DataError: The pictures can't be used.
        UsageError: A callback can't be made.
    """
    classifier = open_classifier(model)
    manifest = classifier.manifest
    left_out: tuple[Skipped, ...] = ()
    if directory is None:
        part = _validation_part(manifest)
    else:
        settings = manifest.decoder.settings()
        part, left_out = read_labelled(directory, manifest.class_names, settings)
    warn_of_left_out(left_out)
    if callbacks:
        _call_test_hooks(model, manifest, part, callbacks)
    probabilities = classifier.probabilities_of(part.batches())
    return evaluate_probabilities(
        probabilities,
        part.labels,
        manifest.class_names,
        part="validation" if directory is None else "test",
        unreadable=sum(skipped.why == "unreadable" for skipped in left_out),
        temperature=manifest.temperature,
    )


def _validation_part(manifest: Manifest) -> Part:
    """The held-out part of the data set that the model was trained on, split as it was then.

    Its labels are in the model's order.
    """
    data = training_data(manifest)
    if data is None:
        raise DataError(
            f"{manifest.name} doesn't say what it was trained on", "imgclf evaluate FOLDER"
        )
    data.require("judge by other pictures: imgclf evaluate FOLDER")
    found = data.read("these pictures")
    hint = "train it anew, or judge by other pictures: imgclf evaluate FOLDER"
    positions = positions_in_outputs(found.folder, manifest, hint)
    return replace(found.validation, labels=positions[found.validation.labels])


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
