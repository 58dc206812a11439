"""Scoring a way of training where pictures are too few to hold some out: by cross-validation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import compute_features
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.class_weight import check_class_weight
from imgclf.config.load import load_config
from imgclf.config.loaded import ConfigFile, LoadedConfig
from imgclf.config.multi_label import require_one_label
from imgclf.config.network import Network, declared_network
from imgclf.config.references import own_code
from imgclf.config.schema import Config
from imgclf.config.spec import Spec
from imgclf.data.configured_folder import require_folder
from imgclf.data.dataset import DataSet, Part, joined, read_config_dataset
from imgclf.data.grouped_division import hold_out_groups
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import DataError, UsageError
from imgclf.model.calibration import fit_temperature
from imgclf.model.cross_validated import CrossValidated, Fold, pool
from imgclf.model.engine import KerasEngine, Outputs
from imgclf.model.probabilities import Activation, Probabilities, to_probabilities
from imgclf.model.scoring import accuracy_scores
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.lookup import find_model
from imgclf.model_file.trained_on import training_data
from imgclf.runs.folder import Settled
from imgclf.suspects.find import trained_by
from imgclf.suspects.folds import divide, kept_together
from imgclf.system import console
from imgclf.system.time_limit import TimeLimit, within
from imgclf.training.auto import settle
from imgclf.training.fit import Fitted, fit
from imgclf.training.memory_needed import refuse_beyond_memory
from imgclf.training.networks import published_network
from imgclf.training.role import Role
from imgclf.training.settings import training_settings
from imgclf.training.settled_config import settled_config
from imgclf.training.transfer import FrozenFeatures, frozen_features, head_outputs

# What writes what nobody will read.
_WRITING = ("BackupAndRestore", "OrbaxCheckpoint")


def cross_validate(place: Path, folds: int, overrides: Sequence[str] = ()) -> CrossValidated:
    """Trains as often as there are folds, each time without one, which is then judged.

    What is judged takes no part in its training: the epoch and the temperature are chosen by some
    of the rest, as large a share as `data.validation_split`. Groups, equal files and near copies
    come to one fold. A test part is left alone. Nothing is published, and no run is begun.

    Args:
        place: A config; or a model, whose own way of training is taken, and its data set.
        folds: How many, at least two.
        overrides: `key=value` each, before the config's values.

    Raises:
        ConfigError: With all the problems there are.
        ModelFileError: The model can't be read.
        DataError: The pictures can't be used.
        UsageError: Too few pictures for so many folds, it trains in several processes, or a model
            would run somebody's own code.
        OutOfMemoryError: The memory does not suffice.
    """
    if folds < 2:
        raise UsageError(f"--cross-validate {folds}: allowed are numbers from 2 on")
    loaded = _config(place, overrides)
    if loaded.config.training.distribution != "none":
        raise UsageError(
            "--cross-validate trains in one process",
            "add --set training.distribution=none",
        )
    way_on = "hold out more of them: imgclf train CONFIG --set data.validation_split=0.4"
    require_one_label(loaded.config, "--cross-validate", way_on)
    require_folder(loaded)
    data = read_config_dataset(loaded.config.data)
    warn_of_left_out(data.folder.skipped)
    check_class_weight(loaded, data.folder.class_names)
    console.note(_what_is_judged(data, folds))
    done, said, labels = judge_each_fold(loaded, data, folds)
    unreadable = sum(skipped.why == "unreadable" for skipped in data.folder.skipped)
    return pool(done, said, labels, data.folder.class_names, unreadable=unreadable)


def judge_each_fold(
    loaded: LoadedConfig, data: DataSet, folds: int
) -> tuple[list[Fold], Probabilities, NDArray[np.int64]]:
    """Trains without each fold in turn, and judges it.

    Args:
        loaded: How.
        data: Whose training and validation part are divided.
        folds: How many.

    Returns:
        What each training came to; what is said of each picture by the one that did without it,
        shape (pictures, classes); and what they are, shape (pictures,).

    Raises:
        ImgclfError: As `cross_validate`.
    """
    network = declared_network(loaded, len(data.folder.class_names))
    refuse_beyond_memory(network)
    pictures = joined(data.training, data.validation)
    group_of = kept_together(data)
    fold_of = divide(pictures.pictures, folds, loaded.config.data.seed, group_of)
    rounds = [_without(data, pictures, fold_of == fold, group_of, loaded) for fold in range(folds)]
    done: list[Fold] = []
    said = np.zeros((len(pictures), len(data.folder.class_names)))
    for number, of_fold in enumerate(rounds):
        fitted, probabilities = _train_and_judge(network, of_fold, loaded)
        said[fold_of == number] = probabilities
        scores = accuracy_scores(probabilities, of_fold.test.labels, data.folder.class_names)
        done.append(Fold(len(of_fold.training), fitted.published_epoch, scores))
        console.note(
            f"fold {number + 1} of {folds}: accuracy {scores.accuracy:.4f} on {scores.pictures} "
            f"pictures, epoch {fitted.published_epoch} of {len(fitted.history['loss'])}"
        )
    return done, said, pictures.labels


def _config(place: Path, overrides: Sequence[str]) -> LoadedConfig:
    if place.suffix in (".yaml", ".yml"):
        return load_config(place, overrides)
    model = find_model(place, None)
    manifest = read_manifest(model)
    trained_on = training_data(manifest)
    if trained_on is None or not manifest.config:
        raise DataError(
            f"{manifest.name} doesn't say what it was trained on, and how",
            "imgclf evaluate CONFIG --cross-validate 5",
        )
    loaded = trained_by(model, trained_on, overrides)
    code = [one.reference for one in own_code(loaded.config.callbacks)]
    if code:  # a file from a stranger runs nothing
        raise UsageError(
            f"{model} was trained with code of somebody's own ({', '.join(code)}), which a model's "
            "file has no say in running",
            "name the config instead: imgclf evaluate CONFIG --cross-validate 5",
        )
    return loaded


def _what_is_judged(data: DataSet, folds: int) -> str:
    count = len(data.training) + len(data.validation)
    left = f"; {len(data.test)} to test on are left alone" if len(data.test) else ""
    return f"{folds} trainings, each judged by {count // folds} or so of {count} pictures{left}"


def _without(
    data: DataSet,
    pictures: Part,
    judged: NDArray[np.bool_],
    group_of: dict[str, str],
    loaded: LoadedConfig,
) -> DataSet:
    """The data set of one training: what it is judged by is the test part.

    Raises:
        UsageError: A class has too few pictures.
    """
    config, names = loaded.config.data, data.folder.class_names
    rest = pictures.at(np.flatnonzero(~judged))
    held_out = hold_out_groups(rest.pictures, group_of, config.validation_split, config.seed)
    training, validation = rest.at(np.flatnonzero(~held_out)), rest.at(np.flatnonzero(held_out))
    test = pictures.at(np.flatnonzero(judged))
    for label, name in enumerate(names):
        if not all((part.labels == label).any() for part in (training, validation, test)):
            raise UsageError(
                f"{name} has too few pictures for so many folds: each training needs some to learn "
                "from and to choose its epoch by, and others to be judged by",
                "give --cross-validate a smaller number",
            )
    folder = replace(
        data.folder,
        training=training.pictures,
        validation=validation.pictures,
        test=test.pictures,
    )
    return replace(data, folder=folder, training=training, validation=validation, test=test)


def _train_and_judge(
    network: Network, data: DataSet, loaded: LoadedConfig
) -> tuple[Fitted, Probabilities]:
    """What a training came to, and what it says of the test part, calibrated.

    A `training.time_budget` is that of each training.
    """
    budget = loaded.config.training.time_budget
    limit = None if budget is None else TimeLimit(budget, time.monotonic())
    with within(limit):
        features = None
        if network.backbone is not None:
            features = frozen_features(network, data, mirrored=limit is None)
        backbone = None if features is None else features.network
        settled = settle(network, loaded.config, data, backbone)
        config = settled_config(loaded.config, settled)
        network = declared_network(replace(loaded, config=config), len(data.folder.class_names))
        fitted = _fit(network, data, config, settled, loaded.file)
    validation, judged, head = _outputs(network, data, features, fitted)
    temperature = fit_temperature(to_probabilities(validation, head), data.validation.labels)
    calibrated = to_probabilities(to_probabilities(judged, head), "softmax", temperature)
    return fitted, calibrated


def _fit(
    network: Network, data: DataSet, config: Config, settled: Settled, file: ConfigFile
) -> Fitted:
    """A training that leaves no file."""
    off = ["BackupAndRestore"]
    if not console.current().terminal:
        off.append("ProgbarLogger")  # a line for each epoch of each fold
    specs = (
        *(spec for spec in config.callbacks if spec.name not in (*_WRITING, *off)),
        *(Spec(name=name, off=True) for name in off),
    )
    with TemporaryDirectory(prefix="imgclf-fold-") as folder:
        # As if others wrote: the best epoch is remembered, and no file is left.
        callbacks = DeclaredCallbacks(specs, file, Path(folder))
        settings = training_settings(config, settled)
        return fit(network, data, settings, callbacks, None, Role(writes=False))


def _outputs(
    network: Network, data: DataSet, features: FrozenFeatures | None, fitted: Fitted
) -> tuple[Outputs, Outputs, Activation]:
    """For the validation and for the test pictures, and what their outputs are."""
    from imgclf.model.build import build_head, output_activation

    if features is not None and fitted.weights.head_only:
        of_test = replace(
            features, validation=compute_features(features.network, data.test, data.settings)
        )
        validation, judged = (
            head_outputs(network, one, fitted.weights) for one in (features, of_test)
        )
        assert validation is not None and judged is not None
        return validation, judged, output_activation(build_head(network, features.network.width))
    model = published_network(network, fitted.weights)
    engine = KerasEngine(model)
    validation, judged = (
        np.concatenate([engine.run(batch) for batch in part.batches()])
        for part in (data.validation, data.test)
    )
    return validation, judged, output_activation(model)
