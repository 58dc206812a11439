"""A class that the model was never trained on: one more logit, from one more neuron.

Its key answers 1 to all pictures of the class and to their light copies, and 0 to what the
model was trained on, by the same ridge regression as a correction's. The new logit is

    largest of the old logits + SLOPE * (features . key - threshold)

so the new class comes first exactly where the key answers more than the threshold, and the old
classes keep their order among themselves. The threshold is the lowest at which the old classes
pass the guard. What this reaches is in docs/retraining.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.guard import OVERALL, ROUNDING
from imgclf.corrections.neurons import Array, Labels, Responses, margins, solve_keys
from imgclf.errors import UsageError
from imgclf.model.paired_test import drop_by_chance
from imgclf.system import console

FEWEST_PICTURES = 10  # five are recognised anew once in six times, ten once in two
SLOPE = 20.0  # logits; far below the threshold the class gets e^-8 of the probability
_THRESHOLDS = np.arange(0.4, 1.0, 0.05)
_FOLDS = 5


def require_enough(name: str, pictures: int) -> None:
    """Makes sure that a new class has enough pictures to be told by.

    Raises:
        UsageError: It hasn't.
    """
    if pictures < FEWEST_PICTURES:
        raise UsageError(
            f"--new-class: {name} needs at least {FEWEST_PICTURES} different pictures, 20 to 40 "
            f"are better; {pictures} are given"
        )


def say_expected(name: str, found: int, pictures: int) -> None:
    """Says how well a new class is told.

    Args:
        name: Of the class.
        found: How many of its pictures are recognised when they aren't learned from.
        pictures: How many there are.
    """
    console.note(
        f"{name}: {found} of {pictures} pictures are recognised when they are not learned from, "
        "which is about what to expect of others"
    )


def solve_class(copies: Sequence[Responses], silent_on: Array) -> NDArray[np.float32]:
    """The key of a new class, shape (features,).

    Args:
        copies: For each of its pictures, the responses to it and to its light copies.
        silent_on: Features of pictures of the other classes, shape (pictures, features).
    """
    return solve_keys(copies, np.ones((len(copies), 1), bool), silent_on)[:, 0]


def choose_threshold(
    key: NDArray[np.float32],
    held_out: Responses,
    labels: Labels,
    class_names: Sequence[str],
    max_drop: float | None,
) -> float | None:
    """The lowest threshold at which no old class is worse than the guard allows.

    Args:
        key: Of the new class.
        held_out: Responses to pictures of the old classes.
        labels: Of these, shape (pictures,).
        class_names: The old ones.
        max_drop: Of accuracy, overall and of each class; None for what chance explains.

    Returns:
        None if there is none.
    """
    right = margins(held_out.logits, labels) > 0
    answers = held_out.features @ key
    groups = {OVERALL: np.ones(len(labels), bool)} | {
        name: labels == label for label, name in enumerate(class_names) if (labels == label).any()
    }
    for threshold in _THRESHOLDS.tolist():
        still = right & (answers <= threshold)
        for mine in groups.values():
            before, after = float(right[mine].mean()), float(still[mine].mean())
            # A class more mends none of the others.
            allowed = drop_by_chance(0, int(mine.sum())) if max_drop is None else max_drop
            if after < before - allowed - ROUNDING:
                break
        else:
            return float(threshold)
    return None


def recognised_unseen(copies: Sequence[Responses], silent_on: Array, threshold: float) -> int:
    """How many of a new class's pictures are recognised when they weren't learned from.

    Each is asked of a key that was solved without its fifth of them.
    """
    found = 0
    for fold in range(_FOLDS):
        rest = [one for index, one in enumerate(copies) if index % _FOLDS != fold]
        key = solve_class(rest, silent_on)
        asked = np.stack([one.features[0] for one in copies[fold::_FOLDS]])
        found += int((asked @ key > threshold).sum())
    return found
