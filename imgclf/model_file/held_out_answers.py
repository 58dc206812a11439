"""What a model file says of held-out pictures, as thresholds for its answers are chosen by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgclf.errors import ModelFileError
from imgclf.model.class_thresholds import HeldOutAnswers
from imgclf.model_file.archive import HELD_OUT, ModelArchive
from imgclf.model_file.held_out import Answer, read_held_out
from imgclf.model_file.manifest import Manifest
from imgclf.model_file.pictures_seen import read_pictures_seen, short_digest


def held_out_answers(path: Path, manifest: Manifest) -> HeldOutAnswers:
    """Those of the version itself, corrections included, to validation pictures.

    The test part has no say, so that it still tells how well chosen the thresholds are; nor have
    pictures that the model was corrected by, and those of classes that it has no more.

    Args:
        path: The model file.
        manifest: Its manifest.

    Raises:
        ModelFileError: It doesn't say, or is damaged.
    """
    with ModelArchive(path) as archive:
        seen, held_out = read_pictures_seen(archive, manifest), read_held_out(archive, manifest)
    found: list[tuple[str, Answer]] = []
    if seen is not None and held_out is not None:
        corrected = {short_digest(one.digest) for one in manifest.corrections}
        unfit = seen.training | seen.test | corrected
        found = [
            (one.label, one.answer)
            for digest, one in held_out.pictures.items()
            if one.answer is not None and digest not in unfit and one.label in manifest.class_names
        ]
    if not found:
        raise ModelFileError(
            f"{path} doesn't say how sure it is of pictures that were held out from its training: "
            "it was made by an earlier imgclf, or adopted, or corrected by other pictures alone",
            "train it again: imgclf train CONFIG; or name limits yourself: --min-confidence SHARE",
        )
    strange = sorted({answer.label for _, answer in found}.difference(manifest.class_names))
    if strange:
        raise ModelFileError(
            f"{path} is damaged: {HELD_OUT}: it says {strange[0]!r}, none of its classes"
        )
    index = {name: place for place, name in enumerate(manifest.class_names)}
    return HeldOutAnswers(
        np.array([index[label] for label, _ in found], np.int64),
        np.array([index[answer.label] for _, answer in found], np.int64),
        1 - np.array([answer.doubt for _, answer in found], np.float64),
    )
