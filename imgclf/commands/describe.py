"""What is said of a model that was just trained, and how it does on held-out pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from imgclf.config.schema import Config
from imgclf.data.dataset import DataSet, Part, joined
from imgclf.model.calibration import fit_temperature
from imgclf.model.engine import KerasEngine, Outputs
from imgclf.model.multi_label import fit_temperature_of_answers, label_set_scores
from imgclf.model.probabilities import Activation, Probabilities, to_probabilities
from imgclf.model.scores import Scores
from imgclf.model.scoring import accuracy_scores
from imgclf.model.thresholds import choose_thresholds
from imgclf.model_file.classifier import Classifier
from imgclf.model_file.manifest import Decoder, Manifest, TrainedOn, installed_versions
from imgclf.model_file.pictures_seen import PicturesSeen
from imgclf.model_file.successor import Candidate

if TYPE_CHECKING:
    from imgclf.backend import keras


@dataclass(frozen=True)
class Described:
    """A trained model, and what it says of the pictures that were held out.

    Attributes:
        manifest: Whose version and time of creation are not settled yet.
        validation: Calibrated, shape (pictures, classes).
        test: Likewise; of no pictures if there is no test part.
    """

    manifest: Manifest
    validation: Probabilities
    test: Probabilities

    def test_scores(self, test: Part) -> Scores | None:
        """Those of the test part; None if there is none."""
        return _scores(self.manifest, self.test, test.labels, "test") if len(test) else None

    def candidate(self, data: DataSet) -> Candidate:
        """To be compared with the model in use.

        Args:
            data: What it was trained on.
        """
        held_out = joined(data.validation, data.test)
        said = np.concatenate([self.validation, self.test])
        names, thresholds = self.manifest.class_names, self.manifest.label_thresholds
        return Candidate(PicturesSeen.of(data), held_out, data.settings, said, names, thresholds)


def describe(
    model: keras.Model,
    data: DataSet,
    name: str,
    config: Config,
    outputs: Outputs | None = None,
) -> Described:
    """What the model file will say of a trained model.

    Args:
        model: With the weights to publish.
        data: What it was trained on.
        name: The model's.
        config: What it was trained by.
        outputs: What it puts out for the validation pictures, if that is known already.
    """
    from imgclf.model.build import output_activation

    height, width = config.data.image_size
    folder = data.folder
    manifest = Manifest(
        name=name,
        created="",
        class_names=folder.class_names,
        decoder=Decoder(height, width, config.data.resize, config.data.bit_depth),
        head="multi_label" if config.data.multi_label else output_activation(model),
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
    classifier = Classifier(manifest, KerasEngine(model))
    if outputs is None:
        validation = classifier.probabilities_of(data.validation.batches())
    else:
        validation = to_probabilities(outputs, manifest.head)
    test = validation[:0]
    if len(data.test):
        test = classifier.probabilities_of(data.test.batches())
    labels = data.validation.labels
    # To calibrate probabilities is to calibrate a softmax head, whatever head of one label it is.
    calibrated_as: Activation = "softmax"
    if manifest.multi_label:
        temperature, calibrated_as = fit_temperature_of_answers(validation, labels), "multi_label"
        calibrated = to_probabilities(validation, calibrated_as, temperature)
        manifest = replace(manifest, label_thresholds=choose_thresholds(calibrated, labels))
    else:
        temperature = fit_temperature(validation, labels)
    said = [to_probabilities(one, calibrated_as, temperature) for one in (validation, test)]
    manifest = replace(
        manifest,
        temperature=temperature,
        scores=_scores(manifest, said[0], labels, "validation"),
    )
    return Described(manifest, *said)


def _scores(
    manifest: Manifest,
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    part: Literal["validation", "test"],
) -> Scores:
    names = manifest.class_names
    if manifest.multi_label:
        return label_set_scores(probabilities, labels, names, manifest.label_thresholds, part)
    return accuracy_scores(probabilities, labels, names, part)
