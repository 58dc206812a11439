"""The feature memory: features of training and held-out pictures, kept beside a model.

The last layer is solved again over these when a picture is corrected. A training keeps them if the
pretrained network stays as it came, for it has computed them all; else they are computed for the
first correction, of the pictures that are kept to replay (`find_features`). They lie in
`NAME.history/features.npz`, as float16 (2.5 kB for a picture in EfficientNetLite0, where its pixels
take 150).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.replay_memory import DEFAULT_BYTES, balanced_rows
from imgclf.data.decoder import Pixels
from imgclf.errors import ModelFileError
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.lookup import history_directory
from imgclf.model_file.manifest import Manifest
from imgclf.system.files import atomic_write
from imgclf.system.kept_arrays import load_arrays, texts_in

if TYPE_CHECKING:
    from imgclf.data.dataset import Part  # which brings all that a config can say

DIGEST = 32
"""Bytes of a SHA-256."""


@dataclass(frozen=True)
class LabelledFeatures:
    """Features of pictures, or of several views of each.

    Attributes:
        values: float16, shape (pictures, features).
        labels: Shape (pictures,).
        digests: SHA-256 of the pictures' files, or of their pixels where no file is known (see
            `pixels_digest`), uint8, shape (pictures, 32).
    """

    values: NDArray[np.float16]
    labels: NDArray[np.int64]
    digests: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pictures(self) -> int:
        """How many there are, whatever the number of views."""
        return len({row.tobytes() for row in self.digests})

    def without(self, digests: Sequence[str]) -> LabelledFeatures:
        """Less the pictures with these digests, in hexadecimal."""
        unwanted = {bytes.fromhex(digest) for digest in digests}
        kept = [row for row in range(len(self)) if self.digests[row].tobytes() not in unwanted]
        return LabelledFeatures(self.values[kept], self.labels[kept], self.digests[kept])


@dataclass(frozen=True)
class JudgedFeatures:
    """Features of held-out pictures that nobody corrected, and what a head says of them.

    Attributes:
        class_names: What their labels are indices into; in output order.
        said: Calibrated, shape (pictures, classes).
    """

    features: LabelledFeatures
    class_names: tuple[str, ...]
    said: Probabilities


@dataclass(frozen=True)
class FeatureMemory:
    """Features of pictures that a model was trained on, and of others, to judge it by.

    Attributes:
        graph: SHA-256 of the LiteRT graph that they are from, in hexadecimal.
        class_names: What the labels are indices into.
    """

    training: LabelledFeatures
    judge: LabelledFeatures
    graph: str
    class_names: tuple[str, ...]


def pixels_digest(pixels: Pixels) -> str:
    """SHA-256 of a picture as it was decoded, in hexadecimal: of replayed ones no file is known."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def choose_features(
    training: tuple[Part, NDArray[np.float16]],
    validation: tuple[Part, NDArray[np.float16]],
    graph: bytes,
    class_names: tuple[str, ...],
    seed: int,
    size: int = DEFAULT_BYTES,
) -> FeatureMemory | None:
    """Chooses what to keep of a data set, balanced over the classes.

    Args:
        training: The part, and the features of its pictures, shape (pictures, features).
        validation: Likewise.
        graph: The LiteRT graph that they are from.
        class_names: Of both, in output order.
        seed: Of the choice.
        size: Bytes that may be taken, a third of them by what judges.

    Returns:
        None if there is no room for a picture of each.
    """
    room = size // (2 * training[1].shape[1])
    judged = min(len(validation[0]), max(room // 3, room - len(training[0])))
    remembered = _choose(*training, room - judged, seed)
    judging = _choose(*validation, judged, seed)
    if not remembered or not judging:
        return None
    return FeatureMemory(remembered, judging, hashlib.sha256(graph).hexdigest(), class_names)


def save_features(model: Path, memory: FeatureMemory) -> None:
    """Writes the features of a model, replacing what there was.

    Raises:
        WriteError: There is no room for them.
    """
    parts = {"training": memory.training, "judge": memory.judge}
    arrays = {
        f"{name}_{key}": getattr(part, key)
        for name, part in parts.items()
        for key in ("values", "labels", "digests")
    }
    atomic_write(
        _file(model),
        lambda stream: np.savez(
            stream,
            graph=np.array(memory.graph),
            class_names=np.array(memory.class_names),
            **arrays,
        ),
        size=sum(array.nbytes for array in arrays.values()),
    )


def load_features(model: Path, manifest: Manifest) -> FeatureMemory | None:
    """The features of a model; None if it has none, or if they are another network's.

    Raises:
        ModelFileError: They are damaged.
    """
    path = _file(model)
    try:
        arrays = load_arrays(path)
        if str(arrays["graph"]) != manifest.features_sha256:
            return None
        names = texts_in(arrays, "class_names")
        training, judge = (_read(arrays, part, len(names)) for part in ("training", "judge"))
        memory = FeatureMemory(training, judge, str(arrays["graph"]), names)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise ModelFileError(f"{path} is damaged: {error}", "train the model again") from error
    # A model of the same network that was trained on other classes may be rolled back to.
    trained_on = manifest.class_names[: len(manifest.class_names) - manifest.new_classes]
    return memory if memory.class_names == trained_on else None


def forget_features(model: Path) -> None:
    """Removes the features of a model, if it has any."""
    _file(model).unlink(missing_ok=True)


def _file(model: Path) -> Path:
    return history_directory(model) / "features.npz"


def _choose(part: Part, values: NDArray[np.float16], count: int, seed: int) -> LabelledFeatures:
    rows = balanced_rows(part.labels, count, seed)
    digests = b"".join(bytes.fromhex(part.pictures[row].digest) for row in rows.tolist())
    return LabelledFeatures(
        np.asarray(values[rows], np.float16),
        part.labels[rows],
        np.frombuffer(digests, np.uint8).reshape(-1, DIGEST),
    )


def _read(arrays: Mapping[str, NDArray[Any]], name: str, num_classes: int) -> LabelledFeatures:
    part = LabelledFeatures(
        arrays[f"{name}_values"], arrays[f"{name}_labels"], arrays[f"{name}_digests"]
    )
    count = part.labels.size
    kinds = [array.dtype.str for array in (part.values, part.labels, part.digests)]
    if (
        kinds != ["<f2", "<i8", "|u1"]
        or part.values.ndim != 2
        or part.labels.shape != (count,)
        or part.digests.shape != (count, DIGEST)
        or len(part.values) != count
        or not count
        or not ((part.labels >= 0) & (part.labels < num_classes)).all()
    ):
        raise ValueError(f"its {name} pictures don't fit together")
    return part
