"""What a model file says of itself: all that prediction and retraining need besides weights."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from imgclf.config.choices import Precision, Resize
from imgclf.data.colours import WHOLE_DEPTH
from imgclf.data.decoder import DecoderSettings
from imgclf.model.probabilities import Activation
from imgclf.model.scores import Scores
from imgclf.spelling import composed

FORMAT_VERSION = 3
"""The newest that is read. In 2 a model may be split into the graph of its features and its head;
in 3 it may give a picture several labels.

A model in one piece is still written as format 1: it is the same file as before, so an earlier
imgclf can use it; and so is one that gives one label as format 2.
"""


# Structs of msgspec and not models of pydantic, whose import and set-up take a third of the time
# of a whole prediction. Members that a later imgclf added are ignored.
_Side = Annotated[int, Meta(gt=0, le=8192)]
_Path = Annotated[str, Meta(pattern=r"^[^\0]*$")]


class Decoder(Struct, frozen=True):
    """How pictures become arrays; the same for training and prediction."""

    height: _Side
    width: _Side
    resize: Resize = "stretch"
    bit_depth: Annotated[int, Meta(ge=8, le=16)] = WHOLE_DEPTH

    def settings(self) -> DecoderSettings:
        """As the decoder takes them."""
        return DecoderSettings(self.height, self.width, self.resize, self.bit_depth)


class TrainedOn(Struct, frozen=True):
    """The pictures that a model was trained on.

    Attributes:
        directory: The data set's folder, absolute.
        fingerprint: Of its pictures, as `PictureFolder.fingerprint` gives it.
        training: How many pictures it was fitted on.
        validation: How many were held out.
        table: The file that has their labels, absolute; None if their folders have.
    """

    directory: _Path
    fingerprint: str
    training: int
    validation: int
    table: _Path | None = None


class Correction(Struct, frozen=True):
    """One picture that the model had wrong, and what a person said it is.

    Attributes:
        path: Where it lay.
        digest: SHA-256 of the file.
        label: What it is.
        was: What the model said.
        version: Of the model that first had it right.
        by: What learned it: a neuron of its own, or the last layer.
    """

    path: str
    digest: str
    label: str
    was: str
    version: int
    by: Literal["neuron", "last layer"] = "neuron"


def installed_versions() -> dict[str, str]:
    """Versions of what makes a model file, for `Manifest.made_with`."""
    from importlib.metadata import version  # 30 ms, which a prediction should not pay

    return {name: version(name) for name in ("imgclf", "keras", "tensorflow")}


# Two keys as earlier versions wrote them.
_KEYS = {"whole_graph_sha256": "twin_sha256", "litert_note": "twin_note"}


class Manifest(Struct, frozen=True, kw_only=True, rename=_KEYS):
    """The manifest of a model file.

    Attributes:
        class_names: In the order of the network's outputs; composed, as `composed` says, also in
            files of earlier versions, which have names of folders as they were stored.
        head: How to read the network's outputs as probabilities.
        label_thresholds: Where a picture may have several labels, how probable each class must be,
            in their order, to be given; else empty.
        temperature: Fitted on the validation pictures; 1 if it wasn't.
        config: The resolved config that it was trained with; empty for an adopted model.
        trained_in: What it computed in while it was trained; None if the file doesn't say. What
            the file holds computes in float32.
        replaced: The version that was in use before it, if it was trained; None if there was none,
            or if an earlier imgclf wrote the file.
        scores: Of this model on held-out pictures.
        scores_before: Of its parent on the same ones; None if it has no parent.
        corrections: All that have been applied, first to last.
        new_classes: How many of the last classes the last layer learned by corrections alone.
        weights_sha256: Of the archive's `model.weights.h5`.
        whole_graph_sha256: Of the archive's LiteRT graph of the whole network; None if it has none.
        features_sha256: Of the archive's LiteRT graph of the features; None if it isn't split.
        head_sha256: Of the archive's head; likewise.
        pictures_seen_sha256: Of the archive's list of pictures that it was trained on; None in
            files of earlier versions, and in adopted ones.
        held_out_sha256: Of the archive's list of held-out pictures that it has right; None if it
            has none.
        litert_note: Why it has no LiteRT graph.
    """

    format_version: int = 1
    name: str
    version: int = 1
    parent: int | None = None
    replaced: int | None = None
    created: str
    class_names: Annotated[tuple[str, ...], Meta(min_length=2)]
    decoder: Decoder
    head: Activation
    label_thresholds: tuple[Annotated[float, Meta(ge=0, le=1)], ...] = ()
    temperature: Annotated[float, Meta(ge=1e-3, le=1e3)] = 1.0  # fitted: 0.5 to 10
    config: dict[str, Any] = {}
    data: TrainedOn | None = None
    trained_in: Precision | None = None
    scores: Scores | None = None
    scores_before: Scores | None = None
    corrections: tuple[Correction, ...] = ()
    new_classes: Annotated[int, Meta(ge=0)] = 0
    made_with: dict[str, str] = {}
    weights_sha256: str = ""
    whole_graph_sha256: str | None = None
    features_sha256: str | None = None
    head_sha256: str | None = None
    pictures_seen_sha256: str | None = None
    held_out_sha256: str | None = None
    litert_note: str | None = None

    @property
    def units(self) -> int:
        """How many numbers its network gives for a picture."""
        return 1 if self.head.startswith("sigmoid") else len(self.class_names)

    @property
    def multi_label(self) -> bool:
        """Whether it may give a picture several labels, or none."""
        return self.head == "multi_label"

    def why_the_log_differs(self) -> str | None:
        """A line on why the log of its training has other scores than the model; None if not so."""
        if self.trained_in != "bfloat16":
            return None
        return (
            "it was trained in bfloat16, and is judged in float32, as it predicts: training.csv "
            "may have said a little more or less"
        )

    def with_class(self, name: str) -> Manifest:
        """That of the model with one more output, of a class that its last layer learned later."""
        return replace(
            self,
            class_names=(*self.class_names, name),
            head="softmax_logits" if self.head.endswith("logits") else "softmax",
            new_classes=self.new_classes + 1,
        )

    def __post_init__(self) -> None:
        names = tuple(map(composed, self.class_names))
        # Earlier versions took two spellings of one name for two classes.
        if names == self.class_names or len(set(names)) < len(names):
            return
        force_setattr(self, "class_names", names)
        corrections = tuple(
            replace(one, label=composed(one.label), was=composed(one.was))
            for one in self.corrections
        )
        force_setattr(self, "corrections", corrections)
