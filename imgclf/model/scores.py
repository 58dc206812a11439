"""How well a model does, in the few numbers that its file and its run keep.

Apart from `scoring`, for it takes NumPy to measure them and none to read them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Scores(Struct, frozen=True):
    """Accuracy on the held-out pictures, overall and by class, between 0 and 1."""

    accuracy: float
    per_class: dict[str, float]
    pictures: int
    part: Literal["validation", "test"] = "validation"
