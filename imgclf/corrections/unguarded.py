"""The tutorial's way: fit on the corrected pictures alone, and hope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec.structs import replace as replace_members

from imgclf.backend import keras
from imgclf.callbacks.stack import bare_stack
from imgclf.corrections.assess import Case, Corrected, left_out
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.guard import Judged, Rights
from imgclf.corrections.judged_pictures import judged_pictures, known_rights
from imgclf.corrections.neurons import Neurons
from imgclf.corrections.replay_memory import Samples
from imgclf.data.source import Examples, Source
from imgclf.errors import ModelFileError
from imgclf.model.build import compile_as
from imgclf.model.calibration import fit_temperature
from imgclf.model.engine import BATCH_SIZE, KerasEngine
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import to_probabilities
from imgclf.model_file.classifier import Classifier
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Manifest
from imgclf.training.phases import Phase, run_phases

LEARNING_RATE = 1e-3

# benchmarks/retrain.py, the tutorial's arm, on photos of cats and dogs.
COST = (
    "fitting on corrected pictures alone forgets the others: where we measured it, accuracy on "
    "other pictures fell from 78.0 % to 61.6 % after one correction and to 54.7 % after fifty, "
    "and 48 % of the corrections still held"
)


@dataclass(frozen=True)
class UnguardedFit:
    """What a fit came to.

    Attributes:
        pictures: What the model says of each now.
        judged: Accuracy on held-out pictures; None without any.
        manifest: With the temperature that suits the new weights.
        model: Compiled as it was before.
        held_out: Which held-out pictures come out right; None without any.
    """

    pictures: tuple[Corrected, ...]
    judged: Judged | None
    manifest: Manifest
    model: keras.Model
    held_out: HeldOut | None


def fit_alone(
    path: Path,
    model: keras.Model,
    manifest: Manifest,
    cases: Sequence[Case],
    held_out: Samples | None,
    epochs: int,
) -> UnguardedFit:
    """Fits a model on the pictures of a few cases, and looks at what that did.

    Args:
        path: The model file.
        model: Compiled; it is changed.
        manifest: Its manifest.
        cases: What to fit on; at least one.
        held_out: To judge by, less what was corrected, which stops nothing; None for nothing.
        epochs: How many times over.

    Returns:
        What it came to: the pictures, accuracies between 0 and 1, and the same model.
    """
    names = manifest.class_names
    samples = Samples(
        np.stack([case.pixels for case in cases]),
        np.array([names.index(case.picture.label) for case in cases]),
    )
    classifier = Classifier(replace_members(manifest, temperature=1.0), KerasEngine(model))
    if held_out is not None:
        held_out = held_out.without(
            samples.pixels,
            [case.picture.digest for case in cases] + [one.digest for one in manifest.corrections],
        )
    if not held_out:
        held_out = None
    before = None if held_out is None else classifier.probabilities_of(held_out.batches())
    _fit(model, samples, epochs)
    judged, known = None, None
    if held_out is not None and before is not None:
        after = classifier.probabilities_of(held_out.batches())
        was, now = (one.argmax(axis=1) == held_out.labels for one in (before, after))
        known_before = known_rights(path, held_out)
        trained = was if known_before is None else known_before[0]
        right = Rights(trained, was, now, now)
        judged = Judged.of(right, held_out.labels, names)
        temperature = fit_temperature(after, held_out.labels)
        said = to_probabilities(after, "softmax", temperature)
        known = judged_pictures(held_out, names, right, said)
        manifest = replace_members(manifest, temperature=temperature)
    rows = Classifier(manifest, KerasEngine(model)).probabilities_of(samples.batches())
    pictures = []
    for case, row in zip(cases, rows, strict=True):
        answer = Prediction.of(case.path, row, names)
        learned = answer.label == case.picture.label
        picture = case.picture if learned else left_out(case, "it could not be learned")
        pictures.append(
            replace(picture, after=answer, outcome="corrected" if learned else "left out")
        )
    return UnguardedFit(tuple(pictures), judged, manifest, model, known)


def _fit(model: keras.Model, samples: Samples, epochs: int) -> None:
    """Neurons of earlier corrections stay as they are."""
    keras.utils.set_random_seed(0)
    ours = [layer for layer in model.layers if layer.name.startswith("corrections")]
    neurons = [layer for layer in ours if layer.trainable]
    config = model.get_compile_config()
    loss = config["loss"]
    name = loss if isinstance(loss, str) else loss["class_name"]
    targets = samples.labels.astype(np.float32)[:, np.newaxis]
    if model.output_shape[1] > 1 and "sparse" not in name.lower():
        targets = np.eye(model.output_shape[1], dtype=np.float32)[samples.labels]
    examples = Examples(samples.pixels, np.arange(len(samples)), targets)
    source = Source(examples, BATCH_SIZE, shuffle_seed=0)
    network = [layer.name for layer in model.layers if layer not in neurons]
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    phase = Phase(epochs, source, trained=network, optimizer=optimizer)
    run_phases(model, [phase], bare_stack(source))
    for layer in neurons:
        layer.trainable = True
    compile_as(model, config)


def with_silent_neurons(model: keras.Model, count: int) -> keras.Model:
    """The same model with neurons that never fire, for corrections that have none.

    So that each correction that a model file tells of has its neuron.
    """
    try:
        network = CorrectableNetwork(model)
    except ModelFileError:
        return model  # it will never have neurons
    features, units = network.neurons.keys.shape[0], network.neurons.strengths.shape[1]
    silent = Neurons(np.zeros((features, count), np.float32), np.zeros((count, units), np.float32))
    result = network.with_neurons(network.neurons.joined(silent, np.ones(count, bool)))
    compile_as(result, model.get_compile_config())
    return result
