"""A model that is ready to answer.

`open_classifier` takes what the model file has for answering without TensorFlow: the LiteRT graph
of the features with a head for NumPy, or the LiteRT graph of the whole network. Only where there
is neither does it load the model in Keras, which costs seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.data.decoder import DecoderSettings, Pixels, decode, decode_given
from imgclf.data.reading import in_batches
from imgclf.errors import ModelFileError, PictureError, UsageError, suggestion
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import (
    BATCH_SIZE,
    Engine,
    KerasEngine,
    LiteRTEngine,
    LiteRTFeatures,
    SplitEngine,
)
from imgclf.model.head import NumpyHead
from imgclf.model.prediction import Prediction
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.model_file.archive import FEATURES, HEAD, WHOLE_GRAPH, ModelArchive
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.one_label import require_one_label
from imgclf.system import console

if TYPE_CHECKING:
    from PIL.Image import Image

Features: TypeAlias = NDArray[np.float32]
Picture: TypeAlias = "str | os.PathLike[str] | bytes | NDArray[np.generic] | Image"
"""The path of a picture, the bytes of its file, or what is in memory of it: `uint8` of shape
(height, width), or with 1 (grey), 3 (RGB) or 4 (RGBA) channels behind, or as Pillow has it."""

_Given = TypeVar("_Given")
_QuickEngine: TypeAlias = LiteRTEngine | SplitEngine


class Classifier(Struct, frozen=True):
    """A model that is ready to answer.

    Attributes:
        manifest: What its file says of it.
        engine: What runs its network.
    """

    manifest: Manifest
    engine: Engine

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order in which probabilities have them."""
        return self.manifest.class_names

    def predict(
        self,
        pictures: Iterable[Picture] | Picture,
        min_confidence: float | Mapping[str, float] = 0.0,
    ) -> list[Prediction]:
        """An answer for each picture, in their order; one that can't be read says why.

        Args:
            pictures: Several, or one; an array of shape (pictures, height, width, channels) is
                several.
            min_confidence: Between 0 and 1, below which the label is `unsure`; or such a number by
                class name, 0 for those that are not there.

        Raises:
            UsageError: `min_confidence` names no class of the model, or is no share; or the model
                gives several labels, by thresholds of its own.
            ModelFileError: The LiteRT graph can't be run.
        """
        return list(self.stream(_several(pictures), min_confidence))

    def predict_proba(self, pictures: Iterable[Picture] | Picture) -> Probabilities:
        """Calibrated probabilities, float64, shape (pictures, classes), rows adding up to 1.

        Rows of a model that may give several labels don't: see `to_probabilities`.

        Args:
            pictures: As of `predict`.

        Raises:
            PictureError: One of them can't be read.
            ModelFileError: The LiteRT graph can't be run.
        """
        answers = self.predict(pictures)
        for place, answer in enumerate(answers):
            if answer.error is not None:
                raise PictureError(f"{answer.path or f'pictures[{place}]'}: {answer.error}")
        rows = [list(answer.probabilities.values()) for answer in answers]
        return np.array(rows, np.float64).reshape(len(rows), len(self.class_names))

    def stream(
        self,
        pictures: Iterable[_Given],
        min_confidence: float | Mapping[str, float] = 0.0,
        read: Callable[[_Given, DecoderSettings], Pixels] | None = None,
    ) -> Iterator[Prediction]:
        """Yields what `predict` gives, each answer as soon as its batch is done.

        Memory does not grow with the number of pictures.

        Args:
            pictures: Several.
            min_confidence: As of `predict`.
            read: What they are read by, in several threads; None for the decoder, which takes
                whatever is a `Picture`.

        Raises:
            UsageError: As of `predict`; at once.
        """
        least = _by_class(min_confidence, self.class_names)
        if any(least.values()):
            require_one_label(
                self.manifest, "min_confidence", "see the probabilities of each answer"
            )
        settings = self.manifest.decoder.settings()
        by = cast("Callable[[_Given, DecoderSettings], Pixels]", _decoded) if read is None else read
        return self._answers(in_batches(pictures, lambda one: by(one, settings), BATCH_SIZE), least)

    def _answers(
        self,
        batches: Iterable[list[tuple[_Given, Pixels | PictureError]]],
        least: Mapping[str, float],
    ) -> Iterator[Prediction]:
        for batch in batches:
            readable = [pixels for _, pixels in batch if not isinstance(pixels, PictureError)]
            answers = iter(self._answers_for(np.stack(readable)) if readable else ())
            for picture, pixels in batch:
                path = str(picture) if isinstance(picture, str | os.PathLike) else ""
                if isinstance(pixels, PictureError):
                    yield Prediction.unreadable(path, pixels.message)
                else:
                    row, unlike = next(answers)
                    thresholds = self.manifest.label_thresholds
                    answer = Prediction.of(path, row, self.class_names, unlike, thresholds)
                    yield answer.or_unsure(least)
        self.engine.finish()

    def _answers_for(self, pixels: Pixels) -> Iterator[tuple[Probabilities, bool | None]]:
        """The probabilities of each picture, and whether it is unlike what the model knows."""
        probabilities, features = self.probabilities_and_features(pixels)
        unlike = self.unlike(features)
        said = [None] * len(pixels) if unlike is None else unlike.tolist()
        return zip(probabilities, said, strict=True)

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """Calibrated probabilities, float64, shape (pictures, classes), rows adding up to 1.

        Args:
            pixels: uint8, shape (pictures, height, width, 3), as the manifest's decoder gives them.

        Raises:
            ModelFileError: The LiteRT graph can't be run.
        """
        outputs = self.engine.run(pixels)
        return to_probabilities(outputs, self.manifest.head, self.manifest.temperature)

    def probabilities_and_features(self, pixels: Pixels) -> tuple[Probabilities, Features]:
        """The same, and what pictures are told apart by, float32, shape (pictures, features).

        These are the probabilities themselves where the file has no graph of features.

        Raises:
            ModelFileError: The LiteRT graph can't be run.
        """
        if not isinstance(self.engine, SplitEngine):
            probabilities = self.probabilities(pixels)
            return probabilities, probabilities.astype(np.float32)
        outputs, features = self.engine.run_with_features(pixels)
        head, temperature = self.manifest.head, self.manifest.temperature
        return to_probabilities(outputs, head, temperature), features

    def unlike(self, features: Features) -> NDArray[np.bool_] | None:
        """Which pictures are unlike what it was trained on and corrected by, shape (pictures,).

        Args:
            features: From `probabilities_and_features`.

        Returns:
            None if its file doesn't say what it knows.
        """
        if not isinstance(self.engine, SplitEngine) or self.engine.head.familiar is None:
            return None
        return self.engine.head.familiar.unlike(features)

    def probabilities_of(self, batches: Iterable[Pixels]) -> Probabilities:
        """The same for pictures that come in batches, joined in their order; none may come."""
        parts = [self.probabilities(batch) for batch in batches]
        return np.concatenate(parts) if parts else np.empty((0, len(self.manifest.class_names)))

    def probabilities_and_unlike_of(
        self, batches: Iterable[Pixels]
    ) -> tuple[Probabilities, NDArray[np.bool_] | None]:
        """The same, and which of the pictures are unlike what it knows; None if it doesn't say."""
        parts, unlike = [], []
        for batch in batches:
            probabilities, features = self.probabilities_and_features(batch)
            parts.append(probabilities)
            unlike.append(self.unlike(features))
        known = [one for one in unlike if one is not None]
        if not parts or len(known) < len(parts):
            return np.concatenate([np.empty((0, len(self.manifest.class_names))), *parts]), None
        return np.concatenate(parts), np.concatenate(known)


