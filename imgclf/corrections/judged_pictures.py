"""What a correction did to held-out pictures, one by one, for the model's file to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgclf.corrections.feature_memory import JudgedFeatures
from imgclf.corrections.guard import Rights
from imgclf.corrections.replay_memory import Samples
from imgclf.model.probabilities import Probabilities
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.held_out import HeldOut, Right, read_held_out
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import DIGEST_SIZE, read_pictures_seen


def judged_pictures(
    held_out: Samples, class_names: Sequence[str], right: Rights, said: Probabilities
) -> HeldOut | None:
    """How a version does on pictures; None if nobody knows which files they are.

    Args:
        held_out: That it is judged by.
        class_names: In output order.
        right: Which of them come out right.
        said: Of them, calibrated, shape (pictures, classes).
    """
    digests = _digests(held_out)
    if digests is None:
        return None
    return HeldOut.of(digests, held_out.labels, class_names, (right.trained, right.after), said)


def judged_features(
    archive: ModelArchive, manifest: Manifest, held_out: JudgedFeatures, right: Rights
) -> HeldOut | None:
    """The same of pictures of which there are features; None too if they are others than then.

    Args:
        archive: The model file as it is.
        manifest: Its manifest.
        held_out: What it is judged by, and what is said of it.
        right: Which of them come out right.
    """
    seen = read_pictures_seen(archive, manifest)
    digests = [row.tobytes()[:DIGEST_SIZE] for row in held_out.features.digests]
    if seen is None or not (seen.validation | seen.test).issuperset(digests):
        return None
    labels, rights = held_out.features.labels, (right.trained, right.after)
    return HeldOut.of(digests, labels, held_out.class_names, rights, held_out.said)


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
