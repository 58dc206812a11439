"""What a correction did to held-out pictures, one by one, for the model's file to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.feature_memory import LabelledFeatures
from imgclf.corrections.guard import Rights
from imgclf.corrections.replay_memory import Samples
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.held_out import HeldOut, Right, read_held_out
from imgclf.model_file.pictures_seen import DIGEST_SIZE

_Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


def judged_pictures(held_out: Samples, class_names: Sequence[str], right: Rights) -> HeldOut | None:
    """How a version does on pictures; None if nobody knows which files they are.

    Args:
        held_out: That it is judged by.
        class_names: In output order.
        right: Which of them come out right.
    """
    digests = _digests(held_out)
    if digests is None:
        return None
    return HeldOut.of(digests, held_out.labels, class_names, right.trained, right.after)


def judged_by_features(
    held_out: LabelledFeatures, class_names: Sequence[str], trained: _Layer, now: _Layer
) -> HeldOut:
    """The same of a last layer on stored features.

    Args:
        held_out: That it is judged by.
        class_names: In output order.
        trained: Kernel (features, units) and bias (units,) as they were trained.
        now: Those of the version.
    """
    digests = (row.tobytes()[:DIGEST_SIZE] for row in held_out.digests)
    rights = (_right(held_out, layer) for layer in (trained, now))
    return HeldOut.of(digests, held_out.labels, class_names, *rights)


def known_rights(model: Path, held_out: Samples) -> tuple[Right, Right] | None:
    """Which pictures a model had right as it was trained, and which it has now.

    Args:
        model: The model file, whatever was corrected in it.
        held_out: The pictures.

    Returns:
        Shape (pictures,) each; None if it doesn't say.

    Raises:
        ModelFileError: It is damaged.
    """
    with ModelArchive(model) as archive:
        known = read_held_out(archive, archive.manifest())
    digests = _digests(held_out)
    return None if known is None or digests is None else known.right(digests)


def _digests(held_out: Samples) -> list[bytes] | None:
    if held_out.digests is None:
        return None
    return [row.tobytes() for row in held_out.digests]


def _right(held_out: LabelledFeatures, layer: _Layer) -> Right:
    kernel, bias = layer
    logits = held_out.values.astype(np.float64) @ kernel + bias
    said = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    right: Right = said == held_out.labels
    return right