def _several(pictures: Iterable[Picture] | Picture) -> Iterable[Picture]:
    if isinstance(pictures, np.ndarray):
        return pictures if pictures.ndim > 3 else [pictures]
    # An image of Pillow's has no `__iter__`.
    if isinstance(pictures, str | bytes | os.PathLike) or not isinstance(pictures, Iterable):
        return [pictures]
    return pictures


def _decoded(picture: Picture, settings: DecoderSettings) -> Pixels:
    if isinstance(picture, str | bytes | Path):
        return decode(picture, settings)
    if isinstance(picture, os.PathLike):
        return decode(os.fspath(picture), settings)
    return decode_given(picture, settings)


def _by_class(
    min_confidence: float | Mapping[str, float], class_names: tuple[str, ...]
) -> Mapping[str, float]:
    """The limit of each class, by its name."""
    if not isinstance(min_confidence, Mapping):
        min_confidence = dict.fromkeys(class_names, min_confidence)
    for name, least in min_confidence.items():
        if name not in class_names:
            raise UsageError(
                f"min_confidence: the model has no class {name!r}; it has "
                f"{', '.join(class_names)}{suggestion(name, class_names)}"
            )
        if not 0 <= least <= 1:
            raise UsageError(
                f"min_confidence of {name}: a number between 0 and 1 is wanted; received: {least}"
            )
    return min_confidence


