"""Learning without Keras, and writing what was learned: for models that are split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.assess import Case
from imgclf.corrections.feature_cache import ResponseCache
from imgclf.corrections.learner import LearnedCorrections, Learner
from imgclf.corrections.neurons import THRESHOLD, Neurons
from imgclf.corrections.replay_memory import ReplayMemory
from imgclf.corrections.split_network import SplitNetwork
from imgclf.model.engine import Engine, SplitEngine
from imgclf.model.head import HeadNeurons, Numbers
from imgclf.model_file.archive import ModelArchive, read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.neuron_layers import NeuronLayers, read_neuron_layers, write_neurons


class SplitLearner(Learner):
    """Corrects one split model.

    Args:
        path: The model file.
        manifest: Its manifest.
        network: Its network.
        layers: Where the neurons are in it.
        memory: Pictures to stay silent on and to be judged by.
        max_drop: As `Learner` takes it.

    Raises:
        ModelFileError: The file has fewer neurons than corrections.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        network: SplitNetwork,
        layers: NeuronLayers,
        memory: ReplayMemory,
        max_drop: float | None,
    ) -> None:
        super().__init__(path, manifest, network, memory, max_drop)
        self._split, self._layers, self._pool = network, layers, network.pool
        self._seen: dict[str, NDArray[np.float32]] = {}

    def learn(self, cases: Sequence[Case]) -> LearnedCorrections:
        """As `Learner.learn`; what the pictures are like is remembered until they are written."""
        if self._layers.head.familiar is not None and cases:
            features = self._split.features(np.stack([case.pixels for case in cases]))
            digests = [case.picture.digest for case in cases]
            self._seen = dict(zip(digests, features, strict=True))
        return super().learn(cases)

    def write(self, after: Manifest, learned: LearnedCorrections) -> None:
        """Replaces the model file by its next version.

        Args:
            after: What that is to say; its checksums are filled in.
            learned: From `learn`.

        Raises:
            WriteError: There is no room for it.
        """
        neurons = _for_head(learned.neurons)
        digests = [one.digest for one in after.corrections]
        layers = self._layers.corrected_by(digests, self._seen)
        with ModelArchive(self.path) as archive:
            write_neurons(archive, after, layers, neurons, self._pool, learned.held_out)


def split_learner(
    path: Path,
    manifest: Manifest,
    engine: Engine,
    memory: ReplayMemory,
    max_drop: float | None,
) -> SplitLearner | None:
    """For a model that is split and whose neurons can be written without Keras, else None.

    Args:
        path: The model file.
        manifest: Its manifest.
        engine: It, ready to answer.
        memory: Pictures to stay silent on and to be judged by.
        max_drop: As `Learner` takes it.

    Raises:
        ModelFileError: The model file is damaged, or has fewer neurons than corrections.
    """
    if not isinstance(engine, SplitEngine):
        return None
    with ModelArchive(path) as archive:
        layers = read_neuron_layers(archive, manifest)
    if layers is None:
        return None
    network = SplitNetwork(str(manifest.features_sha256), engine)
    return SplitLearner(path, manifest, network, layers, memory, max_drop)


def keep_responses(path: Path, memory: ReplayMemory) -> None:
    """Runs the remembered pictures through a model that was written now.

    Else its first correction would, which takes milliseconds a picture. Nothing happens if its
    corrections need Keras.

    Args:
        path: The model file.
        memory: What is kept beside it.

    Raises:
        ModelFileError: The model can't be run.
        WriteError: There is no room for what it makes of them.
    """
    if read_manifest(path).features_sha256 is None:
        return
    classifier = open_classifier(path)
    if isinstance(classifier.engine, SplitEngine):
        network = SplitNetwork(str(classifier.manifest.features_sha256), classifier.engine)
        cache = ResponseCache(path, network)
        for part in (memory.replay, memory.judge):
            cache.responses(part)
        cache.keep()


def _for_head(neurons: Neurons) -> HeadNeurons:
    bias = np.full(len(neurons), -THRESHOLD, np.float32)
    return HeadNeurons(*map(Numbers.of, (neurons.keys, bias, neurons.strengths)))
