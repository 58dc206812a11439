"""The guard: which corrections may be kept, judged by pictures that the model never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.neurons import Labels, Neurons, Responses, margins
from imgclf.model.scores import Scores

OVERALL = "(all)"

ROUNDING = 1e-9
"""By so much an accuracy may be below what is allowed, for sums of floats are not exact."""

Reason = Literal[
    "it could not be learned",
    "it would undo an earlier correction",
    "held-out accuracy would drop",
]


@dataclass(frozen=True)
class Judged:
    """Accuracy on the held-out pictures, between 0 and 1, overall and by class.

    Attributes:
        trained: Of the model as it was trained.
        before: Of the model in use.
        asked: With all the corrections that were asked for.
        after: With those that were accepted.
        tolerance: How far `after` may be below `trained`. Not below `before`: many small drops
            would add up.
        pictures: How many there are of each.
    """

    trained: Mapping[str, float]
    before: Mapping[str, float]
    asked: Mapping[str, float]
    after: Mapping[str, float]
    tolerance: Mapping[str, float]
    pictures: Mapping[str, int]

    def scores(self, which: Literal["before", "after"]) -> Scores:
        """As a model file keeps them."""
        values = self.before if which == "before" else self.after
        by_class = {name: value for name, value in values.items() if name != OVERALL}
        return Scores(accuracy=values[OVERALL], per_class=by_class, pictures=self.pictures[OVERALL])


@dataclass(frozen=True)
class Verdict:
    """Which corrections may be kept.

    Attributes:
        accepted: Shape (corrections,).
        reasons: Why each of the others may not; None for the accepted.
        judged: The accuracies.
    """

    accepted: NDArray[np.bool_]
    reasons: tuple[Reason | None, ...]
    judged: Judged


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
        """Accuracy with these neurons, between 0 and 1, overall (`OVERALL`) and by class."""
        right = margins(neurons.correct(self.responses), self.labels) > 0
        by_class = {
            self.class_names[label]: float(right[self.labels == label].mean())
            for label in np.unique(self.labels).tolist()
        }
        return {OVERALL: float(right.mean()), **by_class}

    def judged_without(self, present: Neurons, left: Neurons) -> Judged | None:
        """What comes of neurons being taken out; None if it would do harm.

        Args:
            present: All there are.
            left: Those that stay.
        """
        none = Neurons(present.keys[:, :0], present.strengths[:0])
        nothing = Responses(self.responses.features[:0], self.responses.logits[:0])
        judged = self.choose(nothing, self.labels[:0], left, none).judged
        judged = replace(judged, before=self.accuracy(present))
        held, holds = (
            margins(neurons.correct(self.earlier), self.earlier_labels) > 0
            for neurons in (present, left)
        )
        dropped = any(
            value < judged.trained[name] - judged.tolerance[name] - ROUNDING
            for name, value in judged.after.items()
        )
        return None if dropped or (held & ~holds).any() else judged

    def choose(self, own: Responses, labels: Labels, present: Neurons, new: Neurons) -> Verdict:
        """Leaves out corrections until nothing is worse than it may be.

        First those that don't come out right, then one after another the one that says most
        about pictures that are none of its business. What turns out to have been left out
        without need comes back, so that no other correction could be added to the result.

        Args:
            own: Responses to the corrected pictures.
            labels: What they are, shape (corrections,).
            present: The neurons of earlier corrections.
            new: One neuron for each corrected picture.
        """
        none = Neurons(present.keys[:, :0], present.strengths[:0])
        trained, before = self.accuracy(none), self.accuracy(present)
        pictures = {OVERALL: len(self.labels)} | {
            self.class_names[label]: int((self.labels == label).sum())
            for label in np.unique(self.labels).tolist()
        }
        tolerance = {
            name: standard_error(trained[name], count) if self.max_drop is None else self.max_drop
            for name, count in pictures.items()
        }
        least = {name: trained[name] - tolerance[name] - ROUNDING for name in pictures}
        held = margins(present.correct(self.earlier), self.earlier_labels) > 0

        def objections(accepted: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Reason | None]:
            """Which of the accepted come out wrong, and what else speaks against them."""
            neurons = present.joined(new, accepted)
            wrong = accepted & (margins(neurons.correct(own), labels) <= 0)
            if (held & (margins(neurons.correct(self.earlier), self.earlier_labels) <= 0)).any():
                return wrong, "it would undo an earlier correction"
            after = self.accuracy(neurons)
            dropped = any(after[name] < least[name] for name in after)
            return wrong, "held-out accuracy would drop" if dropped else None

        others = np.concatenate([self.responses.features, self.earlier.features])
        noise = new.firing(others).sum(axis=0) * np.abs(new.strengths).sum(axis=1)
        accepted = np.ones(len(labels), bool)
        reasons: list[Reason | None] = [None] * len(labels)
        while accepted.any():
            wrong, harm = objections(accepted)
            if not wrong.any() and harm is None:
                break
            worst = int(np.argmax(np.where(accepted, noise, -1)))
            for index in np.flatnonzero(wrong).tolist() or [worst]:
                accepted[index] = False
                reasons[index] = "it could not be learned" if wrong.any() else harm
        for index in sorted(np.flatnonzero(~accepted).tolist(), key=lambda index: noise[index]):
            accepted[index] = True
            wrong, harm = objections(accepted)
            accepted[index] = not wrong.any() and harm is None
            reasons[index] = None if accepted[index] else reasons[index]
        asked = self.accuracy(present.joined(new, np.ones(len(labels), bool)))
        after = self.accuracy(present.joined(new, accepted))
        judged = Judged(trained, before, asked, after, tolerance, pictures)
        return Verdict(accepted, tuple(reasons), judged)


def standard_error(accuracy: float, pictures: int) -> float:
    """What chance alone does to an accuracy measured on so many pictures.

    It is that of one picture at least: a class that has all of eight right, or none, could have
    had one wrong or right as well.

    Args:
        accuracy: Between 0 and 1, as is what is returned.
        pictures: At least one.
    """
    return max(float(np.sqrt(accuracy * (1 - accuracy) / pictures)), 1 / pictures)
