"""How well a model does, in the few numbers that its file and its run keep.

Apart from `scoring`, for it takes NumPy to measure them and none to read them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from imgclf.model.intervals import Interval, wilson


class Scores(Struct, frozen=True):
    """On the held-out pictures, between 0 and 1.

    Attributes:
        accuracy: Where a picture may have several labels, the share of those that get just theirs,
            as scikit-learn has it.
        per_class: The recall of each class that has pictures.
        balanced_accuracy: See `AveragedScores`, as of the next three; None in files of versions
            that didn't measure it, and where only accuracy is known.
        of_label_sets: Whether a picture may have several labels.
    """

    accuracy: float
    per_class: dict[str, float]
    pictures: int
    part: Literal["validation", "test"] = "validation"
    balanced_accuracy: float | None = None
    balanced_accuracy_interval: Interval | None = None
    macro_f1: float | None = None
    macro_f1_interval: Interval | None = None
    of_label_sets: bool = False

    @property
    def accuracy_interval(self) -> Interval:
        """Between which the accuracy on all such pictures lies with 95 % confidence."""
        return wilson(self.accuracy * self.pictures, self.pictures)
