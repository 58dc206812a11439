"""Publishing: what a training made becomes the model in use, and the one before is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgclf.config.schema import Config
from imgclf.corrections.feature_memory import FeatureMemory, forget_features, save_features
from imgclf.corrections.replay_memory import ReplayMemory, forget_memory, save_memory
from imgclf.corrections.split_learner import keep_responses
from imgclf.data.dataset import DataSet, Part
from imgclf.data.decoder import Pixels
from imgclf.model.calibration import fit_temperature
from imgclf.model.engine import KerasEngine, Outputs
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.model.scores import Scores
from imgclf.model.scoring import accuracy_scores
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.manifest import Decoder, Manifest, TrainedOn, installed_versions
from imgclf.model_file.versions import keep_version, next_version
from imgclf.runs.folder import Publication, RunFolder, RunRecord
from imgclf.system.clock import time_with_zone
from imgclf.system.lock import lock

if TYPE_CHECKING:
    from imgclf.backend import keras

# A training that took hours waits a while for somebody who is correcting the model just now.
_PATIENCE = 600.0


def describe(
    model: keras.Model,
    data: DataSet,
    name: str,
    config: Config,
    outputs: Outputs | None = None,
) -> tuple[Manifest, Probabilities]:
    """What the model file will say of a trained model.

    Args:
        model: With the weights to publish.
        data: What it was trained on.
        name: The model's.
        config: What it was trained by.
        outputs: What it puts out for the validation pictures, if that is known already.

    Returns:
        The manifest, whose version and time of creation are not settled yet; and what the model
        says of the validation pictures, calibrated, shape (pictures, classes).
    """
    from imgclf.model.build import output_activation

    height, width = config.data.image_size
    folder = data.folder
    manifest = Manifest(
        name=name,
        created="",
        class_names=folder.class_names,
        decoder=Decoder(height, width, config.data.resize, config.data.bit_depth),
        head=output_activation(model),
        config=config.written(),
        data=TrainedOn(
            directory=str(folder.directory.resolve()),
            fingerprint=folder.fingerprint,
            training=len(data.training),
            validation=len(data.validation),
            table=None if config.data.table is None else str(Path(config.data.table).resolve()),
        ),
        made_with=installed_versions(),
    )
    if outputs is None:
        classifier = Classifier(manifest, KerasEngine(model))
        probabilities = classifier.probabilities_of(data.validation.batches())
    else:
        probabilities = to_probabilities(outputs, manifest.head)
    temperature = fit_temperature(probabilities, data.validation.labels)
    manifest = replace(
        manifest,
        temperature=temperature,
        scores=accuracy_scores(probabilities, data.validation.labels, folder.class_names),
    )
    # To calibrate probabilities is to calibrate a softmax head, whatever the head is.
    return manifest, to_probabilities(probabilities, "softmax", temperature)


def publish(
    model: keras.Model,
    manifest: Manifest,
    path: Path,
    samples: Pixels,
    run: RunFolder,
    record: RunRecord,
    memory: ReplayMemory | None,
    features_graph: bytes | None = None,
    features: FeatureMemory | None = None,
) -> tuple[Manifest, RunRecord]:
    """Replaces the model in use; the one before is kept among the versions.

    It can be done again after having been cut short, and makes no second version then.

    Args:
        model: What to write.
        manifest: See `describe`.
        path: The model file.
        samples: Pictures to compare the LiteRT graph on, uint8, shape (pictures, height, width, 3).
        run: Told which version it becomes, before anything of the model is written.
        record: What the run says of itself.
        memory: Pictures to keep for corrections; None for none.
        features_graph: The LiteRT graph of the model's backbone, if there is one already.
        features: Features to keep for corrections; None for none.

    Returns:
        The manifest as written, and the record with the version in it.

    Raises:
        BusyError: Somebody has been at work on the model for ten minutes.
        ModelFileError: The model in use is damaged, so its version isn't known.
        WriteError: There is no room for the model.
    """
    from imgclf.model_file.keras_io import write_model_file

    with lock(path, _PATIENCE):
        ours = _is_ours(path, record.publication)
        publication = _settle(path, record.publication, ours)
        record = replace(record, publication=publication)
        run.write(record)
        in_use = read_manifest(path) if path.exists() else None
        manifest = replace(
            manifest,
            version=publication.version,
            created=publication.created,
            replaced=in_use and (in_use.replaced if ours else in_use.version),
        )
        if not ours:
            keep_version(path)
        manifest = write_model_file(model, manifest, path, samples, features_graph)
        if memory is None:
            forget_memory(path)
        else:
            save_memory(path, memory)
        if features is None:
            forget_features(path)
            if memory is not None:  # corrections are neurons then
                keep_responses(path, memory)
        else:
            save_features(path, features)
    return manifest, record


def score_test_part(model: Path, test: Part) -> Scores | None:
    """What the published model says of the test pictures; None if there are none."""
    if not len(test):
        return None
    classifier = open_classifier(model)
    probabilities = classifier.probabilities_of(test.batches())
    return accuracy_scores(probabilities, test.labels, classifier.manifest.class_names, "test")


def _is_ours(path: Path, publication: Publication | None) -> bool:
    """Whether the model in use is what an earlier attempt has published."""
    if publication is None or not path.exists():
        return False
    in_use = read_manifest(path)
    return (in_use.version, in_use.created) == (publication.version, publication.created)


def _settle(path: Path, earlier: Publication | None, ours: bool) -> Publication:
    number = next_version(path)
    if earlier is not None and (ours or earlier.version == number):
        return earlier
    return Publication(number, time_with_zone())
