"""Learning where Keras is needed: a new class, and models whose head NumPy can't do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from imgclf.backend import keras
from imgclf.corrections.assess import Case
from imgclf.corrections.correctable_network import CorrectableNetwork
from imgclf.corrections.feature_cache import ResponseCache
from imgclf.corrections.guard import evidence
from imgclf.corrections.learner import LearnedCorrections, Learner
from imgclf.corrections.new_class import (
    choose_threshold,
    recognised_unseen,
    say_expected,
    solve_class,
)
from imgclf.corrections.replay_memory import ReplayMemory
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError
from imgclf.model.build import compile_as
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.held_out import PictureRecords
from imgclf.model_file.keras_io import write_model_file
from imgclf.model_file.last_layer import numpy_head
from imgclf.model_file.litert_members import BesideHead
from imgclf.model_file.manifest import Manifest


class KerasLearner(Learner):
    """Corrects one model in Keras.

    Args:
        path: The model file.
        manifest: Its manifest.
        model: The Keras model in it.
        memory: Pictures to stay silent on and to be judged by.
        max_drop: As `Learner` takes it.
        samples: Pictures on which what answers without Keras is compared with it, uint8, shape
            (pictures, height, width, 3).

    Raises:
        ModelFileError: The model's last layer is not Dense, or it has fewer neurons than
            corrections.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        model: keras.Model,
        memory: ReplayMemory,
        max_drop: float | None,
        samples: Pixels,
    ) -> None:
        self._keras_network = CorrectableNetwork(model)
        self._model, self._samples = model, samples
        super().__init__(path, manifest, self._keras_network, memory, max_drop)

    def add_class(self, name: str, cases: Sequence[Case]) -> None:
        """Gives the network, and the manifest, a class that the model doesn't have yet.

        Args:
            name: Of the class.
            cases: Its pictures, at least two.

        Raises:
            UsageError: It can't be told from the old classes without harm to them.
        """
        copies = self.responses_to_copies(cases)
        pixels = np.stack([case.pixels for case in cases])
        replay = self.memory.replay.without(pixels)
        judge = evidence(self.memory.judge, pixels, self.manifest.corrections)
        silent_on = self.response_cache.responses(replay).features
        held_out, names = self.response_cache.responses(judge), self.manifest.class_names
        key = solve_class(copies, silent_on)
        threshold = choose_threshold(key, held_out, judge.labels, names, self.max_drop)
        if threshold is None:
            raise UsageError(
                f"--new-class: {name} looks so much like the old classes to this model that they "
                "would suffer",
                "more pictures of it may help; training anew with a folder of them will",
            )
        found = recognised_unseen(copies, silent_on, threshold)
        say_expected(name, found, len(cases))
        self._keras_network = self._keras_network.with_class(key, threshold)
        self._network = self._keras_network
        self.manifest = msgspec.structs.replace(
            self.manifest,
            class_names=(*names, name),
            head="softmax_logits" if self.manifest.head.endswith("logits") else "softmax",
        )
        self.response_cache = ResponseCache(self.path, self._network)

    def write(self, after: Manifest, learned: LearnedCorrections) -> None:
        """Replaces the model file by its next version.

        Args:
            after: What that is to say; its checksums are filled in.
            learned: From `learn`.

        Raises:
            WriteError: There is no room for it.
        """
        model, before = self._keras_network.with_neurons(learned.neurons), self._model
        if before.output_shape[1] == 1 and model.output_shape[1] > 1:
            from_logits = self.manifest.head.endswith("logits")
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
            model.compile(optimizer=before.optimizer, loss=loss, metrics=["accuracy"])
        else:
            compile_as(model, before.get_compile_config())
        # The features of the version in use are those of the next: only its head has changed.
        with ModelArchive(self.path) as archive:
            manifest = archive.manifest()
            graph, head = archive.features_graph(manifest), numpy_head(archive)
            pictures = PictureRecords(archive.pictures_seen(manifest), learned.held_out)
        beside = None
        if head is not None:
            familiar = head.familiar
            beside = BesideHead(head.trained, lambda _: familiar)
        write_model_file(model, after, self.path, self._samples, graph, beside, pictures)
