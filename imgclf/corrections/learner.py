"""Learning corrections: solve a neuron for each, let the guard choose, say what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from imgclf.corrections.assess import Case, Corrected, left_out
from imgclf.corrections.augmented_copies import light_copies
from imgclf.corrections.corrected_pictures import load_corrected
from imgclf.corrections.feature_cache import RespondingNetwork, ResponseCache
from imgclf.corrections.guard import Judge, Judged, Verdict, evidence
from imgclf.corrections.judged_pictures import judged_pictures, known_rights
from imgclf.corrections.neurons import Array, Neurons, Responses, solve_neurons
from imgclf.corrections.replay_memory import ReplayMemory, Samples, digests_of
from imgclf.errors import ModelFileError
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import Activation, Probabilities, to_probabilities
from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Correction, Manifest
from imgclf.system import console


class CorrectedNetwork(RespondingNetwork, Protocol):
    """A network with the neurons of its corrections beside it."""

    @property
    def neurons(self) -> Neurons:
        """Those that it has."""


@dataclass(frozen=True)
class LearnedCorrections:
    """What was learned.

    Attributes:
        pictures: What came of each.
        judged: Accuracy on the held-out pictures.
        kept: The earlier corrections that stay in force.
        neurons: One for each of `kept`, then one for each accepted picture.
        held_out: Which held-out pictures come out right; None if nobody knows what these are.
    """

    pictures: tuple[Corrected, ...]
    judged: Judged
    kept: tuple[Correction, ...]
    neurons: Neurons
    held_out: HeldOut | None

    @property
    def accepted(self) -> list[Corrected]:
        """The pictures that were learned, in the order of their neurons."""
        return [picture for picture in self.pictures if picture.outcome == "corrected"]


class Learner:
    """Corrects one model.

    Args:
        path: The model file.
        manifest: Its manifest.
        network: Its network.
        memory: Pictures to stay silent on and to be judged by.
        max_drop: Of accuracy, between 0 and 1; None allows what chance explains, as in `Judge`.

    Attributes:
        path: Of the model file.
        manifest: The model's, as it is to be corrected.
        memory: What the network has to stay silent on and is judged by.
        max_drop: Of accuracy; see above.
        response_cache: What the network makes of pictures, of which some was kept.

    Raises:
        ModelFileError: The file has fewer neurons than corrections.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        network: CorrectedNetwork,
        memory: ReplayMemory,
        max_drop: float | None,
    ) -> None:
        self.path, self.manifest = path, manifest
        self._network: CorrectedNetwork = network
        self.memory, self.max_drop = memory, max_drop
        # Neurons that a plain Keras file brought along, if it was adopted with them, come first.
        owned = sum(one.by == "neuron" for one in manifest.corrections)
        self._adopted_neurons = len(network.neurons) - owned
        if self._adopted_neurons < 0:
            raise ModelFileError(
                f"{path} is damaged: it says that it has {owned} corrections, "
                f"and has {len(network.neurons)}"
            )
        self.response_cache = ResponseCache(path, network)

    @property
    def neurons(self) -> Neurons:
        """Those that the model has; of corrections, they are in the order of the manifest's."""
        return self._network.neurons

    def learn(self, cases: Sequence[Case]) -> LearnedCorrections:
        """Solves and judges; the model stays as it is.

        A picture that is given another label than before loses its old neuron. If the new one is
        left out, it keeps the old one.
        """
        copies = self.responses_to_copies(cases)
        chosen = list(range(len(cases)))
        not_learned: dict[int, str] = {}
        while True:
            learned, verdict = self._try([cases[k] for k in chosen], [copies[k] for k in chosen])
            stuck = {
                index: str(reason)
                for index, reason in zip(chosen, verdict.reasons, strict=True)
                if reason is not None and cases[index].replaces is not None
            }
            if not stuck or len(stuck) == len(chosen):
                break
            not_learned |= stuck
            chosen = [index for index in chosen if index not in stuck]
        pictures = dict(zip(chosen, learned.pictures, strict=True)) | {
            index: left_out(cases[index], reason) for index, reason in not_learned.items()
        }
        return replace(learned, pictures=tuple(pictures[index] for index in range(len(cases))))

    def forget(self, forgotten: Collection[str]) -> LearnedCorrections | None:
        """Takes neurons out and judges what is left; the model stays as it is.

        Args:
            forgotten: SHA-256 of the pictures whose corrections are to go.

        Returns:
            What stays, or None if held-out accuracy, or a correction that stays, would suffer.
        """
        by_neuron = [one for one in self.manifest.corrections if one.by == "neuron"]
        stay = [index for index, one in enumerate(by_neuron) if one.digest not in forgotten]
        kept = tuple(one for one in self.manifest.corrections if one.digest not in forgotten)
        rows = [*range(self._adopted_neurons), *(self._adopted_neurons + index for index in stay)]
        left = self._network.neurons.only(np.array(rows, np.int64))
        earlier = self._earlier(kept)
        held_out = evidence(self.memory.judge, earlier.pixels, kept)
        judge = Judge(
            responses=self.response_cache.responses(held_out),
            labels=held_out.labels,
            class_names=self.manifest.class_names,
            earlier=self.response_cache.responses(earlier),
            earlier_labels=earlier.labels,
            max_drop=self.max_drop,
            known=known_rights(self.path, held_out),
        )
        found = judge.judged_without(self._network.neurons, left)
        if found is None:
            return None
        judged, right = found
        said = self._probabilities(left.correct(judge.responses))
        known = judged_pictures(held_out, self.manifest.class_names, right, said)
        return LearnedCorrections((), judged, kept, left, known)

    def responses_to_copies(self, cases: Sequence[Case]) -> list[Responses]:
        """For each picture, what the network makes of it and of its light copies."""
        copies = [light_copies(case.pixels) for case in cases]
        # All in one call, for each call of Keras costs a tenth of a second.
        responses = self._network.responses(np.concatenate(copies))
        ends = np.cumsum([len(one) for one in copies]).tolist()
        return [
            responses[slice(end - len(one), end)] for one, end in zip(copies, ends, strict=True)
        ]

    def _try(
        self, cases: Sequence[Case], copies: Sequence[Responses]
    ) -> tuple[LearnedCorrections, Verdict]:
        names = self.manifest.class_names
        replaced = {case.picture.digest for case in cases}
        by_neuron = [one for one in self.manifest.corrections if one.by == "neuron"]
        stay = [index for index, one in enumerate(by_neuron) if one.digest not in replaced]
        kept = tuple(one for one in self.manifest.corrections if one.digest not in replaced)
        adopted = list(range(self._adopted_neurons))
        present = self._network.neurons.only(
            np.array(adopted + [self._adopted_neurons + index for index in stay], np.int64)
        )
        earlier = self._earlier(kept)
        pixels = np.stack([case.pixels for case in cases])
        labels = np.array([names.index(case.picture.label) for case in cases])
        own = Responses(
            np.concatenate([one.features[:1] for one in copies]),
            np.concatenate([one.logits[:1] for one in copies]),
        )
        self.response_cache.add(digests_of(pixels), own)
        corrected = np.concatenate([earlier.pixels, pixels])
        held_out = evidence(self.memory.judge, corrected, kept, replaced)
        judge = Judge(
            responses=self.response_cache.responses(held_out),
            labels=held_out.labels,
            class_names=names,
            earlier=self.response_cache.responses(earlier),
            earlier_labels=earlier.labels,
            max_drop=self.max_drop,
            known=known_rights(self.path, held_out),
        )
        replay = self.memory.replay.without(pixels)
        silent_on = np.concatenate(
            [self.response_cache.responses(replay).features, judge.earlier.features]
        )
        new = solve_neurons(copies, labels, present, silent_on)
        verdict = judge.choose(own, labels, present, new)
        neurons = present.joined(new, verdict.accepted)
        rows = self._probabilities(neurons.correct(own))
        pictures = tuple(
            replace(case.picture, after=Prediction.of(case.path, row, names), outcome="corrected")
            if reason is None
            else left_out(case, reason)
            for case, row, reason in zip(cases, rows, verdict.reasons, strict=True)
        )
        said = self._probabilities(neurons.correct(judge.responses))
        known = judged_pictures(held_out, names, verdict.right, said)
        return LearnedCorrections(pictures, verdict.judged, kept, neurons, known), verdict

    def _earlier(self, kept: tuple[Correction, ...]) -> Samples:
        manifest = msgspec.structs.replace(self.manifest, corrections=kept)
        earlier, gone = load_corrected(self.path, manifest)
        for correction in gone:
            console.warning(
                f"{correction.path}, corrected before, is no longer there to watch over"
            )
        return earlier

    def _probabilities(self, logits: Array) -> Probabilities:
        sigmoid = self.manifest.head.startswith("sigmoid")
        head: Activation = "sigmoid_logits" if sigmoid else "softmax_logits"
        return to_probabilities(logits, head, self.manifest.temperature)