def open_classifier(path: Path) -> Classifier:
    """Opens a model file for prediction, without TensorFlow where that can be.

    Args:
        path: The model file.

    Raises:
        ModelFileError: It is missing, damaged, or not to be trusted.
    """
    with ModelArchive(path) as archive:
        manifest = archive.manifest()
        members = graphs_in(archive, manifest)
    reason = manifest.litert_note or "it has no LiteRT graph in it"
    if members:
        open_apart(path, "graph")
        try:
            return open_quickly(path, manifest, members)
        except ImportError:
            reason = "ai-edge-litert is not installed"
        except GraphError as error:
            with ModelArchive(path) as archive:
                archive.verify_graphs(manifest)  # else it is a damaged file that says so
            import shlex

            classes = shlex.quote(",".join(manifest.class_names))
            reason = (
                f"its LiteRT graph is not run, since it can't be checked: {error}; "
                f"imgclf adopt {shlex.quote(str(path))} --classes {classes} makes one here"
            )
    console.warning(f"{path}: starting TensorFlow, which takes seconds, for {reason}")
    from imgclf.model_file.keras_io import load_keras_model

    return Classifier(manifest, KerasEngine(load_keras_model(path)))


def graphs_in(archive: ModelArchive, manifest: Manifest) -> list[bytes]:
    """What answers without TensorFlow: a graph, and the head behind it if it has one; maybe none.

    Raises:
        ModelFileError: It can't be read.
    """
    # Not `archive.whole_graph`: the zip's own checksum tells damage, and SHA-256 of megabytes takes
    # longer than the answer.
    wanted = [(FEATURES, manifest.features_sha256), (HEAD, manifest.head_sha256)]
    if None in (manifest.features_sha256, manifest.head_sha256):
        wanted = [(WHOLE_GRAPH, manifest.whole_graph_sha256)]
    return [archive.read(name) for name, digest in wanted if digest is not None]


def open_quickly(path: Path, manifest: Manifest, members: list[bytes]) -> Classifier:
    """Runs what answers without TensorFlow.

    Args:
        path: The model file.
        manifest: Its manifest.
        members: From `graphs_in`.

    Raises:
        GraphError: The graph can't be checked.
        ModelFileError: They can't be run, or not together.
        ImportError: There is no LiteRT for this platform.
    """
    engine = _quick_engine(path, manifest, *members)
    _require_fit(path, manifest, engine)
    return Classifier(manifest, engine)


def _quick_engine(
    path: Path, manifest: Manifest, graph: bytes, head: bytes | None = None
) -> _QuickEngine:
    """Runs a graph, and the head behind it if it is a graph of features.

    Raises:
        GraphError: The graph can't be checked.
        ModelFileError: They can't be run, or not together.
        ImportError: There is no LiteRT for this platform.
    """
    picture = manifest.decoder.height, manifest.decoder.width, 3
    try:
        if head is None:
            return LiteRTEngine(graph, picture)
        features = LiteRTFeatures(graph, picture=picture)
    except GraphError:
        raise
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: LiteRT can't run its graph: {error}") from None
    try:
        return SplitEngine(features, NumpyHead.from_bytes(head))
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: {error}") from None


def _require_fit(path: Path, manifest: Manifest, engine: _QuickEngine) -> None:
    """A graph that is another model's would answer with confidence, and wrongly."""
    if engine.units != manifest.units:
        raise ModelFileError(
            f"{path} is damaged: its graph gives {engine.units} numbers, its manifest says "
            f"{manifest.units}"
        )
