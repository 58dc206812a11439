"""The guard: which corrections may be kept, judged by pictures that the model never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.neurons import Labels, Neurons, Responses, lead
from imgclf.model.manifest import Scores

OVERALL = "(all)"


@dataclass(frozen=True)
class Judged:
    """Accuracy on the held-out pictures, overall and by class.

    Attributes:
        trained: Of the model as it was trained.
        before: Of the model in use.
        after: With the corrections that were accepted.
        tolerance: How far `after` may be below `trained`. Not below `before`: many small drops
            would add up.
        pictures: How many there are of each.
    """

    trained: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]
    tolerance: Mapping[str, float]
    pictures: Mapping[str, int]

    def scores(self) -> Scores:
        """Those with the accepted corrections, as a model file keeps them."""
        by_class = {name: value for name, value in self.after.items() if name != OVERALL}
        return Scores(
            accuracy=self.after[OVERALL], per_class=by_class, pictures=self.pictures[OVERALL]
        )


@dataclass(frozen=True)
class Judge:
    """Held-out pictures and the corrections made earlier, which must stay right.

    Attributes:
        responses: To the held-out pictures.
        labels: Of these, shape (pictures,).
        class_names: In output order.
        earlier: Responses to the pictures corrected earlier.
        earlier_labels: Of these.
        max_drop: Of accuracy; None allows one standard error of each accuracy, which is what
            chance alone does to a held-out set of that size.
    """

    responses: Responses
    labels: Labels
    class_names: Sequence[str]
    earlier: Responses
    earlier_labels: Labels
    max_drop: float | None = None

    def accuracy(self, neurons: Neurons) -> dict[str, float]:
        """With these neurons, overall and by class."""
        right = lead(neurons.correct(self.responses), self.labels) > 0
        by_class = {
            self.class_names[label]: float(right[self.labels == label].mean())
            for label in np.unique(self.labels).tolist()
        }
        return {OVERALL: float(right.mean()), **by_class}

    def choose(
        self, own: Responses, labels: Labels, present: Neurons, new: Neurons
    ) -> tuple[NDArray[np.bool_], Judged]:
        """Leaves out corrections until nothing is worse than it may be.

        Args:
            own: Responses to the corrected pictures.
            labels: What they are, shape (corrections,).
            present: The neurons of earlier corrections.
            new: One neuron for each corrected picture.

        Returns:
            Which corrections are accepted, shape (corrections,), and the accuracies.
        """
        none = Neurons(present.keys[:, :0], present.strengths[:0])
        trained, before = self.accuracy(none), self.accuracy(present)
        pictures = {OVERALL: len(self.labels)} | {
            self.class_names[label]: int((self.labels == label).sum())
            for label in np.unique(self.labels).tolist()
        }
        tolerance = {
            name: _standard_error(trained[name], count) if self.max_drop is None else self.max_drop
            for name, count in pictures.items()
        }
        held = lead(present.correct(self.earlier), self.earlier_labels) > 0
        strangers = np.concatenate([self.responses.features, self.earlier.features])
        noise = new.firing(strangers).sum(axis=0) * np.abs(new.strengths).sum(axis=1)

        accepted = np.ones(len(labels), bool)
        while True:
            neurons = present.joined(new, accepted)
            after = self.accuracy(neurons)
            wrong = accepted & (lead(neurons.correct(own), labels) <= 0)
            lost = held & (lead(neurons.correct(self.earlier), self.earlier_labels) <= 0)
            dropped = any(after[name] < trained[name] - tolerance[name] - 1e-9 for name in after)
            if wrong.any():
                accepted &= ~wrong
            elif accepted.any() and (dropped or lost.any()):
                # The one that says most about pictures that are none of its business.
                accepted[np.argmax(np.where(accepted, noise, -1))] = False
            else:
                return accepted, Judged(trained, before, after, tolerance, pictures)


def _standard_error(accuracy: float, pictures: int) -> float:
    return float(np.sqrt(accuracy * (1 - accuracy) / pictures))
