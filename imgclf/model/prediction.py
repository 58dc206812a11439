"""The answer for one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from imgclf.model.probabilities import Probabilities

UNSURE = "unsure"

UNLIKE = "unlike what it knows"
"""Of a picture, for people."""


class Prediction(Struct, frozen=True):
    """What a model says of one input.

    Attributes:
        path: As it was given.
        label: The likeliest class, or `unsure`; None if the picture can't be read.
        confidence: The likeliest class's probability; None likewise.
        probabilities: By class name, in the model's order; empty likewise.
        error: Why the picture can't be read; None if it could.
        unlike: Whether it is unlike the pictures that the model knows; None if that isn't known.
        labels: Of a model that may give several, all that it gives, in its order; perhaps none, in
            spite of `label`, which is the likeliest. None for other models, and likewise.
    """

    path: str
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    error: str | None
    unlike: bool | None = None
    labels: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        path: str,
        row: Probabilities,
        class_names: Sequence[str],
        unlike: bool | None = None,
        thresholds: Sequence[float] = (),
    ) -> Prediction:
        """From one picture's probabilities, shape (classes,), and the thresholds if it has any."""
        best = int(row.argmax())
        by_class = dict(zip(class_names, row.tolist(), strict=True))
        labels = None
        if thresholds:
            known = zip(by_class.items(), thresholds, strict=True)
            labels = tuple(name for (name, value), least in known if value >= least)
        return cls(path, class_names[best], float(row[best]), by_class, None, unlike, labels)

    @classmethod
    def unreadable(cls, path: str, error: str) -> Prediction:
        """For a picture that can't be read."""
        return cls(path, None, None, {}, error)

    def or_unsure(self, min_confidence: Mapping[str, float]) -> Prediction:
        """The same, but labelled `unsure` if the confidence is below the limit of its label.

        Args:
            min_confidence: By class name; of others there is no limit.
        """
        if self.label is None or self.confidence is None:
            return self
        if self.confidence >= min_confidence.get(self.label, 0.0):
            return self
        return replace(self, label=UNSURE)

    def unless_unlike(self) -> Prediction:
        """The same, but labelled `unsure` if the picture is unlike those that the model knows."""
        return replace(self, label=UNSURE) if self.unlike else self

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """The first `count` classes with their probabilities, likeliest first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:count]
