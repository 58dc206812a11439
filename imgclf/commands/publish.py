"""Publishing: what a training made becomes the model in use, and the one before is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from imgclf.config.schema import Config
from imgclf.corrections.feature_memory import FeatureMemory, forget_features, save_features
from imgclf.corrections.replay_memory import ReplayMemory, forget_memory, save_memory
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
from imgclf.model_file.pictures_seen import PicturesSeen
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


@dataclass(frozen=True)
class Made:
    """What a training made.

    Attributes:
        model: What to write.
        manifest: See `describe`.
        samples: Pictures to compare the LiteRT graph on, uint8, shape (pictures, height, width, 3).
        pictures_seen: What it was trained on.
        memory: Pictures to keep for corrections; None for none.
        features_graph: The LiteRT graph of the model's backbone, if there is one already.
        features: Features to keep for corrections; None for none.
    """

    model: keras.Model
    manifest: Manifest
    samples: Pixels
    pictures_seen: PicturesSeen
    memory: ReplayMemory | None
    features_graph: bytes | None
    features: FeatureMemory | None


def publish(
    made: Made, path: Path, run: RunFolder, record: RunRecord
) -> tuple[Manifest, RunRecord]:
    """Replaces the model in use; the one before is kept among the versions.

    It can be done again after having been cut short, and makes no second version then.

    Args:
        made: What to publish.
        path: The model file.
        run: Told which version it becomes, before anything of the model is written.
        record: What the run says of itself.

    Returns:
        The manifest as written, and the record with the version in it.

    Raises:
        BusyError: Somebody has been at work on the model for ten minutes.
        ModelFileError: The model in use is damaged, so its version isn't known.
        WriteError: There is no room for the model.
    """
    with lock(path, _PATIENCE):
        ours = _is_ours(path, record.publication)
        publication = _settle(path, record.publication, ours)
        record = replace(record, publication=publication)
        run.write(record)
        if not ours:
            keep_version(path)
        manifest = _write(made, publication, path)
    return manifest, record


def _write(made: Made, publication: Publication, path: Path) -> Manifest:
    """Writes the model and what lies beside it."""
    from imgclf.model_file.keras_io import write_model_file

    manifest = replace(made.manifest, **asdict(publication))
    seen = made.pictures_seen.to_bytes()
    manifest = write_model_file(made.model, manifest, path, made.samples, made.features_graph, seen)
    if made.memory is None:
        forget_memory(path)
    else:
        save_memory(path, made.memory)
    if made.features is None:
        forget_features(path)
    else:
        save_features(path, made.features)
    return manifest


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
