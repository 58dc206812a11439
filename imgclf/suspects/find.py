"""Finding pictures of the data set that probably lie under the wrong label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imgclf.backbones.as_it_came import DEFAULT, features_as_it_came
from imgclf.backbones.feature_store import Features
from imgclf.config.backbone import IMAGENET
from imgclf.config.load import config_from_values
from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import Config
from imgclf.data.arrangement import Arrangement
from imgclf.data.dataset import DataSet, Part, read_config_dataset, read_labelled
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import DataError, UsageError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.one_label import require_one_label
from imgclf.model_file.trained_on import TrainingData, positions_in_outputs, training_data
from imgclf.suspects.confident_learning import (
    Suspect,
    Suspects,
    estimated_label_errors,
    no_better_than_guessing,
    rank_suspects,
)
from imgclf.suspects.cross_validation import out_of_fold_probabilities

FOLDS = 5
"""Measured in docs/suspects.md."""

_DIRECTORY = "data.directory"


def find_suspects(
    model: Path,
    directory: Path | None,
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    top: int = 100,
    overrides: Sequence[str] = (),
) -> Suspects:
    """Looks for labels that are contradicted by what was learned from the other pictures.

    See `suspects.confident_learning` for what counts as contradicted, and
    `suspects.cross_validation` for how all pictures of a data set come to be judged, on features
    that no label of them had a part in. Nothing is published and no run is begun.

    Args:
        model: The model file, whose data set is judged.
        directory: Class folders that the model was not trained on, to be judged by itself; None
            for its data set.
        folds: How many heads judge the data set in turn; 0 for the validation part by the model
            itself.
        repeats: Judge so many times, in other folds, and take the mean.
        top: The most to list.
        overrides: `data.directory=FOLDER` and `data.table=FILE`, for a data set that has moved.

    Raises:
        ModelFileError: The model can't be read.
        ConfigError: The override doesn't fit, or the pretrained network can't be had.
        DataError: The pictures can't be used.
        UsageError: One fold, one that leaves nothing to learn from, or another override.
    """
    if folds == 1 or folds < 0:
        raise UsageError(f"--folds {folds}: allowed are 0, and numbers from 2 on")
    for override in overrides:
        if override.partition("=")[0].strip() not in (_DIRECTORY, "data.table"):
            raise UsageError(
                f"--set {override}: the model's network is not trained to judge the pictures, so "
                f"that no key matters but {_DIRECTORY} and data.table, for a data set that has "
                "moved"
            )
    manifest = read_manifest(model)
    require_one_label(
        manifest, "--suspects", "probabilities of all labels: imgclf predict FOLDER --format jsonl"
    )
    if directory is not None:
        settings = manifest.decoder.settings()
        labelled = read_labelled(directory, manifest.class_names, settings)
        part, left_out = labelled.part, labelled.skipped
        classes, folds = manifest.class_names, 0
        by_all = probabilities = open_classifier(model).probabilities_of(part.batches())
    else:
        trained_on = training_data(manifest)
        if trained_on is None:
            raise DataError(
                f"{manifest.name} doesn't say what it was trained on",
                "judge other pictures by it: imgclf evaluate FOLDER --suspects",
            )
        config = trained_by(model, trained_on, overrides).config
        data = _read_pictures(config, trained_on, folds)
        classes, left_out = data.folder.class_names, data.folder.skipped
        if folds == 0:
            part = data.validation
            by_all = probabilities = _by_the_model(open_classifier(model), data)
        else:
            part = all_judged(data)
            by_all, probabilities = out_of_fold_probabilities(
                _features(config, part),
                part,
                len(classes),
                folds=folds,
                repeats=repeats,
                seed=config.seed,
                group_of=None if data.groups is None else data.groups.of,
            )
    warn_of_left_out(left_out)
    guessing = no_better_than_guessing(by_all, part.labels)
    ranked, reached = rank_suspects(probabilities, part.labels)
    if guessing:
        ranked, reached = ranked[:0], reached[:0]
    return Suspects(
        judged_by="cross-validation" if folds else "the model",
        folds=folds,
        repeats=repeats if folds else 0,
        classes=tuple(classes),
        pictures=len(part),
        unreadable=sum(skipped.why == "unreadable" for skipped in left_out),
        agreement=float((by_all.argmax(axis=1) == part.labels).mean()),
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


def trained_by(model: Path, trained_on: TrainingData, overrides: Sequence[str]) -> LoadedConfig:
    """The config that a model was trained by, with its data set where it is now.

    Args:
        model: Its file.
        trained_on: Its data set.
        overrides: `key=value` each, before the config's values.

    Raises:
        ConfigError: With all the problems there are.
    """
    # Not the config's own directory, which was relative to where it was trained.
    directory, written = trained_on.directory, trained_on.manifest.config
    if directory.is_relative_to(Path.cwd()):
        directory = directory.relative_to(Path.cwd())  # to be read by people
    table = trained_on.arrangement.table
    here = {"directory": str(directory), "table": None if table is None else str(table)}
    config = written | {"data": written["data"] | here}
    return config_from_values(config, model, overrides)


def _read_pictures(config: Config, data: TrainingData, folds: int) -> DataSet:
    place, arrangement = Path(config.data.directory), Arrangement.of(config.data)
    data = replace(data, directory=place, arrangement=arrangement)
    data.require(f"if it has moved: imgclf evaluate --suspects --set {_DIRECTORY}=FOLDER")
    if folds:
        # As the model takes them, for so they are decoded already; which can be read is known then.
        return read_config_dataset(config.data)
    return data.read("these pictures, and agrees with their labels then")


def _by_the_model(classifier: Classifier, data: DataSet) -> Probabilities:
    """Of the validation pictures, in the order of the data set's classes."""
    hint = "let new models judge: imgclf evaluate --suspects"
    positions = positions_in_outputs(data.folder, classifier.manifest, hint)
    return classifier.probabilities_of(data.validation.batches())[:, positions]


def _features(config: Config, part: Part) -> Features:
    """By the network that the model was built on, as it came, if that knows no label of these.

    Of weights that are a file of somebody's nobody knows what they were trained on.
    """
    backbone = config.model.backbone
    if backbone is None or backbone.is_file or backbone.weights != IMAGENET:
        return features_as_it_came(part.pictures, config.data.resize, DEFAULT)
    size = config.data.image_size
    return features_as_it_came(part.pictures, config.data.resize, backbone, size)
