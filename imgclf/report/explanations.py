"""Why a model says what it says of a picture: where it looked, and what it knows like it."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from imgclf.corrections.most_alike import KnownPictures, known_pictures
from imgclf.data.decoder import DecoderSettings, Pixels, decode
from imgclf.errors import ModelFileError, PictureError
from imgclf.model.class_activation import class_activations
from imgclf.model.engine import SplitEngine
from imgclf.model.numbers import Array
from imgclf.model.probabilities import to_probabilities
from imgclf.model_file.classifier import Classifier
from imgclf.report.pages import as_jpeg
from imgclf.system import console
from imgclf.system.threads import map_in_threads

MOST: Final = 500
"""Pictures that are looked at once more, which takes some 10 ms each."""

_SIZE: Final = 96
_AT_ONCE: Final = 32


class Alike(Struct, frozen=True):
    """A training picture.

    Attributes:
        similarity: Of its features to those of the picture that it explains, at most 1.
        jpeg: A small file of it, as the network sees it.
    """

    label: str
    similarity: float
    jpeg: bytes


class Looked(Struct, frozen=True):
    """Where a network saw a class.

    Attributes:
        label: The class: what the model says.
        shape: (height, width) of the places.
        values: A byte for each place, from 0 to 255.
        settings: How the picture came to the network, which says where the places lie in it.
    """

    label: str
    shape: tuple[int, int]
    values: bytes
    settings: DecoderSettings

    def __post_init__(self) -> None:
        if len(self.values) != self.shape[0] * self.shape[1]:
            raise ValueError(f"{len(self.values)} values for {self.shape} places")

    def as_data(self) -> tuple[str, str]:
        """For a script: the class, and the values in base64."""
        return self.label, base64.b64encode(self.values).decode("ascii")

    def view(self) -> dict[str, object]:
        """Likewise what is the same for all pictures: how many places, and where they lie."""
        size = self.settings.height, self.settings.width
        return {"places": self.shape, "size": size, "resize": self.settings.resize}


class Why(Struct, frozen=True):
    """What explains an answer.

    Attributes:
        looked: None of a network that ends in something else than an average and one Dense layer.
        alike: The most like first; none where no training pictures are kept beside the model.
    """

    looked: Looked | None
    alike: tuple[Alike, ...]


class Explanations:
    """Explains the answers of a model: each as it is given, or those for files afterwards."""

    def __init__(self, classifier: Classifier, engine: SplitEngine, known: KnownPictures | None):
        self._manifest, self._engine, self._known = classifier.manifest, engine, known
        self._jpegs: dict[int, Alike] = {}
        self._waiting = deque[Why]()

    @classmethod
    def by(cls, classifier: Classifier, model: Path) -> Explanations | None:
        """Those of a model; None if its features can't be had by themselves.

        Args:
            classifier: The model, ready to answer.
            model: Its file, beside which lie pictures that it was trained on.
        """
        if not isinstance(classifier.engine, SplitEngine):
            return None
        try:
            with console.track("looking at what the model knows"):
                known = known_pictures(model, classifier)
        except ModelFileError as error:
            console.warning(f"{error.message}: no training pictures are shown beside others")
            known = None
        return cls(classifier, classifier.engine, known)

    @property
    def watched(self) -> Classifier:
        """The model, each of whose answers is explained as it is given; see `following`."""
        engine = _Watched(self._engine, lambda *seen: self._waiting.extend(self._why(*seen)))
        return Classifier(self._manifest, engine)

    def following(self) -> Why | None:
        """What explains the next answer of `watched`, in the order in which it gave them."""
        return self._waiting.popleft() if self._waiting else None

    def of_files(self, paths: Sequence[str]) -> dict[str, Why]:
        """What explains the answers for pictures, by path, for which they are looked at once more.

        Args:
            paths: The pictures; those that can't be read are left out.
        """
        settings, found = self._manifest.decoder.settings(), dict[str, Why]()

        def read(path: str) -> tuple[str, Pixels] | None:
            try:
                return path, decode(path, settings)
            except PictureError:
                return None

        with console.track("looking at pictures once more", len(paths)) as advance:
            for start in range(0, len(paths), _AT_ONCE):
                some = paths[start : start + _AT_ONCE]
                there = [one for one in map_in_threads(read, some) if one is not None]
                if there:
                    seen = self._engine.run_with_maps(np.stack([pixels for _, pixels in there]))
                    found |= zip([path for path, _ in there], self._why(*seen), strict=True)
                advance(len(some))
        return found

    def _why(self, outputs: Array, features: Array, maps: Array) -> Iterator[Why]:
        manifest = self._manifest
        said = to_probabilities(outputs, manifest.head).argmax(axis=1)
        seen = class_activations(self._engine.head, features, maps, said)
        known = [()] * len(said) if self._known is None else self._known.most_alike(features)
        for row, (label, alike) in enumerate(zip(said.tolist(), known, strict=True)):
            yield Why(
                None if seen is None else self._looked(manifest.class_names[label], seen[row]),
                tuple(self._shown(one.place, one.similarity) for one in alike),
            )

    def _looked(self, label: str, values: NDArray[np.uint8]) -> Looked:
        height, width = values.shape
        settings = self._manifest.decoder.settings()
        return Looked(label, (height, width), values.tobytes(), settings)

    def _shown(self, place: int, similarity: float) -> Alike:
        assert self._known is not None
        if place not in self._jpegs:
            label = self._known.class_names[self._known.samples.labels[place]]
            [pixels] = self._known.samples.pixels_at(slice(place, place + 1))
            self._jpegs[place] = Alike(label, 1.0, as_jpeg(pixels, _SIZE))
        one = self._jpegs[place]
        return Alike(one.label, similarity, one.jpeg)


def explained(classifier: Classifier, model: Path, paths: Sequence[str]) -> dict[str, Why]:
    """What explains the answers for the first `MOST` of some pictures, by path.

    Args:
        classifier: The model, ready to answer.
        model: Its file.
        paths: The pictures.
    """
    if not paths or (explanations := Explanations.by(classifier, model)) is None:
        return {}
    return explanations.of_files(paths[:MOST])


class _Watched(SplitEngine):
    """Tells somebody what it makes of pictures whose features are asked for."""

    def __init__(self, engine: SplitEngine, tell: Callable[[Array, Array, Array], None]) -> None:
        super().__init__(engine.features, engine.head)
        self._tell = tell

    def run_with_features(self, pixels: Pixels) -> tuple[Array, Array]:
        """As ever."""
        outputs, features, maps = self.run_with_maps(pixels)
        self._tell(outputs, features, maps)
        return outputs, features
