"""What a model file says of itself: all that prediction and retraining need besides weights."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from imgclf.data.decoder import DecoderSettings
from imgclf.model.head import Activation

FORMAT_VERSION = 1


class _Part(BaseModel):
    """Frozen; members that a later imgclf added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Decoder(_Part):
    """How pictures become arrays; the same for training and prediction."""

    height: int = Field(gt=0, le=8192)
    width: int = Field(gt=0, le=8192)
    resize: Literal["stretch", "crop", "pad"] = "stretch"

    def settings(self) -> DecoderSettings:
        """As the decoder takes them."""
        return DecoderSettings(self.height, self.width, self.resize)


class TrainedOn(_Part):
    """The pictures that a model was trained on."""

    directory: str
    fingerprint: str
    training: int
    validation: int


class Scores(_Part):
    """Accuracy on the held-out pictures, overall and by class, between 0 and 1."""

    accuracy: float
    per_class: dict[str, float]
    pictures: int
    part: Literal["validation", "test"] = "validation"


class Correction(_Part):
    """One picture that the model had wrong, and what a person said it is.

    Attributes:
        path: Where it lay.
        digest: SHA-256 of the file.
        label: What it is.
        was: What the model said.
        version: Of the model that first had it right.
    """

    path: str
    digest: str
    label: str
    was: str
    version: int


def installed_versions() -> dict[str, str]:
    """Versions of what makes a model file, for `Manifest.made_with`."""
    return {name: version(name) for name in ("imgclf", "keras", "tensorflow")}


class Manifest(_Part):
    """The manifest of a model file.

    Attributes:
        class_names: In the order of the network's outputs.
        head: How to read the network's outputs as probabilities.
        temperature: Fitted on the validation pictures; 1 if it wasn't.
        config: The resolved config that it was trained with; empty for an adopted model.
        corrections: All that have been applied, first to last.
        weights_sha256: Of the archive's `model.weights.h5`.
        twin_sha256: Of the archive's LiteRT graph; None if it has none.
        twin_note: Why there is no twin.
    """

    format_version: int = FORMAT_VERSION
    name: str
    version: int = 1
    parent: int | None = None
    created: str
    class_names: tuple[str, ...] = Field(min_length=2)
    decoder: Decoder
    head: Activation
    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    config: dict[str, Any] = {}
    data: TrainedOn | None = None
    scores: Scores | None = None
    corrections: tuple[Correction, ...] = ()
    made_with: dict[str, str] = {}
    weights_sha256: str = ""
    twin_sha256: str | None = None
    twin_note: str | None = None
