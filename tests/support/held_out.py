"""What a model file keeps of answers to held-out pictures, beside what the model says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.data.picture_files import file_digest
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.classifier import open_classifier
from imgclf.model_file.held_out import read_held_out
from imgclf.model_file.pictures_seen import short_digest

Says = tuple[list[str], NDArray[np.float64]]
"""Labels, and how sure the model is of each."""


def kept_and_asked(model: Path, folder: Path) -> tuple[Says, Says]:
    """Of the pictures below a folder that the file keeps something of, by path."""
    from imgclf.commands.predict import predict

    with ModelArchive(model) as archive:
        held_out = read_held_out(archive, archive.manifest())
    assert held_out is not None
    found = {path: short_digest(file_digest(path)) for path in sorted(folder.rglob("*.*"))}
    pictures = {
        path: held_out.pictures[one] for path, one in found.items() if one in held_out.pictures
    }
    assert len(pictures) == len(held_out.pictures)
    answers = [one.answer for one in pictures.values()]
    rows = list(predict(open_classifier(model), map(str, pictures)))
    kept = [one for one in answers if one is not None]
    assert len(kept) == len(answers)
    return (
        ([one.label for one in kept], 1 - np.array([one.doubt for one in kept])),
        ([str(row.label) for row in rows], np.array([row.confidence or 0.0 for row in rows])),
    )


def assert_its_own(model: Path, folder: Path, tolerance: float = 1e-4) -> None:
    """What is kept of held-out pictures below a folder is what the model says of them now."""
    kept, asked = kept_and_asked(model, folder)
    assert kept[0] == asked[0]
    np.testing.assert_allclose(kept[1], asked[1], atol=tolerance)
