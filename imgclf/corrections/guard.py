"""The guard: which corrections may be kept, judged by pictures that the model never saw.

Versions are compared pair by pair, as `imgclf.model.paired_test` says: on the same pictures, of
which only those tell that one version has right and the other wrong. That also gives a class a
tolerance that has all of its few pictures right, or none.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.neurons import Labels, Neurons, Responses, margins
from imgclf.corrections.replay_memory import Samples
from imgclf.data.decoder import Pixels
from imgclf.errors import DataError
from imgclf.model.paired_test import drop_by_chance
from imgclf.model.scores import Scores
from imgclf.model_file.manifest import Correction

OVERALL = "(all)"

ROUNDING = 1e-9
"""By so much an accuracy may be below what is allowed, for sums of floats are not exact."""

Reason = Literal[
    "it could not be learned",
    "it would undo an earlier correction",
    "held-out accuracy would drop",
]
DROPS: Reason = "held-out accuracy would drop"


def evidence(
    held_out: Samples,
    corrected: Pixels,
    corrections: Sequence[Correction],
    digests: Collection[str] = (),
) -> Samples:
    """The held-out pictures that nobody corrected: of others, that they are right says nothing.

    Args:
        held_out: All that there are.
        corrected: uint8, shape (pictures, height, width, 3).
        corrections: In force.
        digests: SHA-256 of more that are corrected, in hexadecimal.

    Raises:
        DataError: None is left.
    """
    left = held_out.without(corrected, [*digests, *(one.digest for one in corrections)])
    if not len(left):
        raise DataError(
            f"all {len(held_out)} held-out pictures were corrected, so nothing could tell whether "
            "a correction does harm",
            "name folders of other pictures to replay and to judge by: --data FOLDER; or do "
            "without a guard: --unguarded",
        )
    return left


@dataclass(frozen=True)
class Rights:
    """Which of the held-out pictures each version has right, shape (pictures,) each.

    Attributes:
        trained: The model as it was trained.
        before: The model in use.
        asked: With all the corrections that were asked for.
        after: With those that were accepted.
    """

    trained: NDArray[np.bool_]
    before: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    after: NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Accuracy on the held-out pictures, between 0 and 1, overall and by class.

    Attributes:
        trained: Of the model as it was trained.
        before: Of the model in use.
        asked: With all the corrections that were asked for.
        after: With those that were accepted.
        tolerance: How far `after` may be below `trained`, as many small drops would add up. It is
            below 0 where the model in use is that much better, for it must not be worse than that
            either.
        pictures: How many there are of each.
    """

    trained: Mapping[str, float]
    before: Mapping[str, float]
    asked: Mapping[str, float]
    after: Mapping[str, float]
    tolerance: Mapping[str, float]
    pictures: Mapping[str, int]

    @classmethod
    def of(
        cls,
        right: Rights,
        labels: Labels,
        class_names: Sequence[str],
        max_drop: float | None = None,
    ) -> Judged:
        """Compares the versions, pair by pair.

        Args:
            right: What each has right.
            labels: Of the pictures, shape (pictures,); at least one.
            class_names: In output order.
            max_drop: Of accuracy, below the trained model and the one in use; None allows what
                chance explains.
        """
        groups = {OVERALL: np.ones(len(labels), bool)} | {
            class_names[label]: labels == label for label in np.unique(labels).tolist()
        }
        trained, before, asked, after = (
            {name: float(one[mine].mean()) for name, mine in groups.items()}
            for one in (right.trained, right.before, right.asked, right.after)
        )
        least = {
            name: max(
                float(earlier[mine].mean()) - _allowed(earlier[mine], right.after[mine], max_drop)
                for earlier in (right.trained, right.before)
            )
            for name, mine in groups.items()
        }
        tolerance = {name: trained[name] - least[name] for name in groups}
        pictures = {name: int(mine.sum()) for name, mine in groups.items()}
        return cls(trained, before, asked, after, tolerance, pictures)

    @property
    def worse(self) -> list[str]:
        """Where `after` is below what is allowed: classes, and `OVERALL`."""
        return [
            name
            for name, accuracy in self.after.items()
            if accuracy < self.trained[name] - self.tolerance[name] - ROUNDING
        ]

    @property
    def drop_asked(self) -> float:
        """The `--max-drop` that would let pass all that was asked for, rounded up to 4 digits."""
        drops = (
            max(self.trained[name], self.before[name]) - accuracy
            for name, accuracy in self.asked.items()
        )
        return math.ceil(max(0.0, *drops) * 10_000 - ROUNDING) / 10_000

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
        right: Which of the held-out pictures come out right.
    """

    accepted: NDArray[np.bool_]
    reasons: tuple[Reason | None, ...]
    judged: Judged
    right: Rights


@dataclass(frozen=True)
class Judge:
    """Held-out pictures and the corrections made earlier, which must stay right.

    Attributes:
        responses: To the held-out pictures; none that was corrected is among them.
        labels: Of these, shape (pictures,), at least one.
        class_names: In output order.
        earlier: Responses to the pictures corrected earlier.
        earlier_labels: Of these.
        max_drop: Of accuracy; None allows what chance explains; see `Judged.of`.
        known: Which held-out pictures the model had right as it was trained, and which the one
            in use has, by its file; None if that doesn't say: then the network without neurons
            stands for the one, and with the present ones for the other.
    """

    responses: Responses
    labels: Labels
    class_names: Sequence[str]
    earlier: Responses
    earlier_labels: Labels
    max_drop: float | None = None
    known: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None

    def right(self, neurons: Neurons) -> NDArray[np.bool_]:
        """Which held-out pictures come out right with these neurons, shape (pictures,)."""
        right: NDArray[np.bool_] = margins(neurons.correct(self.responses), self.labels) > 0
        return right

    def judged_without(self, present: Neurons, left: Neurons) -> tuple[Judged, Rights] | None:
        """What comes of neurons being taken out; None if it would do harm.

        Args:
            present: All there are.
            left: Those that stay.
        """
        none = Neurons(present.keys[:, :0], present.strengths[:0])
        trained, before = self.known or (self.right(none), self.right(present))
        now = self.right(left)
        right = Rights(trained, before, now, now)
        judged = Judged.of(right, self.labels, self.class_names, self.max_drop)
        held, holds = (
            margins(neurons.correct(self.earlier), self.earlier_labels) > 0
            for neurons in (present, left)
        )
        return None if judged.worse or (held & ~holds).any() else (judged, right)

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
        trained, before = self.known or (self.right(none), self.right(present))
        asked = self.right(present.joined(new, np.ones(len(labels), bool)))
        held = margins(present.correct(self.earlier), self.earlier_labels) > 0

        def rights(neurons: Neurons) -> Rights:
            return Rights(trained, before, asked, self.right(neurons))

        def judged(neurons: Neurons) -> Judged:
            return Judged.of(rights(neurons), self.labels, self.class_names, self.max_drop)

        def objections(accepted: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Reason | None]:
            """Which of the accepted come out wrong, and what else speaks against them."""
            neurons = present.joined(new, accepted)
            wrong = accepted & (margins(neurons.correct(own), labels) <= 0)
            if (held & (margins(neurons.correct(self.earlier), self.earlier_labels) <= 0)).any():
                return wrong, "it would undo an earlier correction"
            return wrong, DROPS if judged(neurons).worse else None

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
        chosen = present.joined(new, accepted)
        return Verdict(accepted, tuple(reasons), judged(chosen), rights(chosen))


def _allowed(earlier: NDArray[np.bool_], later: NDArray[np.bool_], max_drop: float | None) -> float:
    """How far the accuracy of the later version may be below that of the earlier one."""
    if max_drop is not None:
        return max_drop
    return drop_by_chance(int((later & ~earlier).sum()), len(later))
