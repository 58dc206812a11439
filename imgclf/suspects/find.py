"""Finding pictures of the data set that probably lie under the wrong label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imgclf.config.load import config_from_values
from imgclf.config.loaded import LoadedConfig
from imgclf.data.dataset import DataSet, Part, read_config_dataset, read_labelled
from imgclf.data.file_walk import not_a_picture
from imgclf.data.picture_files import warn_of_left_out
from imgclf.errors import DataError, UsageError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.trained_on import TrainingData, positions_in_outputs, training_data
from imgclf.suspects.confident_learning import (
    Suspect,
    Suspects,
    estimated_label_errors,
    no_better_than_guessing,
    rank_suspects,
)
from imgclf.suspects.cross_validation import out_of_fold_probabilities
from imgclf.system import console
from imgclf.system.signals import ended_by

FOLDS = 3
"""Measured in docs/suspects.md."""


def find_suspects(
    model: Path,
    directory: Path | None,
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    top: int = 100,
    overrides: Sequence[str] = (),
) -> Suspects:
    """Looks for labels that a model contradicts which was trained without the pictures.

    See `suspects.confident_learning` for what counts as contradicted, and
    `suspects.cross_validation` for how all pictures of a data set come to be judged. Nothing is
    published and no run is begun.

    Args:
        model: The model file, whose config is trained with and whose data set is judged.
        directory: Class folders that the model was not trained on, to be judged by itself; None
            for its data set.
        folds: How many new models judge the data set; 0 for the validation part by the model
            itself.
        repeats: Judge so many times, by other models, and take the mean.
        top: The most to list.
        overrides: `key=value` each, for the config that is trained with.

    Raises:
        ModelFileError: The model can't be read.
        ConfigError: The overrides don't fit.
        DataError: The pictures can't be used.
        UsageError: One fold, or one that leaves nothing to train on.
        Interrupted: Ctrl-C; the folds that were done need not be done again.
        Terminated: SIGTERM; likewise.
    """
    if folds == 1 or folds < 0:
        raise UsageError(f"--folds {folds}: allowed are 0, and numbers from 2 on")
    classifier = open_classifier(model)
    manifest = classifier.manifest
    if directory is not None:
        settings = manifest.decoder.settings()
        part, left_out = read_labelled(directory, manifest.class_names, settings)
        classes, folds = manifest.class_names, 0
        probabilities = classifier.probabilities_of(part.batches())
    else:
        trained_on = training_data(manifest)
        if trained_on is None:
            raise DataError(
                f"{manifest.name} doesn't say what it was trained on, or how",
                "judge other pictures by it: imgclf evaluate FOLDER --suspects",
            )
        loaded = _config(model, trained_on, overrides)
        data = _read_pictures(loaded, trained_on, folds)
        classes, left_out = data.folder.class_names, data.folder.skipped
        if folds == 0:
            part, probabilities = data.validation, _by_the_model(classifier, data)
        else:
            part = all_judged(data)
            probabilities = _by_new_models(loaded, part, len(classes), folds, repeats)
    warn_of_left_out(left_out)
    guessing = no_better_than_guessing(probabilities, part.labels)
    ranked, reached = rank_suspects(probabilities, part.labels)
    if guessing:
        ranked, reached = ranked[:0], reached[:0]
    return Suspects(
        judged_by="cross-validation" if folds else "the model",
        folds=folds,
        repeats=repeats if folds else 0,
        classes=tuple(classes),
        pictures=len(part),
        unreadable=sum(not_a_picture(skipped.path) is None for skipped in left_out),
        agreement=float((probabilities.argmax(axis=1) == part.labels).mean()),
        estimated_label_errors=estimated_label_errors(probabilities, part.labels),
        contradicted=len(ranked),
        guessing=guessing,
        suspects=[
            Suspect(
                path=str(part.pictures[position].path),
                given=classes[part.labels[position]],
                suggested=classes[suggested],
                confidence=float(probabilities[position, suggested]),
                confidence_in_given=float(probabilities[position, part.labels[position]]),
            )
            for position, suggested in zip(
                ranked[:top].tolist(), reached[:top].tolist(), strict=True
            )
        ],
    )


def all_judged(data: DataSet) -> Part:
    """The training pictures, then the validation pictures."""
    training, validation = data.training, data.validation
    return Part(
        (*training.pictures, *validation.pictures),
        training.pixels,
        rows=np.concatenate([training.rows, validation.rows]),
        labels=np.concatenate([training.labels, validation.labels]),
    )


def _config(model: Path, trained_on: TrainingData, overrides: Sequence[str]) -> LoadedConfig:
    # Not the config's own directory, which was relative to where it was trained.
    directory, written = trained_on.directory, trained_on.manifest.config
    if directory.is_relative_to(Path.cwd()):
        directory = directory.relative_to(Path.cwd())  # to be read by people
    config = written | {"data": written["data"] | {"directory": str(directory)}}
    return config_from_values(config, model, overrides)


def _read_pictures(loaded: LoadedConfig, data: TrainingData, folds: int) -> DataSet:
    config = loaded.config.data
    data = replace(
        data,
        directory=Path(config.directory),
        validation_split=config.validation_split,
        seed=config.seed,
        keep=config.cache,
    )
    data.require("if it has moved: imgclf evaluate --suspects --set data.directory=FOLDER")
    if folds:
        return read_config_dataset(config)
    return data.read("these pictures, and agrees with their labels then")


def _by_the_model(classifier: Classifier, data: DataSet) -> Probabilities:
    """Of the validation pictures, in the order of the data set's classes."""
    hint = "let new models judge: imgclf evaluate --suspects"
    positions = positions_in_outputs(data.folder, classifier.manifest, hint)
    return classifier.probabilities_of(data.validation.batches())[:, positions]


def _by_new_models(
    loaded: LoadedConfig, part: Part, num_classes: int, folds: int, repeats: int
) -> Probabilities:
    console.note(
        f"{len(part)} pictures are judged by {folds * repeats} new models, each trained without "
        f"those that it judges, which takes about {(folds - 1) * repeats} times as long as a "
        "training on all; --folds 0 takes seconds, and judges the validation pictures alone"
    )
    try:
        return out_of_fold_probabilities(loaded, part, num_classes, folds=folds, repeats=repeats)
    except KeyboardInterrupt as error:
        hint = "to go on, the same again: the folds that were done are not done again"
        raise ended_by(error, hint=hint) from None
